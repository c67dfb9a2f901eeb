"""Users, sessions, API keys, failed logins, the audit log. Secrets come in as text and are stored as SHA-256 only.

A key or refresh token reads `hwk_` or `hwr_`, the tenant's id in hex, `_`, 43 random characters: the tenant stands in clear
because a row can only be found behind its tenant's wall.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from contracts.access import KeyView, User
from contracts.errors import Conflict, Throttled
from contracts.tenants import SYSTEM_TENANT, Role, Tenant
from db.sql import load
from db.transaction import Tx

SQL = load("access")
KEY_PREFIX = "hwk"
REFRESH_PREFIX = "hwr"
_TOKEN = re.compile(r"(hwk|hwr)_([0-9a-f]{32})_[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class Account:
    """What logging in needs to know of a user."""

    id: UUID
    email: str
    role: Role
    password_hash: str
    disabled: bool


@dataclass(frozen=True, slots=True)
class Session:
    """A login, and whether it still counts: not revoked, not over, user and tenant still welcome."""

    id: UUID
    user_id: UUID
    email: str
    role: Role
    expires_at: datetime
    valid: bool
    suspended: bool = False
    #: Of a session that was looked up: where its user belongs.
    tenant: Tenant | None = None


@dataclass(frozen=True, slots=True)
class Key:
    id: UUID
    name: str
    role: Role
    scopes: tuple[str, ...]
    unnoted: bool
    suspended: bool = False


@dataclass(frozen=True, slots=True)
class Rotated:
    """What became of a refresh token: `token` is its successor; else `reused` tells a thief's from a stale one."""

    session: Session | None
    token: str | None
    reused: bool = False


def new_token(prefix: str, tenant: UUID) -> str:
    """A fresh secret of `tenant`; 256 random bits."""
    return f"{prefix}_{tenant.hex}_{secrets.token_urlsafe(32)}"


def tenant_of(token: str, prefix: str) -> UUID | None:
    """The tenant a token names, or None when it does not look like a token of this kind."""
    found = _TOKEN.fullmatch(token)
    return UUID(found[2]) if found and found[1] == prefix else None


def fingerprint(token: str) -> bytes:
    """What is stored of a token. No salt is needed: nobody can guess 256 random bits."""
    return hashlib.sha256(token.encode()).digest()


async def create_user(tx: Tx, tenant: UUID, email: str, role: Role, password_hash: str, *, by: str) -> User:
    """Add a user. Raises: Conflict (`user_exists`)."""
    row = await tx.fetchrow(SQL["create_user"], tenant, email, role.value, password_hash)
    if row is None:
        raise Conflict(f"{email} is a user of this tenant already", code="user_exists")
    await audit(tx, tenant, by, "user.created", "user", str(row["id"]), {"role": role.value})
    return User(**dict(row))


async def find_user(tx: Tx, tenant: UUID, email: str) -> Account | None:
    """The user who logs in with `email` (lower case)."""
    row = await tx.fetchrow(SQL["find_user"], tenant, email)
    if row is None:
        return None
    return Account(row["id"], row["email"], Role(row["role"]), row["password_hash"], row["disabled"])


async def list_users(tx: Tx, tenant: UUID, *, after: str = "", limit: int = 1000) -> list[User]:
    """Users by e-mail address, disabled ones too; `after` is the last address of the page before."""
    return [User(**dict(r)) for r in await tx.fetch(SQL["list_users"], tenant, limit, after)]


async def any_user(tx: Tx, tenant: UUID) -> bool:
    return bool(await tx.fetchval(SQL["any_user"], tenant))


async def set_password(tx: Tx, tenant: UUID, user_id: UUID, password_hash: str) -> None:
    await tx.execute(SQL["set_password"], tenant, user_id, password_hash)


async def change_password(tx: Tx, tenant: UUID, email: str, password_hash: str, *, by: str) -> bool:
    """Set a password anew and end the user's sessions. False: there is no such user."""
    account = await find_user(tx, tenant, email)
    if account is None:
        return False
    await set_password(tx, tenant, account.id, password_hash)
    await tx.execute(SQL["revoke_user_sessions"], tenant, account.id, "password changed")
    await audit(tx, tenant, by, "user.password_changed", "user", str(account.id))
    return True


async def disable_user(tx: Tx, tenant: UUID, email: str, *, by: str) -> bool:
    """Shut a user out, sessions included. False: there is no such user."""
    user_id = await tx.fetchval(SQL["disable_user"], tenant, email)
    if user_id is None:
        return False
    await tx.execute(SQL["revoke_user_sessions"], tenant, user_id, "user disabled")
    await audit(tx, tenant, by, "user.disabled", "user", str(user_id))
    return True


async def open_session(tx: Tx, tenant: UUID, account: Account, lifetime_s: int) -> tuple[Session, str]:
    """Begin a session of `lifetime_s` seconds; gives it and its first refresh token."""
    row = await tx.fetchrow(SQL["open_session"], tenant, account.id, lifetime_s)
    if row is None:
        raise RuntimeError("a session could not be inserted")
    await audit(tx, tenant, account.email, "session.opened", "session", str(row["id"]))
    session = Session(row["id"], account.id, account.email, account.role, row["expires_at"], valid=True)
    return session, await _add_token(tx, tenant, session.id)


async def _add_token(tx: Tx, tenant: UUID, session_id: UUID) -> str:
    token = new_token(REFRESH_PREFIX, tenant)
    await tx.execute(SQL["add_refresh_token"], tenant, fingerprint(token), session_id)
    return token


async def rotate(tx: Tx, tenant: UUID, token: str, *, leeway_s: float = 0.0) -> Rotated:
    """Exchange a refresh token for the next. One that was used before revokes its session: two hands hold it.

    `leeway_s`: one that was used only so many seconds ago gives its session without a successor, for browsers whose tabs
    wake at once with the same cookie. Refusals are told in the answer, not raised: the revocation has to be committed.
    """
    spent = await tx.fetchval(SQL["spend_refresh_token"], tenant, fingerprint(token))
    if spent is None:
        lately = await tx.fetchval(SQL["lately_spent"], tenant, fingerprint(token), leeway_s) if leeway_s else None
        if lately is not None:
            return Rotated(await find_session(tx, tenant, lately), None)
        return Rotated(None, None, reused=await _revoke_reused(tx, tenant, token))
    session = await find_session(tx, tenant, spent)
    if session is None or not session.valid:
        return Rotated(session, None)
    return Rotated(session, await _add_token(tx, tenant, session.id))


async def _revoke_reused(tx: Tx, tenant: UUID, token: str) -> bool:
    session_id = await token_session(tx, tenant, token)
    if session_id is None:
        return False
    await revoke_session(tx, tenant, session_id, "refresh token used twice", by="system")
    return True


async def token_session(tx: Tx, tenant: UUID, token: str) -> UUID | None:
    """The session a refresh token, used or not, belongs to."""
    session_id: UUID | None = await tx.fetchval(SQL["token_session"], tenant, fingerprint(token))
    return session_id


async def find_session(tx: Tx, tenant: UUID, session_id: UUID) -> Session | None:
    row = await tx.fetchrow(SQL["session"], tenant, session_id)
    if row is None:
        return None
    home = Tenant(id=row["tenant_id"], slug=row["slug"], name=row["name"], status=row["status"])
    role = Role(row["role"])
    return Session(
        row["id"], row["user_id"], row["email"], role, row["expires_at"], row["valid"], row["suspended"], home
    )


async def revoke_session(tx: Tx, tenant: UUID, session_id: UUID, reason: str, *, by: str) -> bool:
    """End a session now: its access tokens stop working with the commit. False: it was over or unknown."""
    if await tx.fetchval(SQL["revoke_session"], tenant, session_id, reason) is None:
        return False
    await audit(tx, tenant, by, "session.revoked", "session", str(session_id), {"reason": reason})
    return True


async def create_key(
    tx: Tx,
    tenant: UUID,
    name: str,
    role: Role,
    *,
    by: str,
    scopes: Sequence[str] = (),
    expires_in_s: int | None = None,
    maker: UUID | None = None,
) -> tuple[KeyView, str]:
    """Add an API key; gives it and its text, which is not kept. It ends no later than `maker`, the key that asks for it."""
    text = new_token(KEY_PREFIX, tenant)
    row = await tx.fetchrow(
        SQL["create_key"], tenant, name, role.value, list(scopes), fingerprint(text), by, expires_in_s, maker
    )
    if row is None:
        raise RuntimeError("an API key could not be inserted")
    await audit(tx, tenant, by, "key.created", "api_key", str(row["id"]), {"role": role.value, "scopes": list(scopes)})
    return KeyView(**dict(row)), text


async def find_key(tx: Tx, tenant: UUID, text: str) -> Key | None:
    """The key with this text if it is neither revoked nor expired. `unnoted`: whoever asks calls `note_use` as well."""
    row = await tx.fetchrow(SQL["find_key"], tenant, fingerprint(text))
    if row is None:
        return None
    return Key(row["id"], row["name"], Role(row["role"]), tuple(row["scopes"]), row["unnoted"], row["suspended"])


async def note_use(tx: Tx, tenant: UUID, key_id: UUID) -> None:
    """A key is used; once a minute is enough, and nobody waits for another who notes the same."""
    await tx.execute(SQL["note_use"], tenant, key_id)


async def list_keys(tx: Tx, tenant: UUID, *, before: UUID | None = None, limit: int = 50) -> list[KeyView]:
    """Keys, revoked ones too, newest first; `before` is the last id of the page before."""
    return [KeyView(**dict(r)) for r in await tx.fetch(SQL["list_keys"], tenant, before, limit)]


async def revoke_key(tx: Tx, tenant: UUID, key_id: UUID, *, by: str) -> bool:
    """Make a key useless from the commit on; revoking again changes nothing. False: there is no such key."""
    if await tx.fetchval(SQL["revoke_key"], tenant, key_id) is None:
        return False
    await audit(tx, tenant, by, "key.revoked", "api_key", str(key_id))
    return True


async def charge_login(tx: Tx, subjects: Sequence[bytes], *, window_s: int, limit: int) -> None:
    """Count an attempt against each subject (32-byte keyed hashes), before it is tried.

    The counts stand under the system tenant, so that logins at unknown tenants are counted as well.
    Raises: Throttled when one of them has `limit` failures in the window; then nothing may be committed.
    """
    left = await charge(tx, subjects, window_s=window_s, limit=limit)
    if left is not None:
        raise Throttled("too many failed logins: wait, then try again", after_s=left)


async def charge(tx: Tx, subjects: Sequence[bytes], *, window_s: int, limit: int) -> float | None:
    """Count once against each subject. None, or, when one of them had `limit` in the window already, the seconds it has left."""
    rows = await tx.fetch(SQL["charge_login"], SYSTEM_TENANT, list(subjects), window_s, limit)
    if len(rows) == len(subjects):
        return None
    left: float = rows[0]["left_s"] if rows else await tx.fetchval(SQL["window_left"], window_s)
    return max(1.0, left)


async def shut_out_for(tx: Tx, subject: bytes, *, window_s: int, limit: int) -> float | None:
    """The seconds a subject with `limit` counts in the window has to wait; None: it need not. Counts nothing."""
    left: float | None = await tx.fetchval(SQL["shut_out_for"], SYSTEM_TENANT, subject, window_s, limit)
    return None if left is None else max(1.0, left)


async def refund_login(tx: Tx, subjects: Sequence[bytes], *, window_s: int) -> None:
    """Take an attempt back: it succeeded."""
    await tx.execute(SQL["refund_login"], SYSTEM_TENANT, list(subjects), window_s)


async def forget_logins(tx: Tx) -> None:
    """Drop counts that no window looks at any more (system role)."""
    await tx.execute(SQL["forget_logins"])


async def audit(
    tx: Tx,
    tenant: UUID,
    actor: str,
    action: str,
    subject_type: str,
    subject_id: str,
    detail: dict[str, Any] | None = None,
    correlation_id: UUID | None = None,
) -> None:
    """Log who did what to which thing, in the transaction that does it."""
    await tx.execute(SQL["audit"], tenant, actor, action, subject_type, subject_id, detail or {}, correlation_id)
