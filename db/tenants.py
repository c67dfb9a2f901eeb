"""The directory of tenants. All may read it; only the system role writes it."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

import structlog

from contracts.access import normal_email
from contracts.errors import Conflict, Hopeless, NotFound
from contracts.settings import Settings
from contracts.tenants import SYSTEM_TENANT, Role, Tenant
from db import access, passwords
from db.sql import load
from db.transaction import DbRole, Pool, Tx, transaction

SQL = load("tenants")
log = structlog.get_logger("db.tenants")


async def by_slug(tx: Tx, slug: str) -> Tenant | None:
    row = await tx.fetchrow(SQL["by_slug"], slug)
    return Tenant(**dict(row)) if row else None


async def by_id(tx: Tx, tenant_id: UUID) -> Tenant | None:
    row = await tx.fetchrow(SQL["by_id"], tenant_id)
    return Tenant(**dict(row)) if row else None


async def list_(tx: Tx, *, limit: int = 1000) -> list[Tenant]:
    """Tenants by slug, the reserved `system` included."""
    return [Tenant(**dict(r)) for r in await tx.fetch(SQL["list"], limit)]


async def create(tx: Tx, slug: str, *, name: str | None = None, tenant_id: UUID | None = None, by: str) -> Tenant:
    """Add a tenant (system role). Raises: Conflict (`tenant_exists`)."""
    row = await tx.fetchrow(SQL["create"], tenant_id, slug, name or slug)
    if row is None:
        raise Conflict(
            f"there is a tenant {slug!r} or one with this id already: choose another slug", code="tenant_exists"
        )
    tenant = Tenant(**dict(row))
    await access.audit(tx, tenant.id, by, "tenant.created", "tenant", str(tenant.id), {"slug": slug})
    return tenant


async def set_status(tx: Tx, slug: str, status: Literal["active", "paused", "closed"], *, by: str) -> Tenant | None:
    """Open, pause or close a tenant (system role). None: unknown.

    Its events wait in the outbox until it is active again; a closed one's sessions and keys stop working.
    Raises: Conflict (`reserved_tenant`).
    """
    if slug == "system" and status != "active":
        raise Conflict(
            "the reserved tenant works for all others: it cannot be suspended or closed", code="reserved_tenant"
        )
    row = await tx.fetchrow(SQL["set_status"], slug, status, by)
    if row is None:
        return None
    tenant = Tenant(**dict(row))
    await access.audit(tx, tenant.id, by, f"tenant.{status}", "tenant", str(tenant.id))
    return tenant


async def named(tx: Tx, slug: str) -> Tenant:
    """The tenant of that slug. Raises: NotFound."""
    found = await by_slug(tx, slug)
    if found is None:
        raise NotFound("there is no tenant of that slug: `headwater tenants list` or GET /v1/tenants shows them")
    return found


async def ensure_default(pool: Pool, settings: Settings) -> Tenant:
    """The default tenant, created when it is not there, with its first owner if the settings name one.

    Raises: Hopeless (`default_tenant_mismatch`) when DEFAULT_TENANT_ID and DEFAULT_TENANT_SLUG name different tenants.
    """
    password = settings.bootstrap_password
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        tenant = await _default(tx, settings)
        if tenant is None:
            await tx.execute(
                SQL["create"], settings.default_tenant_id, settings.default_tenant_slug, settings.default_tenant_slug
            )
            tenant = await _default(tx, settings)
            if tenant is None:
                raise RuntimeError("the default tenant could not be inserted")
            log.info("tenant_created", slug=tenant.slug, tenantId=str(tenant.id))
        missing_owner = bool(settings.bootstrap_email) and not await access.any_user(tx, tenant.id)
    if missing_owner and settings.bootstrap_email:
        if password is None:
            raise Hopeless(
                "BOOTSTRAP_EMAIL is set without BOOTSTRAP_PASSWORD: set both or neither", code="bootstrap_incomplete"
            )
        await _first_owner(pool, tenant, settings.bootstrap_email, password.get_secret_value())
    return tenant


async def _default(tx: Tx, settings: Settings) -> Tenant | None:
    """The tenant both settings name; a slug that was never chosen gives way to the id."""
    wanted, slug = settings.default_tenant_id, settings.default_tenant_slug
    named = await by_slug(tx, slug)
    if wanted is None:
        return named
    known = await by_id(tx, wanted)
    chosen = "default_tenant_slug" in settings.model_fields_set
    if known is not None and (known.slug == slug or not chosen):
        return known
    if known is not None or named is not None:
        raise Hopeless(
            f"DEFAULT_TENANT_ID names {known.slug if known else 'a new tenant'!r} but DEFAULT_TENANT_SLUG names {slug!r}: "
            "set one of them, or let both name the same tenant",
            code="default_tenant_mismatch",
        )
    return None


async def _first_owner(pool: Pool, tenant: Tenant, email: str, password: str) -> None:
    if tenant.id == SYSTEM_TENANT:
        return
    hashed = await passwords.hashed(password)
    try:
        async with transaction(pool, tenant.id) as tx:
            await access.create_user(tx, tenant.id, normal_email(email), Role.OWNER, hashed, by="bootstrap")
    except Conflict:
        # Another process started at the same moment and was first.
        return
    log.info("owner_created", email=email, tenant=tenant.slug)
