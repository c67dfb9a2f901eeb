"""Logging in, staying in, leaving. On the wire these speak the documents' camelCase."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from api.auth import LADDER, authenticate, network_of, require
from api.deps import PoolDep, SettingsDep, SignerDep, default_tenant
from api.errors import problems
from api.tokens import Signer
from contracts.access import Login, Logout, Me, Refresh, Tokens
from contracts.errors import Invalid, Unauthenticated
from contracts.settings import Settings
from contracts.tenants import SYSTEM_TENANT, Principal, Tenant
from db import access, passwords, tenants
from db.access import Account
from db.transaction import Pool, transaction

router = APIRouter(prefix="/v1/auth", tags=["auth"])
_WRONG = "the e-mail address or the password is wrong"


@router.post("/login", responses=problems(429))
async def login(request: Request, body: Login, pool: PoolDep, settings: SettingsDep, signer: SignerDep) -> Tokens:
    """E-mail and password for a pair of tokens. Throttled by account and by address."""
    with passwords.place():
        return await _log_in(request, body, pool, settings, signer)


async def _log_in(request: Request, body: Login, pool: Pool, settings: Settings, signer: Signer) -> Tokens:
    tenant = await _named(request, pool, body.tenant)
    where = str(tenant.id) if tenant else body.tenant
    subjects = [signer.subject("account", f"{where}:{body.email}"), signer.subject("address", network_of(request))]
    window_s = settings.login_window_s
    async with transaction(pool, SYSTEM_TENANT) as tx:
        await access.charge_login(tx, subjects, window_s=window_s, limit=settings.login_attempts)
    account = await _verified(pool, tenant, body.email, body.password.get_secret_value())
    if tenant is None or account is None:
        raise Unauthenticated(_WRONG, code="invalid_credentials")
    async with transaction(pool, SYSTEM_TENANT) as tx:
        await access.refund_login(tx, subjects, window_s=window_s)
    async with transaction(pool, tenant.id) as tx:
        session, refresh_token = await access.open_session(tx, tenant.id, account, settings.refresh_token_s)
    token, expires = signer.sign(tenant.id, session)
    return Tokens(access_token=token, refresh_token=refresh_token, expires_at=expires)


@router.post("/refresh")
async def refresh(body: Refresh, pool: PoolDep, signer: SignerDep) -> Tokens:
    """The next pair of tokens. A refresh token works once; coming back with a used one ends the session."""
    text = body.refresh_token.get_secret_value()
    tenant_id = access.tenant_of(text, access.REFRESH_PREFIX)
    if tenant_id is None:
        raise Unauthenticated("this is no refresh token: log in again", code="invalid_refresh_token")
    async with transaction(pool, tenant_id) as tx:
        rotated = await access.rotate(tx, tenant_id, text)
    if rotated.reused:
        raise Unauthenticated(
            "this refresh token was used before, so its session is ended: log in again", code="refresh_token_reused"
        )
    if rotated.session is None or rotated.token is None:
        raise Unauthenticated("the refresh token is unknown or over: log in again", code="invalid_refresh_token")
    token, expires = signer.sign(tenant_id, rotated.session)
    return Tokens(access_token=token, refresh_token=rotated.token, expires_at=expires)


@router.post("/logout", status_code=204)
async def logout(request: Request, pool: PoolDep, body: Logout | None = None) -> None:
    """End a session: the one of the refresh token in the body, else the one of the access token. Again is no error."""
    if body is not None and body.refresh_token is not None:
        text = body.refresh_token.get_secret_value()
        tenant_id = access.tenant_of(text, access.REFRESH_PREFIX)
        if tenant_id is not None:
            async with transaction(pool, tenant_id) as tx:
                session_id = await access.token_session(tx, tenant_id, text)
                if session_id is not None:
                    await access.revoke_session(tx, tenant_id, session_id, "logout", by="refresh token")
        return
    principal = await authenticate(request)
    if principal.session_id is None:
        raise Invalid("only people have sessions: an API key is ended by DELETE /v1/keys/{id}", code="no_session")
    async with transaction(pool, principal.tenant_id) as tx:
        await access.revoke_session(tx, principal.tenant_id, principal.session_id, "logout", by=principal.name)


@router.get("/me")
async def me(principal: Annotated[Principal, Depends(require(*LADDER))]) -> Me:
    """Whom the API takes you for."""
    return Me(
        tenant_id=principal.tenant_id,
        role=principal.role,
        name=principal.name,
        user_id=principal.user_id,
        key_id=principal.key_id,
        scopes=principal.scopes,
    )


async def _named(request: Request, pool: Pool, slug: str | None) -> Tenant | None:
    if slug is None:
        return await default_tenant(request)
    async with transaction(pool, None) as tx:
        return await tenants.by_slug(tx, slug)


async def _verified(pool: Pool, tenant: Tenant | None, email: str, password: str) -> Account | None:
    """The account if the password is its own. Unknown, disabled and wrong look the same and take the same steps."""
    where = tenant.id if tenant else SYSTEM_TENANT
    async with transaction(pool, where) as tx:
        account = await access.find_user(tx, where, email)
    right = await passwords.matches(password, account.password_hash if account else None)
    if tenant is None or account is None or not right or account.disabled or tenant.status == "closed":
        who = str(account.id) if account else "unknown"
        async with transaction(pool, where) as tx:
            await access.audit(tx, where, "anonymous", "login.failed", "user", who)
        return None
    if passwords.outdated(account.password_hash):
        renewed = await passwords.hashed(password)
        async with transaction(pool, tenant.id) as tx:
            await access.set_password(tx, tenant.id, account.id, renewed)
    return account
