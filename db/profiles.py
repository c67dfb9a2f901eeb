"""ICP profiles: made, changed, closed. A closed one stays for what refers to it."""

from __future__ import annotations

from typing import NoReturn
from uuid import UUID

import asyncpg

from contracts.errors import Conflict, NotFound
from contracts.profiles import ChangeProfile, CreateProfile, Profile
from db import entities
from db import idempotency as idempotency_keys
from db.access import audit
from db.paging import LAST_UUID
from db.sql import load
from db.transaction import Tx

SQL = load("profiles")


async def create(
    tx: Tx, tenant: UUID, body: CreateProfile, *, by: str, idempotency: tuple[str, object] | None = None
) -> Profile:
    """Add a profile. The second request under one idempotency (key, body) hands back the first one's.

    Raises: Conflict (`profile_exists`, or `idempotency_key_reused`).
    """
    (profile_id,) = await entities.new_ids(tx, 1)
    if idempotency is not None:
        first = await idempotency_keys.claim(tx, tenant, "icp_profiles", *idempotency, profile_id)
        if first != profile_id:
            return await get(tx, tenant, first)
    added = await tx.fetchval(
        SQL["add"], tenant, profile_id, body.name, body.target_industries, body.target_countries, body.min_company_size,
        body.max_company_size, body.required_technologies, body.naics_codes, by,
    )  # fmt: skip
    if added is None:
        _taken(body.name)
    await audit(tx, tenant, by, "icp_profile.created", "icp_profile", str(profile_id), {"name": body.name})
    return await get(tx, tenant, profile_id)


async def show(tx: Tx, tenant: UUID, profile_id: UUID) -> Profile | None:
    """One profile, closed or not."""
    row = await tx.fetchrow(SQL["show"], tenant, profile_id)
    return Profile.model_validate(dict(row)) if row else None


async def get(tx: Tx, tenant: UUID, profile_id: UUID) -> Profile:
    """The same. Raises: NotFound (`icp_not_found`)."""
    found = await show(tx, tenant, profile_id)
    if found is None:
        raise NotFound(f"no ICP profile {profile_id}", code="icp_not_found")
    return found


async def require_open(tx: Tx, tenant: UUID, profile_id: UUID | None) -> None:
    """For whoever is about to refer to a profile; None refers to none. Raises: NotFound, also for a closed one."""
    if profile_id is not None and (await get(tx, tenant, profile_id)).closed_at is not None:
        raise NotFound(f"no ICP profile {profile_id}", code="icp_not_found")


async def named(tx: Tx, tenant: UUID, name: str) -> Profile | None:
    """The open profile of that name."""
    found = await tx.fetchval(SQL["named"], tenant, name)
    return await show(tx, tenant, found) if found else None


async def find(tx: Tx, tenant: UUID, text: str) -> Profile:
    """By id, else the open profile of that name. Raises: NotFound (`icp_not_found`)."""
    try:
        found = await show(tx, tenant, UUID(text))
    except ValueError:
        found = await named(tx, tenant, text)
    if found is None:
        raise NotFound(f"no ICP profile {text!r}: `headwater icp list` shows them", code="icp_not_found")
    return found


async def list_(
    tx: Tx, tenant: UUID, *, before: UUID | None = None, closed: bool = False, limit: int = 50
) -> list[Profile]:
    """Profiles, newest first; `closed`: the closed ones too. `before` is the last id of the page before."""
    rows = await tx.fetch(SQL["list"], tenant, before or LAST_UUID, closed, limit)
    return [Profile.model_validate(dict(r)) for r in rows]


async def change(tx: Tx, tenant: UUID, profile_id: UUID, body: ChangeProfile, *, by: str) -> Profile:
    """Replace what `body` names. A change that changes nothing leaves the version as it is.

    Raises: NotFound; Conflict (`profile_closed`, `profile_changed`, `profile_exists`); Invalid from the contract.
    """
    before = await _locked(tx, tenant, profile_id)
    if before.closed_at is not None:
        raise Conflict("the profile is closed: make a new one", code="profile_closed")
    if body.version is not None and body.version != before.version:
        raise Conflict(
            f"the profile is at version {before.version} by now: read it again, then change it", code="profile_changed"
        )
    wanted = CreateProfile.model_validate(_wishes(before) | body.changes())
    if wanted.model_dump() == _wishes(before):
        return before
    try:
        await tx.execute(
            SQL["change"], tenant, profile_id, wanted.name, wanted.target_industries, wanted.target_countries,
            wanted.min_company_size, wanted.max_company_size, wanted.required_technologies, wanted.naics_codes,
        )  # fmt: skip
    except asyncpg.UniqueViolationError:
        _taken(wanted.name)
    changed = sorted(n for n, v in wanted.model_dump().items() if v != _wishes(before)[n])
    await audit(tx, tenant, by, "icp_profile.changed", "icp_profile", str(profile_id), {"changed": changed})
    return await get(tx, tenant, profile_id)


async def close(tx: Tx, tenant: UUID, profile_id: UUID, *, by: str) -> None:
    """Take a profile out of use. Again is no error. Raises: NotFound."""
    await _locked(tx, tenant, profile_id)
    if await tx.execute(SQL["close"], tenant, profile_id) != "UPDATE 0":
        await audit(tx, tenant, by, "icp_profile.closed", "icp_profile", str(profile_id))


async def _locked(tx: Tx, tenant: UUID, profile_id: UUID) -> Profile:
    row = await tx.fetchrow(SQL["lock"], tenant, profile_id)
    if row is None:
        raise NotFound(f"no ICP profile {profile_id}", code="icp_not_found")
    return Profile.model_validate(dict(row))


def _wishes(profile: Profile) -> dict[str, object]:
    return {name: getattr(profile, name) for name in CreateProfile.model_fields}


def _taken(name: str) -> NoReturn:
    raise Conflict(
        f"there is a profile named {name!r} already: change it, or choose another name", code="profile_exists"
    )
