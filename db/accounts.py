"""Companies as customers: what type of account each is, worked out from its orders."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

from contracts.accounts import Account, AccountOrder, AccountOrderPage, AccountRules, Report
from contracts.errors import NotFound
from db import paging
from db.paging import LAST_UUID
from db.record_errors import in_parts
from db.sql import load
from db.transaction import Tx

SQL = load("accounts")
#: Companies of one statement.
PART = 2000
_SECTIONS: dict[str, tuple[type, ...]] = {"orders": (datetime, UUID)}


async def update_types(tx: Tx, tenant: UUID, at: datetime, rules: AccountRules, say: Callable[[int], None]) -> Report:
    """Work out every customer's type as of `at` (`contracts.accounts` has the definitions). `say` hears how many there are.

    First each customer's own figures: orders, first and last, value of the last year, and the median of the days between orders
    (`percentile_cont(0.5)`; orders of one moment count once). Then the types, in one statement, since KEY depends on all of them:
    at or above the (1 - key_share) quantile (`percentile_disc`) of `value_12m` among those who ordered within the year. A customer
    whose figures cannot be worked out keeps its type.
    """
    report = Report()
    dropped = len(await tx.fetch(SQL["drop_merged"], tenant))
    customers: list[UUID] = [row["id"] for row in await tx.fetch(SQL["subjects"], tenant)]
    say(len(customers))

    async def gather(part: Sequence[UUID]) -> int:
        row = await tx.fetchrow(SQL["gather"], tenant, part, at)
        assert row is not None
        return int(row["changed"])

    await in_parts(tx, customers, PART, gather, report)
    r, left_out = rules, [problem.id for problem in report.problems]
    moved = await tx.fetch(
        SQL["judge"], tenant, at, r.new_days, r.active_days, r.dormant_days, r.risk_factor, r.risk_least_days,
        1 - r.key_share, r.key_orders, left_out,
    )  # fmt: skip
    changed = sum(row["n"] for row in moved)
    report.detail = {
        "figuresChanged": report.changed,
        "typesChanged": changed,
        "changes": {f"{row['before']} -> {row['now']}": row["n"] for row in moved},
        "types": {row["account_type"]: row["n"] for row in await tx.fetch(SQL["types"], tenant)},
    }
    report.changed = changed + dropped
    return report


async def list_(
    tx: Tx,
    tenant: UUID,
    *,
    before: UUID | None = None,
    account_type: str | None = None,
    silent_since: datetime | None = None,
    limit: int = 50,
) -> list[Account]:
    """Accounts, the newest companies first; `silent_since`: the last order is older than that."""
    rows = await tx.fetch(SQL["list"], tenant, before or LAST_UUID, account_type, silent_since, limit)
    return [Account.model_validate(dict(row)) for row in rows]


async def show(tx: Tx, tenant: UUID, company_id: UUID) -> Account:
    """One company as a customer. Raises: NotFound (`company_not_found`)."""
    row = await tx.fetchrow(SQL["show"], tenant, company_id)
    if row is None:
        raise NotFound(f"no company {company_id}", code="company_not_found")
    return Account.model_validate(dict(row))


async def orders(
    tx: Tx, tenant: UUID, company_id: UUID, *, cursor: str | None = None, limit: int = 50
) -> AccountOrderPage:
    """Orders of a company, newest first. Raises: NotFound (`company_not_found`), Invalid (`invalid_cursor`)."""
    key = paging.decode(cursor, _SECTIONS)[1] if cursor else [None, None]
    await show(tx, tenant, company_id)
    rows = await tx.fetch(SQL["orders"], tenant, company_id, *key, limit + 1)
    items = [AccountOrder.model_validate(dict(row)) for row in rows[:limit]]
    more = paging.encode("orders", items[-1].ordered_at, items[-1].id) if len(rows) > limit else None
    return AccountOrderPage(items=items, next_cursor=more)
