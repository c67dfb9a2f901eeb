"""A soak from beginning to end: an installation of processes, a load, a storm, quiet, the proof."""

from __future__ import annotations

import asyncio
import multiprocessing
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg

from contracts.errors import Hopeless, Unavailable
from contracts.tenants import Role
from db import access, soak, tenants
from db.commands import prepare
from db.direct import direct
from db.transaction import CONNECTION_ERRORS, DbRole, Pool, transaction
from front.client import Client
from front.soak import bodies, proof
from front.soak.ground import Ground, free_ports, ground
from front.soak.nursery import Nursery
from front.soak.producer import ROLLED_BACK
from front.soak.proof import Proof
from front.soak.proxy import Proxy
from front.soak.schedule import blows
from front.soak.side import Side
from front.soak.storm import Storm
from worker.providers.sandbox.addresses import sandbox_env

#: What forked processes find imported already.
PRELOAD = ["headwater", "front.soak.bodies"]
#: The installation: workers without and with a dispatcher, dispatchers, producers, tenants of the load.
WORKERS, WHOLE_WORKERS, DISPATCHERS, PRODUCERS, TENANTS = 3, 1, 2, 2, 6
#: Heartbeats and patience of its workers: short, so that a kill is noticed soon.
QUICK = {"worker_heartbeat_s": 0.2, "worker_dead_after_s": 1.2, "dispatch_poll_s": 1.0}
#: How long every vendor takes to answer, in milliseconds: time for blows to fall between question and answer.
LATENCY_MS = 150
#: Seconds between two lines of progress, between two looks while it drains, and the shortest patience with that.
TELL_S, LOOK_S, DRAIN_S = 5.0, 1.0, 240.0
#: How often what was given up is retried.
ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Asked:
    """What a soak is asked to do. `database_url`: a server to make a scratch database on, instead of one of its own."""

    seed: int
    minutes: float
    kills: int
    restarts: int
    events: int
    database_url: str | None = None
    keep: bool = False


@dataclass
class _Soak:
    asked: Asked
    folder: Path
    on: Ground
    pool: Pool
    proxy: Proxy
    nursery: Nursery
    say: Callable[[str], None]
    settings: dict[str, Any]
    load: list[UUID]
    side_tenant: UUID
    storm: Storm
    side: Side
    proof: Proof
    began: float


async def soak_once(asked: Asked, folder: Path, say: Callable[[str], None]) -> dict[str, Any]:
    """Run one soak in `folder`, telling `say` how it goes. Returns the report; its `ok` says whether everything holds.

    Raises: Unavailable, Hopeless when it could not be run.
    """
    async with ground(asked.database_url, folder, keep=asked.keep) as on, _installed(asked, folder, on, say) as made:
        report: dict[str, Any] = {"seed": asked.seed, "minutes": asked.minutes, "server": on.source}
        at = time.monotonic()
        await _storm(made)
        report["storm_s"], at = round(time.monotonic() - at, 1), time.monotonic()
        await _quiet(made)
        report["drain_s"] = round(time.monotonic() - at, 1)
        await _prove(made)
        return _reported(made, report)


@asynccontextmanager
async def _installed(asked: Asked, folder: Path, on: Ground, say: Callable[[str], None]) -> AsyncIterator[_Soak]:
    began = time.monotonic()
    say(f"seed {asked.seed}; {on.source}; logs in {folder}")
    await prepare(on.url)
    async with direct(on.url) as login:
        await soak.make_tables(login)
    (folder / "tmp").mkdir()
    pool, proxy, nursery = await soak.watching(on.url), Proxy(*on.address), Nursery(PRELOAD)
    try:
        await proxy.start()
        load, side_tenant, key = await _tenants(pool)
        api_port, sandbox_port = free_ports(2)
        sandbox = Client(f"http://127.0.0.1:{sandbox_port}")
        api = Client(f"http://127.0.0.1:{api_port}", timeout_s=15)
        api.token = key
        storm = Storm(on, proxy, nursery, pool, sandbox)
        settings = _settings(folder, sandbox.url)
        made = _Soak(
            asked, folder, on, pool, proxy, nursery, say, settings, load, side_tenant, storm, Side(api), Proof(), began
        )
        _populate(made, api_port, sandbox_port)
        await _until_answers(sandbox)
        await asyncio.to_thread(sandbox.post, "/__control/latency", {"ms": LATENCY_MS})
        yield made
    finally:
        await nursery.close()
        await proxy.stop()
        pool.terminate()


async def _tenants(pool: Pool) -> tuple[list[UUID], UUID, str]:
    """Tenants of the load, the one that asks for runs, and its API key."""
    made = []
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        for n in range(TENANTS + 1):
            made.append((await tenants.create(tx, f"soak-{n}", by="headwater soak")).id)
    async with transaction(pool, made[-1]) as tx:
        _, key = await access.create_key(tx, made[-1], "soak", Role.OPS, by="headwater soak")
    return made[:-1], made[-1], key


def _settings(folder: Path, sandbox_url: str) -> dict[str, Any]:
    return {
        **QUICK,
        "env": "soak",
        "headwater_data": str(folder),
        "db_pool_size": 6,
        "worker_concurrency": 25,
        "worker_drain_s": 10.0,
        "vendor_timeout_s": 3.0,
        "discovery_max_runtime_seconds": 90,
        # The storm is about kills and cuts: a minute's rate and a day's budget would only make it wait.
        "vendor_limits": {name: {"windows": [[100_000, 60]], "concurrency": 1000} for name in ("tavily", "gleif")},
        "tavily_max_queries": 10**9,
        **{name.lower(): value for name, value in sandbox_env(sandbox_url).items()},
        "jwt_secret": secrets.token_urlsafe(32),
    }


def _populate(made: _Soak, api_port: int, sandbox_port: int) -> None:
    """Processes of every kind. All but producers and sandbox reach the database through the proxy."""
    url, alike = made.on.through(made.proxy.port), {"folder": str(made.folder), "settings": made.settings}
    made.nursery.fill("sandbox", bodies.sandbox, port=sandbox_port, **alike)
    for parts, n in ((("jobs",), WORKERS), (("dispatch", "jobs", "maintain"), WHOLE_WORKERS)):
        for _ in range(n):
            made.nursery.fill("worker", bodies.worker, url=url, parts=parts, **alike)
    for _ in range(DISPATCHERS):
        made.nursery.fill("dispatcher", bodies.worker, url=url, parts=("dispatch", "maintain"), **alike)
    made.nursery.fill("api", bodies.api, url=url, port=api_port, **alike)
    # A little faster than needed: producers are killed too, and wait for a server that is away.
    rate = made.asked.events / (made.asked.minutes * 60) / PRODUCERS * 1.25 * 100 / (100 - ROLLED_BACK)
    for _ in range(PRODUCERS):
        made.nursery.fill("producer", bodies.producer, url=made.on.url, tenants=made.load, rate=rate, **alike)


async def _storm(made: _Soak) -> None:
    asked = made.asked
    planned = blows(asked.seed, asked.minutes, kills=asked.kills, restarts=asked.restarts if made.on.data else 0)
    telling = asyncio.create_task(_tell(made))
    siding = asyncio.create_task(made.side.run())
    storming = asyncio.create_task(made.storm.run(planned))
    try:
        await asyncio.wait({siding, storming, telling}, return_when=asyncio.FIRST_COMPLETED)
        for task in (siding, storming, telling):
            if task.done():
                task.result()
        await _until_emitted(made)
        made.say("the storm is over")
        await made.storm.calm()
        await made.nursery.dismiss("producer", 5)
        made.side.stopping = True
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(siding), 60)
    finally:
        for task in (telling, siding, storming):
            task.cancel()
        await asyncio.gather(telling, siding, storming, return_exceptions=True)


async def _until_emitted(made: _Soak) -> None:
    """Producers that a slow machine has held up may take as long again."""
    deadline = time.monotonic() + max(60.0, made.asked.minutes * 60)
    while time.monotonic() < deadline:
        seen = await _progress(made)
        if seen and seen["causes"] >= made.asked.events:
            return
        await asyncio.sleep(LOOK_S)


async def _quiet(made: _Soak) -> None:
    """Let everything end; then retry what was given up, as an operator would, and let that end too."""
    telling = asyncio.create_task(_tell(made))
    try:
        for _ in range(ROUNDS):
            if not await _drained(made):
                made.proof.findings.append("it did not drain: headwater outbox stats, headwater jobs list")
                return
            if not await proof.retry_given_up(made.pool, made.proof):
                return
        if await _drained(made):
            left = await proof.retry_given_up(made.pool, made.proof)
            made.proof.expect(
                left == 0, f"{left} jobs gave up again in quiet weather: headwater jobs list --state dead"
            )
    finally:
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)


async def _drained(made: _Soak) -> bool:
    deadline = time.monotonic() + max(DRAIN_S, made.asked.minutes * 60)
    while time.monotonic() < deadline:
        seen = await _progress(made)
        if seen and not (seen["waiting"] or seen["queued"] or seen["runs"]) and not await soak.unfinished(made.pool):
            return True
        await asyncio.sleep(LOOK_S)
    return False


async def _prove(made: _Soak) -> None:
    made.say("everybody leaves; the record is compared")
    statuses = {kind: await made.nursery.dismiss(kind, 30) for kind in ("api", "worker", "dispatcher")}
    made.proof.numbers["exits"] = statuses
    made.proof.expect(
        not any(any(each) for each in statuses.values()), f"SIGTERM did not end everybody well: {statuses}"
    )
    sessions = await proof.none_left(made.pool, 20)
    await proof.compare(made.pool, made.proof)
    await proof.compare_runs(made.pool, made.side_tenant, made.side, made.proof)
    await proof.compare_bills(made.pool, made.storm.sandbox, made.proof)
    await proof.compare_rescues(made.pool, made.nursery.kills, made.proof)
    proof.read_logs(made.folder, made.proof)
    await made.nursery.dismiss("sandbox", 10)
    files = sum(1 for _ in (made.folder / "tmp").iterdir()) + made.on.temporary_files()
    left = {"sessions": sessions, "files": files, "processes": len(multiprocessing.active_children())}
    made.proof.numbers["left"] = left
    made.proof.expect(not any(left.values()), f"something is left behind: {left}")


def _reported(made: _Soak, report: dict[str, Any]) -> dict[str, Any]:
    asked, hits, numbers = made.asked, made.storm.hits, made.proof.numbers
    killed = hits["kill worker"] + hits["kill dispatcher"]
    expect = made.proof.expect
    expect(killed == asked.kills, f"{killed} kills instead of {asked.kills}")
    expect(numbers["events"] >= asked.events, f"only {numbers['events']} events instead of {asked.events}")
    if made.on.data is not None:
        expect(hits["restart"] == asked.restarts, f"{hits['restart']} restarts instead of {asked.restarts}")
        expect(made.on.recoveries == hits["restart"], f"only {made.on.recoveries} restarts were crashes")
    return {
        "ok": not made.proof.findings,
        **report,
        "took_s": round(time.monotonic() - made.began, 1),
        "events_per_s": round(numbers["events"] / max(1.0, numbers["emitting_s"] or 1.0), 1),
        "hits": dict(hits),
        "recoveries": made.on.recoveries,
        "longest_stop_s": round(made.on.longest_stop_s, 1),
        "longest_start_s": round(made.on.longest_start_s, 1),
        "notifications_dropped": made.proxy.notifications_dropped,
        "ends": dict(made.nursery.ends),
        **numbers,
        "findings": made.proof.findings,
    }


async def _tell(made: _Soak) -> None:
    while True:
        await asyncio.sleep(TELL_S)
        seen, hits = await _progress(made) or {}, made.storm.hits
        counted = "  ".join(f"{name} {n:,}" for name, n in seen.items()) or "(the database is away)"
        kills = hits["kill worker"] + hits["kill dispatcher"]
        made.say(f"{time.monotonic() - made.began:6.0f} s  {counted}  kills {kills}  restarts {hits['restart']}")


async def _progress(made: _Soak) -> dict[str, int] | None:
    try:
        return await soak.progress(made.pool)
    except (Unavailable, *CONNECTION_ERRORS, asyncpg.PostgresError):
        return None


async def _until_answers(client: Client) -> None:
    for _ in range(300):
        with suppress(Unavailable):
            await asyncio.to_thread(client.get, "/__control/requests")
            return
        await asyncio.sleep(0.1)
    raise Hopeless("the vendor sandbox does not start", code="sandbox_did_not_start")
