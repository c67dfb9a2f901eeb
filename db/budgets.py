"""Budgets as people see and set them. Reserving and settling is the ledger's (`db/ledger.py`), in two functions of the schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from contracts.budgets import BudgetRule, BudgetView, resets_at
from contracts.tenants import SYSTEM_TENANT
from db.access import audit
from db.sql import load
from db.transaction import Tx

SQL = load("budgets")
_Key = tuple[str, str, str, str]
#: `source` of a rule that somebody set.
SET = "set"


async def standing(
    tx: Tx, tenant: UUID, defaults: Mapping[str, BudgetRule], *, credentials: bool = False
) -> list[BudgetView]:
    """A tenant's budgets in the periods that run now, by vendor; `defaults` by the setting's name.

    `credentials`: those of the house's keys too, which only the system role can read; what others spent stands in them.
    """
    owners = [tenant, *([SYSTEM_TENANT] if credentials and tenant != SYSTEM_TENANT else [])]
    sources: dict[_Key, tuple[str, float]] = {_key(rule): (name, rule.limit) for name, rule in defaults.items()}
    for row in await tx.fetch(SQL["rules"], owners):
        if row["tenant_id"] == _owner(row["scope"], tenant):
            sources[_key(row)] = (SET, row["limit_units"])
    counters = {(_key(row), row["tenant_id"]): row for row in await tx.fetch(SQL["counters"], owners)}
    buckets = await tx.fetchrow(SQL["today"])
    assert buckets is not None
    return [
        _view(key, source, limit, counters.get((key, _owner(key[0], tenant))), dict(buckets))
        for key, (source, limit) in sorted(sources.items(), key=lambda one: (one[0][1:], one[0][0]))
        if credentials or key[0] == "tenant"
    ]


def _view(key: _Key, source: str, limit: float, row: Any, buckets: Mapping[str, str]) -> BudgetView:
    scope, vendor, unit, period = key
    rule: dict[str, Any] = {"scope": scope, "vendor": vendor, "unit": unit, "period": period, "limit": limit}
    if period == "run":
        return BudgetView(**rule, source=source)
    reserved, spent = (row["reserved"], row["spent"]) if row else (0.0, 0.0)
    left, ends = max(0.0, limit - reserved - spent), resets_at("day" if period == "day" else "month", buckets[period])
    return BudgetView(**rule, source=source, reserved=reserved, spent=spent, left=left, resets_at=ends)


async def of_run(tx: Tx, tenant: UUID, run_id: UUID) -> list[dict[str, Any]]:
    """What a run's own budgets hold: scope, vendor, unit, limit_units, reserved, spent."""
    return [dict(row) for row in await tx.fetch(SQL["of_run"], tenant, run_id)]


async def put(tx: Tx, tenant: UUID, rule: BudgetRule, *, by: str) -> None:
    """Set a limit; it holds from the next reservation on. Audited. A credential's limit is the house's (system role)."""
    owner = _owner(rule.scope, tenant)
    await tx.execute(SQL["set"], owner, rule.scope, rule.vendor, rule.unit, rule.period, rule.limit, by)
    await audit(tx, owner, by, "budget.set", "budget", _name(rule), {"limit": rule.limit})


async def take_back(tx: Tx, tenant: UUID, rule: BudgetRule, *, by: str) -> bool:
    """Return to the default. False: nothing was set. Audited."""
    owner = _owner(rule.scope, tenant)
    if await tx.fetchval(SQL["unset"], owner, rule.scope, rule.vendor, rule.unit, rule.period) is None:
        return False
    await audit(tx, owner, by, "budget.unset", "budget", _name(rule))
    return True


async def forget(tx: Tx) -> int:
    """Drop counters of periods long past. System role."""
    return int((await tx.execute(SQL["forget"])).rpartition(" ")[2])


def _owner(scope: str, tenant: UUID) -> UUID:
    return SYSTEM_TENANT if scope == "credential" else tenant


def _name(rule: BudgetRule) -> str:
    return f"{rule.scope}:{rule.vendor}:{rule.unit}:{rule.period}"


def _key(rule: Any) -> _Key:
    get = rule.__getitem__ if not isinstance(rule, BudgetRule) else rule.__getattribute__
    scope, vendor, unit, period = (get(name) for name in ("scope", "vendor", "unit", "period"))
    return scope, vendor, unit, period
