"""The suppression list: keyed hashes of whom nobody may write to (B.09). The key is a tenant's own, and read nowhere but here.

Order of locks: the list before any other row. `hold` (shared) is taken by whoever decides to send, or writes people; adding takes
it alone, so an entry either stands before such a decision or comes after its commit.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from contracts.errors import Conflict, NotFound
from contracts.suppressions import Channel, KeyType, Suppression, SuppressionKey, keys_of, normalised
from db.access import audit
from db.paging import LAST_UUID
from db.sql import load
from db.transaction import Tx

SQL = load("suppressions")


@dataclass(frozen=True, slots=True)
class Entry:
    """Somebody who is to be left alone on a channel."""

    channel: Channel
    key: SuppressionKey
    reason: str = "asked"


async def add(
    tx: Tx,
    tenant: UUID,
    channel: Channel,
    key_type: KeyType,
    value: str,
    *,
    by: str,
    reason: str = "asked",
    source: str = "api",
    erased: bool = False,
) -> tuple[Suppression, bool]:
    """Put a value on the list; returns (entry, is it new). Audited without the value.

    Raises: Invalid (code `bad_suppression_key`).
    """
    key = normalised(key_type, value)
    new = await add_many(tx, tenant, [Entry(channel, key, reason)], by=by, source=source, erased=erased)
    found = await hits(tx, tenant, channel, [key])
    mine = next(s for s in found[key] if s.channel == channel)
    return mine, new[0]


async def add_many(
    tx: Tx, tenant: UUID, entries: Sequence[Entry], *, by: str, source: str, erased: bool = False
) -> list[bool]:
    """Put many on the list, e.g. of a file; says for each whether it is new (a repetition in `entries` is not). One audit row."""
    if not entries:
        return []
    await tx.fetchval(SQL["hold_alone"], tenant)
    key = await _made_key(tx, tenant)
    hashed = [(e.channel, e.key.type, e.key.hashed(key)) for e in entries]
    once = {each: entry for each, entry in zip(hashed, entries, strict=True)}
    rows = await tx.fetch(
        SQL["add"],
        tenant,
        [c for c, _, _ in once],
        [t for _, t, _ in once],
        [h for _, _, h in once],
        [e.reason for e in once.values()],
        source,
        by,
        erased,
    )
    added = {(r["channel"], r["key_type"], bytes(r["key_hash"])): r["id"] for r in rows}
    new = []
    for each in hashed:
        new.append(each in added)
        added_id = added.pop(each, None)
        if added_id is not None and len(once) == 1:
            detail = {"channel": each[0], "key_type": each[1], "source": source, "erased": erased}
            await audit(tx, tenant, by, "suppression.added", "suppression", str(added_id), detail)
    if len(once) > 1 and any(new):
        detail = {"added": sum(new), "given": len(entries), "erased": erased}
        await audit(tx, tenant, by, "suppressions.added", "suppression", source, detail)
    return new


async def hold(tx: Tx, tenant: UUID) -> None:
    """Nobody adds to the list until this transaction has ended. Before any row is locked."""
    await tx.fetchval(SQL["hold"], tenant)


async def hit(
    tx: Tx,
    tenant: UUID,
    channel: Channel,
    *,
    emails: Iterable[str] = (),
    phones: Iterable[str] = (),
    domains: Iterable[str] = (),
    people: Iterable[str] = (),
) -> Suppression | None:
    """The first entry that forbids to write on `channel` to somebody with these values, as they come; None: there is none.

    Domains of addresses count, and domains above them. What cannot be read as an address or number hits nothing.
    """
    found = await hits(tx, tenant, channel, keys_of(emails=emails, phones=phones, domains=domains, people=people))
    return min((s for entries in found.values() for s in entries), key=lambda s: s.id, default=None)


async def hits(
    tx: Tx, tenant: UUID, channel: Channel, keys: Sequence[SuppressionKey], *, erased_only: bool = False
) -> dict[SuppressionKey, list[Suppression]]:
    """The entries for each of these keys that has one, on `channel` or on any."""
    row = await tx.fetchrow(SQL["key"], tenant) if keys else None
    if row is None or (erased_only and not row["anybody_erased"]):
        return {}
    by_hash = {(k.type, k.hashed(row["key"])): k for k in keys}
    types, hashes = [t for t, _ in by_hash], [h for _, h in by_hash]
    found: dict[SuppressionKey, list[Suppression]] = {}
    for r in await tx.fetch(SQL["hits"], tenant, channel, sorted(set(types)), hashes, erased_only):
        key = by_hash.get((r["key_type"], bytes(r["key_hash"])))
        if key is not None:
            found.setdefault(key, []).append(Suppression.model_validate(dict(r)))
    return found


async def erased(tx: Tx, tenant: UUID, keys: Sequence[SuppressionKey]) -> set[SuppressionKey]:
    """Those of these keys whose person was erased: their data must not come back. Call `hold` first when about to write."""
    return set(await hits(tx, tenant, "any", keys, erased_only=True))


async def keyed(tx: Tx, tenant: UUID, values: Sequence[SuppressionKey]) -> list[bytes]:
    """The hashes under which other tables may remember values without holding them. Makes the tenant's key if need be."""
    key = await _made_key(tx, tenant) if values else b""
    return [value.hashed(key) for value in values]


async def list_(
    tx: Tx,
    tenant: UUID,
    *,
    before: UUID | None = None,
    channel: str | None = None,
    key_type: str | None = None,
    limit: int = 50,
) -> list[Suppression]:
    """Entries, newest first. `before` is the last id of the page before."""
    rows = await tx.fetch(SQL["list"], tenant, before or LAST_UUID, channel, key_type, limit)
    return [Suppression.model_validate(dict(r)) for r in rows]


async def get(tx: Tx, tenant: UUID, suppression_id: UUID) -> Suppression:
    """One entry. Raises: NotFound (`suppression_not_found`)."""
    row = await tx.fetchrow(SQL["show"], tenant, suppression_id)
    if row is None:
        raise NotFound(f"no suppression {suppression_id}", code="suppression_not_found")
    return Suppression.model_validate(dict(row))


async def remove(tx: Tx, tenant: UUID, suppression_id: UUID, *, by: str, erased: bool = False) -> None:
    """Take an entry away: the person may be written to again. Audited.

    Raises: NotFound; Conflict (`person_erased`) for somebody who was erased, unless `erased` says that this is meant.
    """
    found = await get(tx, tenant, suppression_id)
    if found.erased and not erased:
        words = "this keeps an erased person away: without it the next import brings them back. Say that you mean it"
        raise Conflict(words, code="person_erased")
    await tx.execute(SQL["remove"], tenant, suppression_id)
    detail = {"channel": found.channel, "key_type": found.key_type, "erased": found.erased}
    await audit(tx, tenant, by, "suppression.removed", "suppression", str(suppression_id), detail)


async def resume(tx: Tx, tenant: UUID, key: SuppressionKey, *, source: str, by: str) -> bool:
    """Somebody who had stopped our messages through `source` wants them again. False: nothing stood there."""
    [hashed] = await keyed(tx, tenant, [key])
    gone = await tx.fetch(SQL["resume"], tenant, hashed, source)
    if gone:
        await audit(tx, tenant, by, "suppression.removed", "suppression", source, {"wish": "resume"})
    return bool(gone)


async def _made_key(tx: Tx, tenant: UUID) -> bytes:
    row = await tx.fetchrow(SQL["key"], tenant)
    if row is None:
        await tx.execute(SQL["make_key"], tenant, secrets.token_bytes(32))
        row = await tx.fetchrow(SQL["key"], tenant)
    assert row is not None
    return bytes(row["key"])
