"""Pairs of companies that may be one: whom to compare, what was found, what was decided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from contracts.errors import NotFound
from contracts.events import MatchingRequested
from contracts.likeness import Rarity, name_words
from contracts.matching import Match, MatchState, Suspect, Verdict
from contracts.models import Model
from db import outbox
from db.paging import LAST_UUID
from db.pair_models import shipped
from db.sql import load
from db.transaction import Tx

SQL = load("matching")
#: Candidates a company is compared with, and names from which the rarity of words is learned.
NEAREST = 5
SAMPLE = 5_000


@dataclass(frozen=True, slots=True)
class OwnModel:
    """Which model tells pairs: `id` is None for the shipped one; `answers` are those it was learned from."""

    model: Model
    id: UUID | None
    answers: int


async def request_scan(tx: Tx, tenant: UUID) -> int:
    """Let what nobody has compared yet be compared. Returns how many companies that are."""
    await outbox.emit(tx, tenant, MatchingRequested(for_tenant=tenant))
    count: int = await tx.fetchval(SQL["waiting"], tenant)
    return count


async def uncompared(tx: Tx, tenant: UUID, limit: int) -> list[UUID]:
    """Companies that wait to be compared, oldest first."""
    return [r["id"] for r in await tx.fetch(SQL["uncompared"], tenant, limit)]


async def suspects(tx: Tx, tenant: UUID, ids: Sequence[UUID]) -> dict[UUID, Suspect]:
    """Companies as they are compared; merged and unknown ones are left out."""
    rows = await tx.fetch(SQL["suspects"], tenant, list(ids))
    return {r["id"]: Suspect.model_validate(dict(r)) for r in rows}


async def candidates(tx: Tx, tenant: UUID, ids: Sequence[UUID]) -> list[tuple[UUID, UUID]]:
    """Pairs (a < b) worth comparing: names alike, or the same telephone. Those decided about before are left out."""
    rows = await tx.fetch(SQL["suspects"], tenant, list(ids))
    names, countries, own = [r["name_core"] for r in rows], [r["country"] for r in rows], [r["id"] for r in rows]
    found = await tx.fetch(SQL["similar"], names, countries, own, NEAREST)
    pairs = {_ordered(own[r["place"] - 1], r["id"]) for r in found}
    pairs |= {_ordered(r["id"], r["other"]) for r in await tx.fetch(SQL["same_phone"], tenant, own)}
    known = await tx.fetch(SQL["known_pairs"], tenant, [a for a, _ in pairs], [b for _, b in pairs])
    return sorted(pairs - {(r["a_id"], r["b_id"]) for r in known})


async def alike(tx: Tx, name: str, country: str | None) -> list[str]:
    """Core names of the companies called most like `name` (a core name)."""
    return [r["name_core"] for r in await tx.fetch(SQL["alike"], name, country, NEAREST)]


async def apart(tx: Tx, tenant: UUID, ids: Sequence[UUID]) -> set[tuple[UUID, UUID]]:
    """Pairs (a < b) among these that a person said are two companies."""
    return {(r["a_id"], r["b_id"]) for r in await tx.fetch(SQL["apart"], tenant, list(ids))}


async def rarity(tx: Tx, tenant: UUID) -> Rarity:
    """How often words stand in names of the tenant's companies, from the newest of them."""
    having: dict[str, int] = {}
    rows = await tx.fetch(SQL["names"], tenant, SAMPLE)
    for row in rows:
        for word in set(name_words(row["name"])):
            having[word] = having.get(word, 0) + 1
    return Rarity(len(rows), having)


async def model(tx: Tx, tenant: UUID) -> OwnModel:
    """The tenant's own model of pairs, else the one that is shipped."""
    own = await tx.fetchrow(SQL["own_model"], tenant)
    if own is None:
        return OwnModel(shipped(), None, 0)
    return OwnModel(Model.model_validate(own["model"]), own["id"], int(own["config"].get("answers", 0)))


async def count_answers(tx: Tx, tenant: UUID) -> int:
    """How many pairs persons have decided about."""
    count: int = await tx.fetchval(SQL["answers"], tenant)
    return count


async def adopt(tx: Tx, tenant: UUID, own: Model, figures: dict[str, float]) -> None:
    """Tell pairs by the tenant's own model from now on."""
    await tx.execute(SQL["archive_model"], tenant)
    await tx.execute(
        SQL["add_model"], tenant, own.model_dump(mode="json"), {"answers": int(figures["answers"])}, figures
    )


async def propose(
    tx: Tx, tenant: UUID, pairs: Sequence[Verdict], model_id: UUID | None = None
) -> dict[tuple[UUID, UUID], UUID]:
    """Put pairs before a person. A pair that stands there already keeps what was decided. Returns (a, b) -> id of the new ones."""
    if not pairs:
        return {}
    rows = await tx.fetch(
        SQL["add_pairs"],
        tenant,
        [p.a_id for p in pairs],
        [p.b_id for p in pairs],
        [p.probability for p in pairs],
        [p.features for p in pairs],
        [" ".join(p.contradictions) for p in pairs],
        model_id,
    )
    return {(r["a_id"], r["b_id"]): r["id"] for r in rows}


async def mark_compared(tx: Tx, tenant: UUID, ids: Sequence[UUID]) -> None:
    """These were compared with all others."""
    await tx.execute(SQL["mark_compared"], tenant, sorted(ids))


async def list_(
    tx: Tx,
    tenant: UUID,
    *,
    state: MatchState | None = None,
    before: UUID | None = None,
    match_id: UUID | None = None,
    limit: int = 50,
) -> list[Match]:
    """Pairs, newest first. `before` is the last id of the page before."""
    rows = await tx.fetch(SQL["list"], tenant, before or LAST_UUID, state, match_id, limit)
    return [Match.model_validate(_sides(dict(r))) for r in rows]


async def get(tx: Tx, tenant: UUID, match_id: UUID) -> Match:
    """One pair. Raises: NotFound (`match_not_found`)."""
    found = await list_(tx, tenant, match_id=match_id, limit=1)
    if not found:
        raise NotFound(f"no match {match_id}: `GET /v1/matches` shows them", code="match_not_found")
    return found[0]


async def answered(tx: Tx, tenant: UUID) -> list[tuple[dict[str, float], bool]]:
    """Pairs that persons decided about, with whether they are one."""
    return [(r["features"], r["same"]) for r in await tx.fetch(SQL["answered"], tenant)]


def _sides(row: dict[str, Any]) -> dict[str, Any]:
    sides: dict[str, dict[str, Any]] = {"a": {}, "b": {}}
    for name in [n for n in row if n[:2] in ("a_", "b_")]:
        sides[name[0]][name[2:]] = row.pop(name)
    return {**row, **sides}


def _ordered(a: UUID, b: UUID) -> tuple[UUID, UUID]:
    return (a, b) if a < b else (b, a)
