"""A tenant's schedules: made, shown, changed, paused, taken away. What fires them is `db.schedule_fires`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from contracts import cron
from contracts.errors import Conflict, Invalid, NotFound
from contracts.schedules import (
    HOUSE_KINDS,
    MAX_SCHEDULES,
    ChangeSchedule,
    CreateSchedule,
    Fire,
    FirePage,
    NextTimes,
    ScheduleKind,
    SchedulePage,
    SchedulePreview,
    ScheduleView,
    checked_params,
)
from contracts.tenants import SYSTEM_TENANT
from contracts.timing import Timing, stagger
from db import paging, profiles, runs
from db.access import audit
from db.sql import load
from db.transaction import Tx

SQL = load("schedules")
#: Occurrences shown with a schedule, and at most when asked for.
UPCOMING = 3
MOST_TIMES = 100
_NIL = UUID(int=0)
_SECTIONS: dict[str, tuple[type, ...]] = {"fires": (datetime,)}


async def create(tx: Tx, tenant: UUID, body: CreateSchedule, *, by: str) -> ScheduleView:
    """Add a schedule; its first occurrence is the next one from now.

    Raises: Invalid (`bad_params`, `kind_of_the_house`, `bad_schedule`); NotFound for a profile that is not there; Conflict
    (`schedule_exists`, `too_many_schedules`).
    """
    params = await _params(tx, tenant, body.kind, body.params)
    timing = Timing(body.cron, body.zone, body.jitter_s, body.catch_up)
    schedule_id: UUID = await tx.fetchval(runs.SQL["new_id"])
    due = _next(timing, await tx.fetchval(SQL["now"])) if body.enabled else None
    made = await tx.fetchval(
        SQL["create"], tenant, schedule_id, body.kind, body.name, body.cron, body.zone, body.enabled, params, body.jitter_s,
        body.catch_up, due, MAX_SCHEDULES, stagger(schedule_id, body.jitter_s), by,
    )  # fmt: skip
    if made is None and await tx.fetchval(SQL["taken"], tenant, body.name) is not None:
        raise Conflict(
            f"there is a schedule {body.name!r} already: change it, or choose another name", code="schedule_exists"
        )
    if made is None:
        raise Conflict(f"there are {MAX_SCHEDULES} schedules already: remove one first", code="too_many_schedules")
    detail = {"name": body.name, "kind": body.kind, "cron": body.cron, "zone": body.zone}
    await audit(tx, tenant, by, "schedule.created", "schedule", str(schedule_id), detail)
    return await show(tx, tenant, schedule_id)


async def list_(tx: Tx, tenant: UUID, *, cursor: str | None = None, limit: int = 50) -> SchedulePage:
    """Schedules in the order of their making, with their next times. Raises: Invalid (`invalid_cursor`)."""
    try:
        after = UUID(cursor) if cursor else _NIL
    except ValueError:
        raise Invalid("the cursor is not one of ours: leave it out to start anew", code="invalid_cursor") from None
    found = [_view(row) for row in await tx.fetch(SQL["list"], tenant, after, limit + 1)]
    return SchedulePage(items=found[:limit], next_cursor=str(found[limit - 1].id) if len(found) > limit else None)


async def show(tx: Tx, tenant: UUID, schedule_id: UUID) -> ScheduleView:
    """One schedule. Raises: NotFound (`schedule_not_found`)."""
    row = await tx.fetchrow(SQL["show"], tenant, schedule_id)
    if row is None:
        raise _unknown(schedule_id)
    return _view(row)


async def named(tx: Tx, tenant: UUID, name: str) -> UUID:
    """The id of the schedule called `name`, or of that id. Raises: NotFound (`schedule_not_found`)."""
    found: UUID | None = await tx.fetchval(SQL["taken"], tenant, name)
    if found is not None:
        return found
    try:
        return (await show(tx, tenant, UUID(name))).id
    except ValueError:
        raise _unknown(name) from None


async def change(tx: Tx, tenant: UUID, schedule_id: UUID, body: ChangeSchedule, *, by: str) -> ScheduleView:
    """Replace what is named. When it falls due is reckoned anew from now if that changed, or if it was paused.

    Raises: NotFound (`schedule_not_found`); Invalid (`bad_params`, `bad_schedule`).
    """
    row = await tx.fetchrow(SQL["lock"], tenant, schedule_id)
    if row is None:
        raise _unknown(schedule_id)
    given = await _given(tx, tenant, row["kind"], body)
    new = {**dict(row), **given}
    await tx.execute(
        SQL["change"], tenant, schedule_id, new["cron"], new["zone"], new["enabled"], new["params"], new["jitter_s"],
        new["catch_up"], _due(row, new), stagger(schedule_id, new["jitter_s"]), bool(given.keys() - {"enabled"}),
    )  # fmt: skip
    changed = {name: value for name, value in given.items() if value != row[name]}
    if changed:
        await audit(tx, tenant, by, "schedule.changed", "schedule", str(schedule_id), changed)
    return await show(tx, tenant, schedule_id)


async def preview(tx: Tx, tenant: UUID, schedule_id: UUID, body: ChangeSchedule, count: int) -> SchedulePreview:
    """What `change` would make of it, with its next `count` occurrences; refused where that would be. Writes nothing.

    Raises: NotFound (`schedule_not_found`); Invalid (`bad_params`, `bad_schedule`).
    """
    row = await tx.fetchrow(SQL["standing"], tenant, schedule_id)
    if row is None:
        raise _unknown(schedule_id)
    given = await _given(tx, tenant, row["kind"], body)
    new = {**dict(row), **given}
    due = _due(row, new)
    utc, local = _times(_timing(new), due, count)
    return SchedulePreview.model_validate(
        {
            **new,
            "changed": [name for name, value in given.items() if value != row[name]],
            "fires_at": due and due + stagger(schedule_id, new["jitter_s"]),
            "utc": utc,
            "local": local,
        }
    )


async def _given(tx: Tx, tenant: UUID, kind: ScheduleKind, body: ChangeSchedule) -> dict[str, Any]:
    given = body.model_dump(exclude_none=True)
    if body.params is not None:
        given["params"] = await _params(tx, tenant, kind, body.params)
    return given


def _due(row: Any, new: Mapping[str, Any]) -> datetime | None:
    """The occurrence that is next once `row` is as `new` says; None while paused."""
    if not new["enabled"]:
        return None
    due: datetime | None = row["next_due_at"]
    if due is None or (new["cron"], new["zone"]) != (row["cron"], row["zone"]):
        # A clock that was put back must not let it fall due a second time.
        return _next(_timing(new), max(filter(None, (row["now"], row["last_due_at"]))))
    return due


async def pause(tx: Tx, tenant: UUID, schedule_id: UUID, *, by: str) -> ScheduleView:
    """Let nothing fall due until it is resumed; again is no error. Raises: NotFound."""
    return await change(tx, tenant, schedule_id, ChangeSchedule(enabled=False), by=by)


async def resume(tx: Tx, tenant: UUID, schedule_id: UUID, *, by: str) -> ScheduleView:
    """Go on with the next occurrence from now: what came by meanwhile is not made up for. Raises: NotFound."""
    return await change(tx, tenant, schedule_id, ChangeSchedule(enabled=True), by=by)


async def remove(tx: Tx, tenant: UUID, schedule_id: UUID, *, by: str) -> None:
    """Take it away; what it did can still be read in the audit log and its runs. Raises: NotFound (`schedule_not_found`)."""
    name = await tx.fetchval(SQL["remove"], tenant, schedule_id)
    if name is None:
        raise _unknown(schedule_id)
    await audit(tx, tenant, by, "schedule.removed", "schedule", str(schedule_id), {"name": name})


async def fires(tx: Tx, tenant: UUID, schedule_id: UUID, *, cursor: str | None = None, limit: int = 50) -> FirePage:
    """What became of its occurrences, newest first. Raises: NotFound; Invalid (`invalid_cursor`)."""
    await show(tx, tenant, schedule_id)
    before = paging.decode(cursor, _SECTIONS)[1][0] if cursor else paging.LAST_AT
    rows = [
        Fire.model_validate(dict(row)) for row in await tx.fetch(SQL["fires"], tenant, schedule_id, before, limit + 1)
    ]
    following = paging.encode("fires", rows[limit - 1].due_at) if len(rows) > limit else None
    return FirePage(items=rows[:limit], next_cursor=following)


async def next_times(tx: Tx, tenant: UUID, schedule_id: UUID, count: int) -> NextTimes:
    """The next `count` occurrences; none while it is paused. Raises: NotFound (`schedule_not_found`)."""
    found = await show(tx, tenant, schedule_id)
    utc, local = _times(_timing(found.model_dump()), found.next_due_at, count)
    return NextTimes(name=found.name, cron=found.cron, zone=found.zone, utc=utc, local=local)


def _timing(of: Mapping[str, Any]) -> Timing:
    return Timing(of["cron"], of["zone"], of["jitter_s"], of["catch_up"])


def _times(timing: Timing, due: datetime | None, count: int) -> tuple[list[datetime], list[str]]:
    """`due` and what follows it: in UTC, and as the zone's clocks show them."""
    utc = timing.upcoming(due, min(count, MOST_TIMES)) if due else []
    zone = cron.zone_of(timing.zone)
    return utc, [moment.astimezone(zone).isoformat() for moment in utc]


async def _params(tx: Tx, tenant: UUID, kind: ScheduleKind, params: Mapping[str, Any]) -> dict[str, Any]:
    if (kind in HOUSE_KINDS) != (tenant == SYSTEM_TENANT):
        whose = "work for all tenants: only the reserved tenant `system` schedules it"
        words = whose if kind in HOUSE_KINDS else "work of a tenant of its own: `system` has none"
        raise Invalid(f"{kind} is {words}", code="kind_of_the_house")
    read = checked_params(kind, params)
    await profiles.require_open(tx, tenant, getattr(read, "icp_profile_id", None))
    return read.model_dump(mode="json", exclude_unset=True, exclude={"mode"})


def _next(timing: Timing, moment: datetime) -> datetime:
    try:
        return timing.next_after(moment)
    except ValueError as error:
        raise Invalid(f"cron {error}", code="bad_schedule") from None


def _view(row: Any) -> ScheduleView:
    found = ScheduleView.model_validate(dict(row))
    if found.next_due_at is None:
        return found
    timing = Timing(found.cron, found.zone, found.jitter_s, found.catch_up)
    return found.model_copy(update={"upcoming": timing.upcoming(found.next_due_at, UPCOMING)})


def _unknown(which: object) -> NotFound:
    return NotFound(f"no schedule {which}", code="schedule_not_found")
