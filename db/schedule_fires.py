"""Firing: an occurrence's row, the run it starts and the schedule's next time are one commit, by whoever comes first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog

from contracts.errors import Rejected
from contracts.schedules import Outcome
from contracts.settings import Settings
from contracts.tenants import SYSTEM_TENANT
from contracts.timing import Settled, Timing, settle, stagger, standing
from db import schedule_starts
from db.schedule_starts import Began, Occasion
from db.sql import load
from db.transaction import DbRole, Pool, Tx, transaction

SQL = load("schedule_fires")
#: How long an occurrence that could not be started waits before it is tried again, in seconds; doubled each time, an hour at most.
RETRY_S = 15.0
log = structlog.get_logger("db.schedule_fires")


@dataclass(frozen=True, slots=True)
class Fired:
    """A schedule that was settled, and how many of its occurrences were. `started`: and had something begun."""

    tenant_id: UUID
    name: str
    settled: int
    started: int


async def fire_next(pool: Pool, settings: Settings) -> Fired | None:
    """Settle one schedule that is due, in a transaction of its own. None: nothing is due that nobody else holds.

    A schedule that cannot be started (a bug, a lock not had, no time) is put off and holds up no other. Raises: Unavailable and the
    driver's errors when the database is away.
    """
    due: Any = None
    try:
        async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
            due = await tx.fetchrow(SQL["claim"])
            return await _fire(tx, settings, due) if due is not None else None
    except Exception as error:
        if due is None:
            raise
        # Also a statement that took too long, which would come first again and again. A database that is away says so here.
        await _put_off(pool, due, error)
        return Fired(due["tenant_id"], due["name"], 0, 0)


async def _fire(tx: Tx, settings: Settings, due: Any) -> Fired:
    tenant, schedule_id = due["tenant_id"], due["id"]
    timing = Timing(due["cron"], due["zone"], due["jitter_s"], due["catch_up"])
    offset = stagger(schedule_id, timing.jitter_s)
    settled = settle(timing, due["next_due_at"], due["now"], offset)
    idle: str | None = f"the tenant is {due['status']}"
    if due["status"] == "active":
        idle = schedule_starts.closed(due["kind"], settings, due["slug"])
    reasons = [reason or idle for _, reason in settled.occurrences]
    moments = [moment for moment, _ in settled.occurrences]
    new = {r["due_at"]: r["starts"] for r in await tx.fetch(SQL["settle"], tenant, schedule_id, moments, reasons)}
    started = [await _start(tx, settings, due, moment) for moment in moments if new.get(moment)]
    await _move_on(tx, due, settled, offset)
    for moment, reason in zip(moments, reasons, strict=True):
        if reason is not None and moment in new:
            log.info(
                "schedule_skipped", tenantId=str(tenant), schedule=due["name"], dueAt=moment.isoformat(), reason=reason
            )
    return Fired(tenant, due["name"], len(moments), sum(started))


async def _move_on(tx: Tx, due: Any, settled: Settled, offset: Any) -> None:
    last = max((moment for moment, _ in settled.occurrences), default=None)
    await tx.execute(SQL["move_on"], due["tenant_id"], due["id"], settled.next_due_at, offset, last)


async def _start(tx: Tx, settings: Settings, due: Any, moment: datetime) -> bool:
    """Begin what one occurrence is for. What was refused is noted as failed, with the reason: asking again would not mend it."""
    tenant, schedule_id = due["tenant_id"], due["id"]
    occasion = Occasion(tenant, due["name"], due["kind"], due["params"], moment)
    outcome: Outcome = "started"
    await tx.execute(SQL["savepoint"])
    try:
        began = await schedule_starts.start(tx, settings, occasion)
    except Rejected as error:
        await tx.execute(SQL["undo"])
        outcome, began = "failed", Began(note=f"{error.code}: {error.detail}")
    await tx.execute(SQL["began"], tenant, schedule_id, moment, outcome, began.note, began.run_id)
    said = {"tenantId": str(tenant), "schedule": due["name"], "dueAt": moment.isoformat(), "reason": began.note}
    runs_as = str(began.run_id) if began.run_id else None
    if outcome == "failed":
        log.warning("schedule_failed", **said, nextStep="headwater schedules list shows it: correct its parameters")
    else:
        log.info("schedule_fired", **said, kind=due["kind"], runId=runs_as)
    return outcome == "started"


async def _put_off(pool: Pool, due: Any, error: Exception) -> None:
    told = f"{type(error).__name__}: {error}"
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        times = await tx.fetchval(SQL["postpone"], due["tenant_id"], due["id"], due["next_due_at"], told, RETRY_S)
    log.error("schedule_put_off", exc_info=error, tenantId=str(due["tenant_id"]), schedule=due["name"], failures=times)


async def next_in(pool: Pool) -> float | None:
    """Seconds until a schedule is due, negative when one is; None: there is none."""
    async with transaction(pool, None, role=DbRole.SYSTEM, read_only=True) as tx:
        seconds: float | None = await tx.fetchval(SQL["next_in"])
    return seconds


async def ensure_standing(pool: Pool, settings: Settings, *, follow: bool = False) -> int:
    """Give every tenant the schedules it never had. Returns how many. `follow`: those that nobody changed take on the settings."""
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        now: datetime = await tx.fetchval(SQL["now"])
        made = standing(settings)
        due = [Timing(each.cron, each.zone, 0, "once").next_after(now) for each in made]
        names, crons, zones = ([getattr(each, part) for each in made] for part in ("name", "cron", "zone"))
        if follow:
            await tx.execute(SQL["follow"], names, crons, zones, due)
        said: str = await tx.execute(
            SQL["ensure"], SYSTEM_TENANT, [each.house for each in made], [each.kind for each in made], names, crons, zones,
            [dict(each.params or {}) for each in made], due,
        )  # fmt: skip
    return int(said.rsplit(" ", 1)[-1])
