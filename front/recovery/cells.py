"""The faults, each with what it is and how it ends. A fault returns when it is over."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from db import recovery
from db.direct import direct
from front.recovery.house import House

#: How long a server that is away stays away, in seconds; a short one, for quick trials.
OUTAGE_S, SHORT_OUTAGE_S = 60.0, 6.0
#: A process stands still this long: twice as long as makes it dead.
STILL_S = 6.0
#: A storm of kills: how long, and how often in it, in seconds. It ends before one job can have met three of them.
STORM_S, KILL_EVERY_S = 6.0, 0.5
#: How long nothing can be written, in seconds.
FULL_S = 5.0


@dataclass(frozen=True, slots=True)
class Cell:
    """`over_s`: how long the load takes, so that it meets the fault. `after` mends what the fault left on purpose.

    `pooled`: everybody goes through PgBouncer, with LISTEN "direct" or by "polling".
    """

    name: str
    what: str
    fault: Callable[[House], Awaitable[None]]
    over_s: float = 3.0
    after: Callable[[House], Awaitable[None]] | None = None
    pooled: str = ""


async def _restart(at: House) -> None:
    await at.busy_worker()
    await at.on.restart()


async def _outage(at: House) -> None:
    await at.busy_worker()
    await at.on.restart(OUTAGE_S)


async def _short_outage(at: House) -> None:
    await at.busy_worker()
    await at.on.restart(SHORT_OUTAGE_S)


async def _end_backends(at: House) -> None:
    """Three rounds, each over all names: dispatchers, workers, listeners, heartbeats."""
    for _ in range(3):
        await at.busy_worker()
        async with direct(at.on.url) as login:
            for name in await recovery.session_names(login):
                await recovery.end_sessions(login, name)


async def _half_open(at: House) -> None:
    """Every connection there is goes silent; new ones work."""
    await at.busy_worker()
    at.proxy.silence(at.proxy.links())


async def _heal(at: House) -> None:
    at.proxy.heal()


async def _kill_worker(at: House) -> None:
    at.nursery.kill(await at.busy_worker())


async def _worker_storm(at: House) -> None:
    until = time.monotonic() + STORM_S
    while time.monotonic() < until:
        living = at.nursery.living("worker")
        if living:
            at.nursery.kill(living[int(time.monotonic() / KILL_EVERY_S) % len(living)])
        await asyncio.sleep(KILL_EVERY_S)


async def _dispatcher_storm(at: House) -> None:
    until = time.monotonic() + STORM_S
    while time.monotonic() < until:
        for place in at.nursery.living("dispatcher"):
            at.nursery.kill(place)
        await asyncio.sleep(KILL_EVERY_S)


async def _stand_still(at: House) -> None:
    """A worker with jobs in its hands, and a dispatcher."""
    still = [await at.busy_worker(), *at.nursery.living("dispatcher")[:1]]
    for place in still:
        at.nursery.freeze(place)
    await asyncio.sleep(STILL_S)
    for place in still:
        at.nursery.thaw(place)


async def _fill_disk(at: House) -> None:
    await at.busy_worker()
    async with direct(at.on.url) as login:
        await recovery.fill_disk(login, True)
        try:
            await asyncio.sleep(FULL_S)
        finally:
            await recovery.fill_disk(login, False)


async def _move_clock(at: House) -> None:
    """Everybody's last beat is an hour old at once."""
    await at.busy_worker()
    async with direct(at.on.url) as login:
        await recovery.move_clock(login)


async def _deafen(at: House) -> None:
    """From before the first event until all is done; the fault is over for the clock when the last event is committed."""
    at.proxy.deaf = True
    await asyncio.sleep(3.0)


async def _bounce(at: House) -> None:
    """PgBouncer dies and is back a second later."""
    assert at.bouncer is not None
    await at.busy_worker()
    await at.bouncer.stop()
    await asyncio.sleep(1.0)
    await at.bouncer.start()


CELLS = (
    Cell("restart", "immediate restart of Postgres", _restart),
    Cell("outage", f"Postgres away for {OUTAGE_S:.0f} s", _outage),
    Cell("short-outage", f"Postgres away for {SHORT_OUTAGE_S:.0f} s", _short_outage),
    Cell("backends", "pg_terminate_backend of every session, by application_name, three times", _end_backends),
    Cell("half-open", "every connection goes silent, neither end is told", _half_open, after=_heal),
    Cell("worker-kill", "SIGKILL of one worker with jobs in its hands", _kill_worker),
    Cell("worker-storm", f"SIGKILL of a worker every {KILL_EVERY_S} s for {STORM_S:.0f} s", _worker_storm, STORM_S),
    Cell("dispatcher-storm", f"SIGKILL of all dispatchers every {KILL_EVERY_S} s for {STORM_S:.0f} s", _dispatcher_storm, STORM_S),
    Cell("stop", f"SIGSTOP of a worker and a dispatcher for {STILL_S:.0f} s, then SIGCONT", _stand_still, STILL_S),
    Cell("disk-full", f"SQLSTATE 53100 from every hot table for {FULL_S:.0f} s (by triggers)", _fill_disk, FULL_S),
    Cell("clock", "the database's clock jumps an hour ahead", _move_clock),
    Cell("deaf", "every NOTIFY is dropped", _deafen, 3.0, after=_heal),
    Cell("pgbouncer", "PgBouncer in transaction mode dies and comes back; LISTEN direct", _bounce, pooled="direct"),
    Cell("pgbouncer-polling", "the same without a direct connection: polling", _bounce, pooled="polling"),
)  # fmt: skip
#: What a full table has; short trials take the short outage instead of the long one.
FULL = tuple(cell.name for cell in CELLS if cell.name != "short-outage")
