"""Vendors: who can be asked, what came of it, what it cost, and what a run would cost."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from api.auth import require
from api.deps import PoolDep, SettingsDep
from contracts.budgets import defaults
from contracts.providers import Channel
from contracts.runs import CreateRun
from contracts.tenants import Principal, Role
from contracts.texts import Title
from contracts.vendor_calls import CallFilter, CallPage, CallQuery
from contracts.vendors import Forecast, VendorList, forecast
from db import budgets, discovery_queries, pace, vendor_calls, vendors
from db.transaction import DbRole, transaction

router = APIRouter(prefix="/v1/vendors", tags=["vendors"])
Reader = Annotated[Principal, Depends(require(Role.VIEWER))]
Count = Annotated[int | None, Query(ge=1, le=100_000)]


@router.get("", name="list")
async def list_vendors(
    principal: Reader,
    pool: PoolDep,
    settings: SettingsDep,
    days: Annotated[float, Query(ge=0.01, le=366, description="how far the figures look back")] = 7,
) -> VendorList:
    """Every operation with calls, hits, cost, latency, errors and breaker; the absent ones, with the reason; budgets."""
    # Breakers are the installation's; the figures never leave the tenant.
    async with transaction(pool, None, role=DbRole.SYSTEM, read_only=True) as tx:
        breakers = await pace.breakers(tx)
    async with transaction(pool, principal.tenant_id, read_only=True) as tx:
        since, views = await vendors.figures(tx, [principal.tenant_id], breakers, days * 86_400)
        left = await budgets.standing(tx, principal.tenant_id, defaults(settings))
    return VendorList(since=since, vendors=views, budgets=left)


@router.get("/calls", name="calls")
async def list_calls(asked: Annotated[CallQuery, Query()], principal: Reader, pool: PoolDep) -> CallPage:
    """The ledger call by call, newest first: what came of each and what it cost. `days` back, or from `since` to `until`."""
    which = CallFilter.model_validate(asked.model_dump(exclude={"limit", "cursor"}))
    async with transaction(pool, principal.tenant_id, read_only=True) as tx:
        return await vendor_calls.list_(tx, [principal.tenant_id], which, limit=asked.limit, cursor=asked.cursor)


@router.get("/forecast", name="forecast")
async def show_forecast(
    principal: Reader,
    pool: PoolDep,
    settings: SettingsDep,
    channels: Annotated[list[Channel] | None, Query(max_length=10)] = None,
    queries: Annotated[list[Title] | None, Query(max_length=1000)] = None,
    limit: Count = None,
    max_companies: Count = None,
    max_queries: Annotated[int | None, Query(ge=1, le=1000)] = None,
) -> Forecast:
    """What a discovery run with these parameters would cost at most, against what is left. Asks nobody, changes nothing."""
    body = CreateRun(
        channels=channels, queries=queries, limit=limit, max_companies=max_companies, max_queries=max_queries
    )
    async with transaction(pool, principal.tenant_id, read_only=True) as tx:
        params = await discovery_queries.params_of(tx, principal.tenant_id, body, settings)
        left = await budgets.standing(tx, principal.tenant_id, defaults(settings))
        return forecast(params, await vendors.known(tx), left)
