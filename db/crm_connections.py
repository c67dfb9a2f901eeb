"""A tenant's CRM: where it is, under which name its key is known, and what the tenant has decided about it (S3.16)."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from contracts.crm import Connection, ConnectionTest, Policy, SetConnection
from contracts.crm_access import CrmAccess, check
from contracts.errors import NotFound
from contracts.events import CrmProbeRequested
from contracts.settings import Settings
from db import outbox
from db.access import audit
from db.sql import load
from db.transaction import Tx

SQL = load("crm_connections")


async def show(tx: Tx, tenant: UUID) -> Connection | None:
    """The connection, without its key, which nobody stores."""
    row = await tx.fetchrow(SQL["show"], tenant)
    return Connection.model_validate({k: v for k, v in dict(row).items() if k != "slug"}) if row else None


async def get(tx: Tx, tenant: UUID) -> Connection:
    """The same. Raises: NotFound (`no_connection`)."""
    found = await show(tx, tenant)
    if found is None:
        raise NotFound(
            "there is no CRM yet: PUT /v1/crm/connection, or `headwater crm connection set`", code="no_connection"
        )
    return found


async def access(tx: Tx, tenant: UUID) -> CrmAccess | None:
    """The connection as whoever dials it needs it, switched off or not."""
    row = await tx.fetchrow(SQL["show"], tenant)
    return _access(row) if row else None


def _access(row: Any) -> CrmAccess:
    names = ("slug", "url", "secret_ref", "database", "login", "transport")
    return CrmAccess(**{name: row[name] for name in names})


async def put(tx: Tx, tenant: UUID, body: SetConnection, settings: Settings, *, by: str) -> Connection:
    """Write the connection. Raises: Invalid (`crm_url_refused`, `crm_secret_refused`)."""
    slug = await tx.fetchval(SQL["slug"], tenant)
    given = body.model_dump(exclude={"enabled"})
    check(CrmAccess(slug=slug, **given), settings)
    await tx.execute(
        SQL["set"], tenant, body.url, body.database, body.login, body.secret_ref, body.transport, body.enabled
    )
    detail = {"url": body.url, "secret_ref": body.secret_ref, "enabled": body.enabled}
    await audit(tx, tenant, by, "crm.connection_set", "crm_connection", "odoo", detail)
    return await get(tx, tenant)


async def remove(tx: Tx, tenant: UUID, *, by: str) -> bool:
    """Forget the connection. False: there was none."""
    if await tx.fetchval(SQL["remove"], tenant) is None:
        return False
    await audit(tx, tenant, by, "crm.connection_removed", "crm_connection", "odoo")
    return True


async def request_test(tx: Tx, tenant: UUID, *, by: str) -> Connection:
    """Have a worker try the connection; `tested_at` says when it has. Raises: NotFound (`no_connection`)."""
    await get(tx, tenant)
    await tx.execute(SQL["untested"], tenant)
    probe_id: UUID = await tx.fetchval(SQL["probe_id"])
    await outbox.emit(tx, tenant, CrmProbeRequested(for_tenant=tenant, probe_id=probe_id), correlation_id=probe_id)
    await audit(tx, tenant, by, "crm.test_requested", "crm_connection", "odoo")
    return await get(tx, tenant)


async def tested(tx: Tx, tenant: UUID, of: datetime, result: ConnectionTest) -> None:
    """Keep what a test of the connection as it was `of` that time came to; one that was changed since is still untested."""
    await tx.execute(SQL["tested"], tenant, of, result.model_dump(mode="json"))


async def policy(tx: Tx, tenant: UUID) -> Policy:
    """What the tenant has decided, defaults for the rest."""
    rows = await tx.fetch(SQL["policy"], tenant)
    given = {r["name"].removeprefix("crm_"): r["value"] for r in rows}
    try:
        return Policy.model_validate(given)
    except ValueError:  # written past us: what makes no sense counts for nothing
        return Policy()


async def set_policy(tx: Tx, tenant: UUID, wanted: Policy, *, by: str) -> Policy:
    """Decide anew. It holds for whatever is pushed from now on."""
    for name, value in sorted(wanted.model_dump().items()):
        await tx.execute(SQL["set_policy"], tenant, f"crm_{name}", value, by)
    await audit(tx, tenant, by, "crm.policy_set", "crm_connection", "odoo", wanted.model_dump())
    return wanted
