"""What operators say of queues, tenants and vendors: how much at once, how often, and what stands still. System role throughout.

`db.limited_fetch` obeys limits, `db.queue` pauses, `db.pace` the pause of a vendor. A tenant's pause is `db.pauses`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from contracts.errors import Invalid, NotFound
from contracts.jobs import QUEUES
from contracts.limits import Held, Limit, LimitScope, SetLimit
from contracts.tenants import SYSTEM_TENANT
from db import pauses, tenants, vendors
from db.access import audit
from db.sql import load
from db.transaction import Tx

SQL = load("limits")
#: Nobody wants to know more exactly how much stands behind a limit.
MOST_BEHIND = 10_000
#: Requests are counted in windows, and none is longer than those of the settings.
LONGEST_WINDOW_S = 32 * 86_400


@dataclass(frozen=True, slots=True)
class Hold:
    """What keeps queued jobs from starting. `name`: the queue; empty: all jobs of the tenant."""

    scope: Literal["queue", "tenant"]
    name: str
    held: Literal["paused", "max_running", "rate"]
    max_running: int | None = None
    per_s: float | None = None
    by: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class _Key:
    tenant: UUID
    scope: LimitScope
    name: str
    said: str


async def views(tx: Tx, tenant: UUID | None = None) -> list[Limit]:
    """Every limit and pause; `tenant`: only what is about that one."""
    return [_view(dict(row)) for row in await tx.fetch(SQL["views"], tenant)]


async def holding(tx: Tx, tenants: Sequence[UUID]) -> list[Held]:
    """What keeps work of these tenants from starting now, by scope and name, and how much of theirs stands behind it.

    A pause is named though nothing waits yet; a limit only while it is used up and holds something back.
    """
    rows = [row for row in await tx.fetch(SQL["views"], None) if row["held"] is not None]
    rows = [row for row in rows if row["scope"] != "tenant" or row["tenant_id"] in tenants]
    if not rows:
        return []
    which = [[row[name] for row in rows] for name in ("scope", "name", "tenant_id", "paused")]
    behind = await tx.fetch(SQL["behind"], list(tenants), *which, MOST_BEHIND)
    known = ("scope", "name", "held", "max_running", "per_s", "reason", "by", "since")
    found = [Held(**{name: row[name] for name in known}, **dict(n)) for row, n in zip(rows, behind, strict=True)]
    return [each for each in found if each.held == "paused" or each.jobs]


async def holds(tx: Tx, tenant: UUID) -> list[Hold]:
    """What keeps jobs of a tenant that stand in the queue from starting now."""
    return [Hold(**dict(row)) for row in await tx.fetch(SQL["holds"], tenant)]


async def held(tx: Tx) -> dict[tuple[str, str], int]:
    """How many are `paused` and `limited`: (scope, which) -> number."""
    rows = await tx.fetch(SQL["held"])
    return {(row["scope"], which): row[which] for row in rows for which in ("paused", "limited")}


async def put(tx: Tx, scope: LimitScope, name: str, limit: SetLimit, *, by: str) -> list[Limit]:
    """Limit a queue, a tenant or a vendor, all of it anew. It holds from the commit on; what runs then is finished, and counts.

    Whoever asks a vendor knows within 2 s. Returns how it stands: nothing, when nothing limits or holds it.
    Raises: NotFound (`unknown_queue`, `unknown_vendor`, or the tenant); Invalid; Postgres' lock timeout while a reader lasts.
    """
    if scope == "vendor" and limit.per_s and limit.bucket and limit.bucket / limit.per_s > LONGEST_WINDOW_S:
        raise Invalid(
            "burst / per_s may be a month at most: for a quota of a day or a month see `headwater vendors budgets`"
        )
    key = await _key(tx, scope, name)
    if scope != "vendor":  # fetches do not read those
        await _alone(tx)
    values = (limit.max_running, limit.per_s, limit.bucket)
    if await tx.fetchval(SQL["put"], key.tenant, key.scope, key.name, *values, by) is not None:
        await _audit(tx, key, by, "limits.set", limit.model_dump())
    return await _standing(tx, key)


async def pause(tx: Tx, scope: LimitScope, name: str, *, reason: str, by: str) -> list[Limit]:
    """Let nothing of it start from the commit on; what runs is finished, nothing is lost. Again is no error.

    Whoever asks a vendor knows within 3 s. Raises: NotFound (`unknown_queue`, `unknown_vendor`, or the tenant).
    """
    key = await _key(tx, scope, name)
    if scope == "tenant":
        await pauses.pause(tx, key.tenant, reason=reason, by=by)
        return await _standing(tx, key)
    await _alone(tx)
    if await tx.fetchval(SQL["pause"], key.tenant, key.scope, key.name, reason, by) is not None:
        await _audit(tx, key, by, "limits.pause", {"reason": reason})
    return await _standing(tx, key)


async def resume(tx: Tx, scope: LimitScope, name: str, *, by: str) -> list[Limit]:
    """Go on with what waits. Again is no error. Raises: as `pause`; Conflict (`tenant_suspended`)."""
    key = await _key(tx, scope, name)
    if scope == "tenant":
        await pauses.resume(tx, key.tenant, by=by)
    elif await tx.fetchval(SQL["resume"], key.tenant, key.scope, key.name) is not None:
        await _audit(tx, key, by, "limits.resume", {})
    return await _standing(tx, key)


def _view(row: Mapping[str, Any]) -> Limit:
    return Limit(**{name: value for name, value in row.items() if name != "tenant_id"})


async def _standing(tx: Tx, key: _Key) -> list[Limit]:
    await tx.execute(SQL["forget"], key.tenant, key.scope, key.name)
    return [one for one in await views(tx) if (one.scope, one.name) == (key.scope, key.said)]


async def _alone(tx: Tx) -> None:
    await tx.execute(SQL["patience"])
    await tx.execute(SQL["alone"])


async def _audit(tx: Tx, key: _Key, by: str, action: str, details: dict[str, object]) -> None:
    await audit(tx, key.tenant, by, action, key.scope, key.said, details)


async def _key(tx: Tx, scope: LimitScope, name: str) -> _Key:
    match scope:
        case "tenant":
            return _Key((await tenants.named(tx, name)).id, scope, "", name)
        case "queue":
            if name not in QUEUES:
                raise NotFound(f"there is no queue {name!r}; known: {', '.join(QUEUES)}", code="unknown_queue")
        case "vendor":
            known = await vendors.known(tx)
            if name not in {one.vendor for one in known} | {f"{one.vendor}.{one.operation}" for one in known}:
                raise NotFound(f"no worker knows a vendor {name!r}: headwater vendors list", code="unknown_vendor")
    return _Key(SYSTEM_TENANT, scope, name, name)
