"""Orders, SKUs and samples of files into the database, a batch at a time; and invented ones, for measuring."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from contracts.errors import Conflict
from contracts.providers import FoundCompany
from contracts.sales_rows import OrderRow, SalesRow, SampleRow, SkuRow
from db import leads
from db.sql import load
from db.transaction import Pool, Tx, transaction

SQL = load("sales")
#: Orders of one transaction of the seed command, and lines an order has there.
SEED_PART, SEED_LINES = 2_000, 5


@dataclass(frozen=True, slots=True)
class Sold:
    """What rows became: by what each one is known, whether it is new, and which companies are."""

    keys: list[int]
    new: list[bool]
    companies: list[bool]


async def bring(tx: Tx, tenant: UUID, rows: Sequence[SalesRow], *, source: str) -> Sold:
    """Rows of one kind. What stands already is corrected; companies come through the door of discovery, SKUs by their code."""
    skus = [row for row in rows if isinstance(row, SkuRow)]
    if skus:
        return await _bring_skus(tx, tenant, skus)
    orders = [row for row in rows if isinstance(row, OrderRow)]
    if orders:
        return await _bring_orders(tx, tenant, orders, source)
    return await _bring_samples(tx, tenant, [row for row in rows if isinstance(row, SampleRow)], source)


async def _bring_skus(tx: Tx, tenant: UUID, rows: Sequence[SkuRow]) -> Sold:
    last = {row.code: row for row in rows}
    kept = list(last.values())
    found = await tx.fetch(
        SQL["put_skus"], tenant, list(last), [r.name for r in kept], [r.on_hand for r in kept], [r.lead_days for r in kept],
        [r.review_days for r in kept], [r.active for r in kept],
    )  # fmt: skip
    return _sold([("sku", row.code) for row in rows], {("sku", r["code"]): r["new"] for r in found})


async def _bring_orders(tx: Tx, tenant: UUID, rows: Sequence[OrderRow], source: str) -> Sold:
    companies, created = await _companies(tx, tenant, [row.company for row in rows], source)
    skus = await _skus(tx, tenant, {row.sku for row in rows})
    heads = {row.order: (company, row) for company, row in zip(companies, rows, strict=True)}
    orders = await tx.fetch(
        SQL["put_orders"], tenant, source, list(heads), [c for c, _ in heads.values()], [r.ordered_at for _, r in heads.values()],
        [r.delivered_at for _, r in heads.values()],
    )  # fmt: skip
    ids = {r["ext_id"]: r["id"] for r in orders}
    lines = {(ids[row.order], row.line): row for row in rows}
    found = await tx.fetch(
        SQL["put_lines"], tenant, [order for order, _ in lines], [line for _, line in lines],
        [skus[row.sku] for row in lines.values()], [row.quantity for row in lines.values()],
        [row.unit_price for row in lines.values()],
    )  # fmt: skip
    await tx.execute(SQL["add_up"], tenant, list(ids.values()))
    new = {(r["order_id"], r["line"]): r["new"] for r in found}
    # By the file's own words: ids of a rehearsal are others the next time.
    by_words: dict[tuple[str, ...], bool] = {("line", row.order, row.line): new[key] for key, row in lines.items()}
    return _sold([("line", row.order, row.line) for row in rows], by_words, created)


async def _bring_samples(tx: Tx, tenant: UUID, rows: Sequence[SampleRow], source: str) -> Sold:
    companies, created = await _companies(tx, tenant, [row.company for row in rows], source)
    skus = await _skus(tx, tenant, {row.sku for row in rows})
    last = {row.sample: (company, row) for company, row in zip(companies, rows, strict=True)}
    found = await tx.fetch(
        SQL["put_samples"], tenant, source, list(last), [c for c, _ in last.values()], [skus[r.sku] for _, r in last.values()],
        [r.rep for _, r in last.values()], [r.given_at for _, r in last.values()],
    )  # fmt: skip
    return _sold([("sample", row.sample) for row in rows], {("sample", r["ext_id"]): r["new"] for r in found}, created)


async def _companies(tx: Tx, tenant: UUID, found: Sequence[FoundCompany], source: str) -> tuple[list[UUID], list[bool]]:
    brought = await leads.bring(tx, tenant, found, source=source, with_leads=False)
    return [company for company in brought.ids if company is not None], brought.companies


async def _skus(tx: Tx, tenant: UUID, codes: set[str]) -> dict[str, UUID]:
    return {row["code"]: row["id"] for row in await tx.fetch(SQL["know_skus"], tenant, sorted(codes))}


def _sold(
    keys: Sequence[tuple[str, ...]], new: dict[tuple[str, ...], bool], companies: Sequence[bool] | None = None
) -> Sold:
    """The first row of a key is the new one, if any is."""
    seen: set[tuple[str, ...]] = set()
    fresh: list[bool] = []
    for key in keys:
        fresh.append(new[key] and key not in seen)
        seen.add(key)
    return Sold([hash(key) for key in keys], fresh, list(companies or [False] * len(keys)))


async def seed(pool: Pool, tenant: UUID, lines: int, *, force: bool = False) -> dict[str, int]:
    """Invented customers, SKUs, orders, lines and samples, the same every time. Gives how many of each.

    Raises: Conflict (`not_empty`) when the tenant has companies or orders, unless `force`; (`seeded`) when it was seeded before.
    """
    orders = max(1, lines // SEED_LINES)
    customers, skus = max(1, orders // 10), max(10, min(2000, orders // 50))
    async with transaction(pool, tenant) as tx:
        if not (force or await tx.fetchval(SQL["empty"], tenant)):
            raise Conflict(
                "this tenant has companies or orders already: seed one made for it (`headwater tenants create`), or say --force",
                code="not_empty",
            )
        if await tx.fetchval(SQL["seeded"], tenant):
            words = "this tenant was seeded before, and the same would come again: seed another (`headwater tenants create`)"
            raise Conflict(words, code="seeded")
        await tx.execute(SQL["seed_companies"], tenant, customers)
        await tx.execute(SQL["seed_skus"], tenant, skus)
    for first in range(1, orders + 1, SEED_PART):
        last = min(orders, first + SEED_PART - 1)
        async with transaction(pool, tenant) as tx:
            await tx.execute(SQL["seed_orders"], tenant, first, last)
    async with transaction(pool, tenant) as tx:
        await tx.execute(SQL["seed_samples"], tenant)
    return {
        "customers": customers,
        "skus": skus,
        "orders": orders,
        "lines": orders * SEED_LINES,
        "samples": orders // 10,
    }
