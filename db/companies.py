"""Companies as they are shown: one row each, whatever was merged into it, with what is known and from whom."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from contracts.errors import NotFound
from contracts.identity import name_core
from contracts.matching import CompanyDetail, ListedCompany
from db import merges, survivorship
from db.paging import LAST_UUID
from db.sql import load
from db.transaction import Tx

SQL = load("companies")
#: The few of a run, by their own index. Behind OFFSET 0 the planner does not see the order, for which it would read all.
ALL = "app.companies /* path */"
BY_RUN = "(SELECT r.* FROM app.companies r WHERE r.tenant_id = $1 AND r.created_by_run = $5 OFFSET 0)"


async def list_(
    tx: Tx,
    tenant: UUID,
    *,
    before: UUID | None = None,
    country: str | None = None,
    run_id: UUID | None = None,
    limit: int = 50,
) -> list[ListedCompany]:
    """Companies, newest first; `run_id`: those that a run created. `before` is the last id of the page before."""
    query = SQL["list"].replace(ALL, BY_RUN) if run_id is not None else SQL["list"]
    rows = await tx.fetch(query, tenant, before or LAST_UUID, country, limit, run_id)
    return [ListedCompany.model_validate(dict(r)) for r in rows]


async def search(
    tx: Tx, tenant: UUID, name: str, *, country: str | None = None, limit: int = 20
) -> list[ListedCompany]:
    """Companies called like `name`, the likest first, at most 50."""
    rows = await tx.fetch(SQL["search"], tenant, name_core(name), country, limit)
    return [ListedCompany.model_validate(dict(r)) for r in rows]


async def show(tx: Tx, tenant: UUID, company_id: UUID, *, as_of: datetime | None = None) -> CompanyDetail:
    """One company with every field's history; of a merged one, the survivor. Raises: NotFound (`company_not_found`)."""
    stands_for = await merges.root(tx, tenant, company_id)
    row = await tx.fetchrow(SQL["show"], tenant, stands_for) if stands_for else None
    if row is None:
        raise NotFound(f"no company {company_id}: `GET /v1/companies` lists them", code="company_not_found")
    fields = await survivorship.fields(tx, tenant, row["id"], as_of)
    asked_for = company_id if company_id != row["id"] else None
    return CompanyDetail.model_validate({**dict(row), "fields": fields, "as_of": as_of, "asked_for": asked_for})
