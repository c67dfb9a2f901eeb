"""Customers, stock and samples, as the business jobs worked them out."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from api.auth import require
from api.deps import PageDep, PoolDep, before
from api.errors import problems
from contracts.accounts import (
    Account,
    AccountOrderPage,
    AccountPage,
    AccountType,
    LastJobRuns,
    SampleMetricPage,
    Sku,
    SkuPage,
)
from contracts.tenants import Principal, Role
from contracts.texts import Moment, NoNul
from db import accounts, business_jobs, samples, skus
from db.transaction import transaction

router = APIRouter(prefix="/v1", tags=["accounts"])
Reader = Annotated[Principal, Depends(require(Role.VIEWER))]


@router.get("/accounts")
async def list_accounts(
    principal: Reader,
    pool: PoolDep,
    page: PageDep,
    account_type: AccountType | None = None,
    until: Annotated[Moment | None, Query(description="the last order came before that")] = None,
) -> AccountPage:
    """Companies that ever ordered, with their type, last order and value of twelve months; the newest companies first."""
    async with transaction(pool, principal.tenant_id, read_only=True) as tx:
        found = await accounts.list_(
            tx, principal.tenant_id, before=before(page), account_type=account_type, silent_since=until, limit=page.limit + 1
        )  # fmt: skip
    items = found[: page.limit]
    return AccountPage(items=items, next_cursor=str(items[-1].company_id) if len(found) > page.limit else None)


@router.get("/accounts/jobs")
async def last_jobs(principal: Reader, pool: PoolDep) -> LastJobRuns:
    """The four business jobs, each with its newest run that was no dry run."""
    async with transaction(pool, principal.tenant_id, read_only=True) as tx:
        return LastJobRuns(items=await business_jobs.last(tx, principal.tenant_id))


@router.get("/accounts/{company_id}", responses=problems(404))
async def show_account(company_id: UUID, principal: Reader, pool: PoolDep) -> Account:
    """One company as a customer; one that never ordered is a PROSPECT."""
    async with transaction(pool, principal.tenant_id, read_only=True) as tx:
        return await accounts.show(tx, principal.tenant_id, company_id)


@router.get("/accounts/{company_id}/orders", responses=problems(404))
async def list_orders(company_id: UUID, principal: Reader, pool: PoolDep, page: PageDep) -> AccountOrderPage:
    """Orders of a company and of those merged into it, newest first."""
    async with transaction(pool, principal.tenant_id, read_only=True) as tx:
        return await accounts.orders(tx, principal.tenant_id, company_id, cursor=page.cursor, limit=page.limit)


@router.get("/skus")
async def list_skus(
    principal: Reader,
    pool: PoolDep,
    page: PageDep,
    code: Annotated[str | None, Query(min_length=1, max_length=100), NoNul] = None,
    low: Annotated[bool, Query(description="only what runs out before it can be had again")] = False,
) -> SkuPage:
    """What is sold, how fast it goes and how long it lasts; newest first."""
    async with transaction(pool, principal.tenant_id, read_only=True) as tx:
        found = await skus.list_(tx, principal.tenant_id, before=before(page), code=code, low=low, limit=page.limit + 1)
    items = found[: page.limit]
    return SkuPage(items=items, next_cursor=str(items[-1].id) if len(found) > page.limit else None)


@router.get("/skus/{sku_id}", responses=problems(404))
async def show_sku(sku_id: UUID, principal: Reader, pool: PoolDep) -> Sku:
    """One SKU."""
    async with transaction(pool, principal.tenant_id, read_only=True) as tx:
        return await skus.show(tx, principal.tenant_id, sku_id)


@router.get("/sample-metrics")
async def list_sample_metrics(
    principal: Reader,
    pool: PoolDep,
    page: PageDep,
    sku_id: UUID | None = None,
    rep: Annotated[str | None, Query(min_length=1, max_length=200), NoNul] = None,
) -> SampleMetricPage:
    """How many samples led to an order, by SKU, rep and month given; the latest month first."""
    async with transaction(pool, principal.tenant_id, read_only=True) as tx:
        return await samples.metrics(
            tx, principal.tenant_id, sku_id=sku_id, rep=rep, cursor=page.cursor, limit=page.limit
        )
