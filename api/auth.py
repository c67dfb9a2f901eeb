"""Who is asking, and may they? Three ways in: an access token, an API key, the job secret (R4, R14)."""

from __future__ import annotations

import hmac
from ipaddress import IPv6Address, ip_address, ip_network
from typing import cast

import structlog
from fastapi import Request
from pydantic import SecretStr

from api.deps import default_tenant
from contracts.errors import Forbidden, Unauthenticated
from contracts.tenants import Principal, Role, Tenant
from db import access
from db.transaction import Pool, transaction

#: Rising: whoever has a role may do what the roles before it may.
LADDER = (Role.VIEWER, Role.ANALYST, Role.OPS, Role.OWNER)


def reaches(role: Role, least: Role) -> bool:
    """Is it this role, or a higher one?"""
    return role in LADDER and LADDER.index(role) >= LADDER.index(least)


class Guard:
    """A dependency giving the Principal if it has one of `roles`, or a higher one. SERVICE must be named to be let in."""

    def __init__(self, roles: frozenset[Role]) -> None:
        self.roles = roles

    @property
    def allowed(self) -> tuple[Role, ...]:
        """Every role that passes, rising."""
        human = [LADDER.index(role) for role in self.roles if role in LADDER]
        ladder = LADDER[min(human) :] if human else ()
        return (*((Role.SERVICE,) if Role.SERVICE in self.roles else ()), *ladder)

    async def __call__(self, request: Request) -> Principal:
        principal = await authenticate(request)
        self.check(request, principal)
        return principal

    def check(self, request: Request, principal: Principal) -> None:
        """May they? Raises: Forbidden (`role_missing`, `scope_missing`, `tenant_suspended`)."""
        self.admit(principal)
        _check_scopes(request, principal)
        _check_standing(request, principal)

    def admit(self, principal: Principal) -> None:
        """Raises: Forbidden (`role_missing`) when its role is too low."""
        if principal.role not in self.allowed:
            raise Forbidden(
                f"this needs the role {' or '.join(sorted(self.roles))}; you are {principal.role}", code="role_missing"
            )


def require(*roles: Role) -> Guard:
    """`Depends(require(Role.OPS))`: ops and owner pass. What opens to the job secret has a `JobDoor` instead."""
    if not roles:
        raise ValueError("name at least one role")
    return Guard(frozenset(roles))


async def authenticate(request: Request) -> Principal:
    """Who is asking. Raises: Unauthenticated. `x-vercel-cron` is not looked at: any client can set it."""
    secret = request.headers.get("x-job-secret")
    if secret is not None:
        if not _is_job_secret(request, secret):
            raise Unauthenticated("the job secret is wrong: send the value of CRON_JOB_SECRET", code="invalid_secret")
        principal = await _service(request)
    else:
        principal = await _of_bearer(request, _bearer(request))
    request.state.principal = principal
    structlog.contextvars.bind_contextvars(tenantId=str(principal.tenant_id), role=principal.role.value)
    return principal


async def _of_bearer(request: Request, token: str) -> Principal:
    tenant_id = access.tenant_of(token, access.KEY_PREFIX)
    if tenant_id is not None:
        async with transaction(_pool(request), tenant_id, read_only=True) as tx:
            key = await access.find_key(tx, tenant_id, token)
        if key is None:
            raise Unauthenticated("the API key is unknown, revoked or expired: make another", code="invalid_key")
        if key.unnoted:
            async with transaction(_pool(request), tenant_id) as tx:
                await access.note_use(tx, tenant_id, key.id)
        return Principal(
            tenant_id=tenant_id,
            role=key.role,
            name=f"key:{key.name}",
            key_id=key.id,
            scopes=key.scopes,
            suspended=key.suspended,
        )
    if _is_job_secret(request, token):
        return await _service(request)
    return await of_session(request, token)


async def of_session(request: Request, token: str) -> Principal:
    """Whose access token this is. Raises: Unauthenticated (`token_expired`, `invalid_token`, `session_over`)."""
    return (await seen_session(request, token))[0]


async def seen_session(request: Request, token: str) -> tuple[Principal, Tenant]:
    """The same, with the tenant they belong to as it stands now."""
    claims = request.app.state.signer.read(token)
    async with transaction(_pool(request), claims.tenant_id, read_only=True) as tx:
        session = await access.find_session(tx, claims.tenant_id, claims.session_id)
    if session is None or not session.valid or session.user_id != claims.user_id or session.tenant is None:
        raise Unauthenticated("the session is over: log in again", code="session_over")
    principal = Principal(
        tenant_id=claims.tenant_id,
        role=session.role,
        name=session.email,
        user_id=session.user_id,
        session_id=session.id,
        suspended=session.suspended,
    )
    return principal, session.tenant


async def _service(request: Request) -> Principal:
    tenant = await default_tenant(request)
    if tenant.status == "closed":
        raise Unauthenticated(
            "the default tenant is closed: `headwater tenants status SLUG active` opens it", code="tenant_closed"
        )
    return Principal(tenant_id=tenant.id, role=Role.SERVICE, name="job secret", suspended=tenant.status == "paused")


def _is_job_secret(request: Request, given: str) -> bool:
    """Compared in constant time. No secret set: the doors are closed."""
    secret: SecretStr | None = request.app.state.settings.job_secret
    return secret is not None and hmac.compare_digest(given.encode(), secret.get_secret_value().encode())


def network_of(request: Request) -> str:
    """Whom a client counts as: its IPv4 address, or the /64 of its IPv6 one, since a host has all of that."""
    host = request.client.host if request.client else "unknown"
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if not isinstance(address, IPv6Address):
        return str(address)
    return str(address.ipv4_mapped or ip_network((address, 64), strict=False))


def _bearer(request: Request) -> str:
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer" or not token.strip():
        raise Unauthenticated("send Authorization: Bearer <access token or API key>")
    return token.strip()


def _check_standing(request: Request, principal: Principal) -> None:
    """Whoever belongs to a suspended tenant may see that it is, and leave."""
    if principal.suspended and not request.url.path.startswith("/v1/auth/") and request.url.path != "/v1/tenant":
        raise Forbidden(
            "this tenant is suspended: its data are kept, nothing starts; GET /v1/tenant shows it, and whoever operates the"
            " installation resumes it (headwater tenants resume SLUG)",
            code="tenant_suspended",
        )


def _check_scopes(request: Request, principal: Principal) -> None:
    """A key with scopes may only do what they name; `write` includes `read`."""
    if not principal.scopes:
        return
    parts = request.url.path.split("/")
    thing = parts[2] if len(parts) > 2 and parts[1] == "v1" else request.url.path
    reads = request.method in ("GET", "HEAD")
    enough = {f"{thing}:write"} | ({f"{thing}:read"} if reads else set())
    itself = request.url.path == "/v1/auth/me"
    if not itself and not enough.intersection(principal.scopes):
        raise Forbidden(
            f"this key lacks the scope {thing}:{'read' if reads else 'write'}: make one that has it",
            code="scope_missing",
        )


def _pool(request: Request) -> Pool:
    return cast(Pool, request.app.state.pool)
