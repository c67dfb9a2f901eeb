"""One fault, played: an installation of forked processes, a run asked of it, one process that fails at a point, and what is
left behind compared with an undisturbed run.
"""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

import httpx

from contracts.tenants import Role
from db import access
from db.transaction import transaction
from tests.api.server_fixture import JWT_SECRET
from tests.crash.nursery import Child, Nursery
from tests.flows.installation import Desk, Installation, desk_at
from tests.providers.sandbox_fixture import RunningSandbox

ProcessRole = Literal["api", "dispatch", "jobs", "maintain"]
#: What a process goes through. `paid`: two pages that cost money. `free`: two queries over several pages of the register.
#: `stumbling`: as `free`, but the vendor is busy once, and the first worker dies with a job in its hands.
Story = Literal["paid", "free", "stumbling"]
CHANNEL: Mapping[Story, str] = {"paid": "google", "free": "register", "stumbling": "register"}
PATIENCE_S = 60.0
#: A client that waits longer than this asks another API process, under the same key.
CLIENT_S = 4.0
#: Companies of the two queries have nothing in common, so the order in which slices are read changes no row.
QUERIES = ("workwear manufacturers Johannesburg", "uniform suppliers Botswana")
SETTINGS = {
    "JWT_SECRET": JWT_SECRET,
    "DISCOVERY_PAGE_SIZE": "6",
    "DISPATCH_POLL_S": "0.5",
    "WORKER_HEARTBEAT_S": "0.3",
    "WORKER_DEAD_AFTER_S": "2",
}
COMMANDS: Mapping[ProcessRole, tuple[str, ...]] = {
    "dispatch": ("worker", "--only", "dispatch"),
    "maintain": ("worker", "--only", "maintain"),
    "api": ("api", "--port", "0"),
    "jobs": ("worker", "--only", "jobs"),
}
#: What runs beside the process a story is about.
BESIDE: tuple[ProcessRole, ...] = ("dispatch", "jobs", "maintain")
#: Points that come with time, however short the run is.
TIMED = (
    "_presence/queue.beat",
    "Heartbeat._beat/queue.beat",
    "sweep_once/commit",
    "ledger.adrift",
    "watch.look_once/alert_looks.outbox",
    "Wake._send/queue.wake",
)


@dataclass(frozen=True, slots=True)
class Cell:
    """One process of `role` fails once, in the way HEADWATER_FAULTS says, in a story."""

    role: ProcessRole
    action: Literal["kill", "stop", "cut"]
    side: Literal["before", "after"]
    point: str
    story: Story

    @property
    def setting(self) -> str:
        return f"{self.action}:{self.side}:{self.point}"

    def __str__(self) -> str:
        return f"{self.role}, {self.story}: HEADWATER_FAULTS={self.setting}"


@dataclass(frozen=True, slots=True)
class Left:
    """What a run left behind, free of ids and times. `lost`: paid pages (channel, query) whose answer was written off."""

    status: str
    slices: list[tuple[Any, ...]]
    records: list[tuple[Any, ...]]
    paid: float
    lost: frozenset[tuple[str, str]]


async def eventually(true: Callable[[], bool | Awaitable[bool]], otherwise: str, within_s: float = PATIENCE_S) -> None:
    """Fails saying `otherwise`."""
    deadline = time.monotonic() + within_s
    while True:
        answer = true()
        if answer if isinstance(answer, bool) else await answer:
            return
        assert time.monotonic() < deadline, f"{otherwise} (waited {within_s:g} s)"
        await asyncio.sleep(0.05)


@dataclass
class Scene:
    """An installation of one database, one sandbox and one tenant."""

    nursery: Nursery
    desk: Desk
    sandbox: RunningSandbox
    environment: Mapping[str, str]
    folder: Path
    running: list[Child] = field(default_factory=list)

    async def start(self, *words: str, **environment: str) -> Child:
        child = await self.nursery.start(*words, environment={**self.environment, **environment}, folder=self.folder)
        self.running.append(child)
        return child

    async def up(self, *words: str) -> Child:
        """The same, working when this returns."""
        child = await self.start(*words)
        await eventually(lambda: child.ready is not None or child.ended.done(), f"{words} did not become ready")
        assert child.ready is not None, (
            f"{words} ended with {child.ended.result()}: {child.log_path.read_text()[-1000:]}"
        )
        return child

    async def ask(self, story: Story, apis: Callable[[], list[Child]] | None) -> UUID:
        """Ask for a run: of the API processes, one after the other until one says 202; without any, as the API does."""
        body: dict[str, Any] = {"channels": [CHANNEL[story]], "queries": list(QUERIES), "max_companies": 2000}
        if apis is None:
            return await self.desk.start(**body, page_size=6)
        key = await self._key()
        deadline = time.monotonic() + PATIENCE_S
        headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": "one"}
        async with httpx.AsyncClient(timeout=CLIENT_S, headers=headers) as client:
            while time.monotonic() < deadline:
                for api in apis():
                    if api.ready is None or api.ended.done():
                        continue
                    try:
                        answer = await client.post(f"{api.ready.split()[1]}/v1/discovery/runs", json=body)
                    except httpx.TransportError:
                        continue
                    assert answer.status_code in (202, 503), f"POST was answered {answer.status_code}: {answer.text}"
                    if answer.status_code == 202:
                        return UUID(answer.json()["id"])
                await asyncio.sleep(0.1)
        raise AssertionError("no API process ever answered 202")

    async def _key(self) -> str:
        async with transaction(self.desk.pool, self.desk.tenant) as tx:
            _, key = await access.create_key(tx, self.desk.tenant, "key", Role.OPS, by="tests")
        return key

    async def quiet(self, run_id: UUID) -> None:
        """Wait until the run has ended and nothing of it waits or runs any more."""
        try:
            await eventually(lambda: self._over(run_id), "the run does not end")
        except AssertionError as error:
            raise AssertionError(f"{error}: {await self._stands(run_id)}") from None
        nothing = (
            "SELECT NOT EXISTS (SELECT FROM queue.procrastinate_jobs) AND NOT EXISTS (SELECT FROM app.outbox_events)"
            " AND NOT EXISTS (SELECT FROM app.job_executions WHERE state IN ('queued', 'running', 'waiting'))"
        )
        await eventually(lambda: self._true(nothing), "work is left after the end of the run")

    async def _over(self, run_id: UUID) -> bool:
        return await self._true("SELECT status NOT IN ('pending', 'running') FROM app.runs WHERE id = $1", run_id)

    async def _stands(self, run_id: UUID) -> object:
        runs = await self.desk.rows("SELECT status, open_slices FROM app.runs WHERE id = $1", run_id)
        jobs = await self.desk.rows("SELECT job, state, token, crashes FROM app.job_executions ORDER BY id")
        who = [
            (" ".join(c.words), c.pid, c.ended.result() if c.ended.done() else "runs", c.stopped) for c in self.running
        ]
        return runs, jobs, who

    async def _true(self, query: str, *arguments: Any) -> bool:
        return bool(await self.desk.one(query, *arguments))

    async def left(self, run_id: UUID) -> Left:
        """What the run left, after everything about it was found in order."""
        check, proof = await self.desk.check(run_id), await self.desk.proof()
        assert check.ok, f"runs verify: {check.findings}"
        assert (proof.ok, proof.lost, proof.doubled, proof.orphaned) == (True, 0, 0, 0), f"outbox verify: {proof}"
        assert await self.desk.one("SELECT count(*) FROM app.runs") == 1, "one request made several runs"
        asleep = (
            "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND xact_start < clock_timestamp() - interval '1 second')"
        )
        await eventually(lambda: self._true(asleep), "a session is left in its transaction")
        run = await self.desk.show(run_id)
        slices = [(s.channel, s.query, s.state, s.error_code) for s in run.slices or ()]
        records = await self.desk.login.fetch(_RECORDS, run_id)
        lost = frozenset((c, q) for c, q, _, code in slices if code == "forfeited")
        return Left(run.status, sorted(slices), [tuple(r) for r in records], await self._paid(lost), lost)

    async def _paid(self, lost: frozenset[tuple[str, str]]) -> float:
        """Paid requests as the vendor counted them; the ledger must tell the same story."""
        asked = [r for r in self.sandbox.requests() if r["credits"]]
        twice = [r for r in asked if r["count"] > 1]
        assert not twice, f"paid twice: {twice}"
        calls = await self.desk.rows("SELECT state, units_spent FROM app.vendor_calls WHERE billable ORDER BY id")
        spent, paid = sum(c["units_spent"] for c in calls), sum(r["credits"] for r in asked)
        unsure = sum(c["state"] == "forfeited" for c in calls)
        assert spent - unsure <= paid <= spent, f"the vendor billed {paid}, the ledger says {calls}"
        assert {c["state"] for c in calls} <= {"answered", "forfeited", "released"}, calls
        assert unsure <= len(lost), f"{unsure} calls are written off, but {len(lost)} slices say so"
        return float(paid)


_RECORDS = """
SELECT s.channel, s.query, r.page, r.external_id, r.status, c.name, c.country, c.domain, c.registry_id, l.status,
       (SELECT count(*) FROM app.contacts k WHERE k.tenant_id = c.tenant_id AND k.company_id = c.id)
  FROM app.source_records r
  JOIN app.run_slices s ON s.tenant_id = r.tenant_id AND s.id = r.slice_id
  LEFT JOIN app.companies c ON c.tenant_id = r.tenant_id AND c.id = r.company_id
  LEFT JOIN app.leads l ON l.tenant_id = r.tenant_id AND l.company_id = c.id
 WHERE r.run_id = $1 ORDER BY 1, 2, 3, 4
"""


@asynccontextmanager
async def scene(nursery: Nursery, url: str, sandbox: RunningSandbox, folder: Path) -> AsyncIterator[Scene]:
    """A database without processes yet; all of them are gone at the end."""
    sandbox.reset()
    settings = {**Installation(url, sandbox, folder).environment(), **SETTINGS}
    async with desk_at(url) as desk:
        made = Scene(nursery, desk, sandbox, settings, folder)
        try:
            yield made
        finally:
            for child in made.running:
                await child.kill()


async def undisturbed(made: Scene, story: Story) -> Left:
    """What a run leaves where nobody is made to fail."""
    await made.up("worker", *[word for each in BESIDE for word in ("--only", each)])
    run_id = await made.ask(story, None)
    await made.desk.wake()
    await made.quiet(run_id)
    return await made.left(run_id)


async def observed(made: Scene, story: Story, folder: Path) -> dict[ProcessRole, list[dict[str, Any]]]:
    """The points that the processes pass in a story, each from its start to its end."""
    files = {role: folder / f"{story}-{role}" for role in COMMANDS}
    seen: dict[ProcessRole, list[dict[str, Any]]] = {}
    watched: list[Child] = []
    await _trip(made, story)
    for role, file in files.items():
        file.touch()
        if role == "jobs":
            run_id = await made.ask(story, lambda: watched)
            await _doom(made, story)
        watched.append(await made.start(*COMMANDS[role], HEADWATER_FAULTS=f"observe:{file}"))
        await eventually(lambda: watched[-1].ready is not None, f"{role} did not become ready")
    await made.quiet(run_id)

    def missing() -> list[str]:
        told = "".join(file.read_text() for file in files.values())
        return [text for text in TIMED if text not in told]

    try:
        await eventually(lambda: not missing(), "not all timed points came")
    except AssertionError as error:
        raise AssertionError(f"{error}: {missing()}") from None
    for child in watched:
        child.signal(signal.SIGTERM)
        await eventually(child.ended.done, f"{child.words} does not end")
    for role, file in files.items():
        seen[role] = [json.loads(line) for line in file.read_text().splitlines()]
    return seen


async def play(made: Scene, cell: Cell, expected: Left) -> str:
    """Play a cell. Gives a word on how it went. Raises: AssertionError saying what is wrong."""
    run_id, victim = await _begin(made, cell.story, cell.role, cell.setting)
    keeper = asyncio.create_task(_replace(made, cell, victim))
    try:
        await eventually(lambda: victim.ready is not None or _failed(cell, victim), "the process never came up")
        if run_id is None:
            run_id = await made.ask(cell.story, lambda: [c for c in made.running if c.words[0] == "api"])
        await made.desk.wake()
        await made.quiet(run_id)
        if cell.action == "cut":
            keeper.cancel()  # from here on it ends because we say so
        await _leave(cell, victim)
        if cell.action != "cut":
            await keeper
    finally:
        keeper.cancel()
        await asyncio.gather(keeper, return_exceptions=True)
    await made.quiet(run_id)
    found = await made.left(run_id)
    _compare(found, expected)
    return "forfeited" if found.lost else "whole"


async def _begin(made: Scene, story: Story, role: ProcessRole, setting: str) -> tuple[UUID | None, Child]:
    """Everybody but the one that the story is about is working; that one has been started. Gives the run, if it is asked for."""
    await _trip(made, story)
    others = [each for each in BESIDE if each != role and (each, story) != ("jobs", "stumbling")]
    await made.up("worker", *[word for each in others for word in ("--only", each)])
    run_id = None if role == "api" else await made.ask(story, None)
    await _doom(made, story)
    if story == "stumbling" and role != "jobs":
        await made.up(*COMMANDS["jobs"])
    return run_id, await made.start(*COMMANDS[role], HEADWATER_FAULTS=setting)


async def _trip(made: Scene, story: Story) -> None:
    """The vendor is busy once, and takes its time to say so."""
    if story == "stumbling":
        made.sandbox.fault("429", vendor="gleif", retry_after_s=0.2, latency_ms=1500)


async def _doom(made: Scene, story: Story) -> None:
    """The first worker dies with a job in its hands."""
    if story == "stumbling":
        taken = "kill:after:worker.queue.fetcher.Fetcher.take/queue.fetch"
        doomed = await made.start(*COMMANDS["jobs"], HEADWATER_FAULTS=taken)
        await eventually(doomed.ended.done, "the first worker did not die")


def _failed(cell: Cell, victim: Child) -> bool:
    if cell.action == "kill":
        return victim.ended.done()
    return victim.stopped or victim.has_stopped if cell.action == "stop" else bool(victim.log("fault"))


async def _replace(made: Scene, cell: Cell, victim: Child) -> None:
    """As a supervisor would: start another once the fault has struck. Who only lost a connection must help itself, or end."""
    await eventually(lambda: _failed(cell, victim), "the point was never reached")
    if cell.action == "cut":
        await eventually(victim.ended.done, "it goes on, as it should")
    await made.up(*COMMANDS[cell.role])


async def _leave(cell: Cell, victim: Child) -> None:
    """Some points are passed only on the way out. A zombie learns what happened meanwhile, finishes what it was at, and goes."""
    if not _failed(cell, victim):
        victim.signal(signal.SIGTERM)
        await eventually(lambda: _failed(cell, victim) or victim.ended.done(), "neither fault nor end")
    assert _failed(cell, victim), "the point was never reached"
    victim.signal(signal.SIGCONT)
    victim.signal(signal.SIGTERM)
    await eventually(victim.ended.done, "the process does not end")
    if cell.action == "kill":
        ended = victim.ended.result()
        assert ended == -signal.SIGKILL, (
            f"it was not killed, but ended with {ended}: {victim.log_path.read_text()[-1000:]}"
        )


def _compare(found: Left, expected: Left) -> None:
    """Equal, but for paid pages whose answer was written off: those slices are empty and say so."""
    kept = [r for r in expected.records if (r[0], r[1]) not in found.lost]
    assert found.records == kept, f"rows differ: {sorted(set(kept) ^ set(found.records))[:6]}"
    slices = [(c, q, "error", "forfeited") if (c, q) in found.lost else (c, q, s, e) for c, q, s, e in expected.slices]
    assert found.slices == slices, f"slices differ: {found.slices}"
    assert found.paid <= expected.paid, f"{found.paid} paid requests, {expected.paid} undisturbed"
    assert expected.paid - found.paid <= len(found.lost), "requests are missing that nobody reports as unknown"
    whole = len(expected.slices)
    status = "failed" if len(found.lost) == whole else "partial" if found.lost else expected.status
    assert found.status == status, f"the run is {found.status}, not {status}"
