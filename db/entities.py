"""Who is who: entity keys decide, first come first served, and concurrent writers agree (R13)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from contracts.identity import Group, Key, Owner, company_keys, group
from contracts.providers import FoundCompany
from db.sql import load
from db.transaction import Tx

SQL = load("entities")
Kind = Literal["company", "contact"]


@dataclass(slots=True)
class Placed:
    """Hits that are one company, with their place: the company they stand for, and whether this page made it."""

    group: Group
    company_id: UUID | None
    created: bool
    reason: str | None = None


async def place(tx: Tx, tenant: UUID, companies: Sequence[FoundCompany], *, room: int) -> list[Placed]:
    """Give every hit its company: the one it matched, a new one (at most `room`), or none when the cap is reached.

    Whoever loses a race for one of its keys becomes a duplicate of the winner, with all its keys, unless their registry ids differ.
    """
    keys = sorted({k for c in companies for k in company_keys(c)})
    groups = group(companies, await _owners(tx, tenant, "company", keys))
    new = [g for g in groups if g.entity is None and g.keys][: max(0, room)]
    provisional = {id(g): i for g, i in zip(new, await new_ids(tx, len(new)), strict=True)}
    wanted = [(k, g.entity or provisional[id(g)]) for g in groups if g.entity or id(g) in provisional for k in g.keys]
    holders = await _take(tx, tenant, "company", wanted)
    placed: list[Placed] = []
    lost: dict[UUID, UUID] = {}
    for g in groups:
        mine = provisional.get(id(g))
        if g.entity is not None:
            placed.append(Placed(g, g.entity, created=False))
        elif mine is None:
            placed.append(Placed(g, None, created=False, reason="max_companies" if g.keys else "no_key"))
        else:
            winner = _winner(g, mine, holders)
            if winner != mine:
                lost[mine] = winner
            placed.append(Placed(g, winner, created=winner == mine))
    if lost:
        await tx.execute(SQL["follow"], tenant, list(lost), list(lost.values()))
    return placed


async def take(tx: Tx, tenant: UUID, kind: Kind, wanted: Sequence[tuple[Key, UUID]]) -> dict[Key, UUID]:
    """Ask for keys, each for an entity; returns who holds each now."""
    return {k: owner.entity_id for k, owner in (await _take(tx, tenant, kind, wanted)).items()}


async def _take(tx: Tx, tenant: UUID, kind: Kind, wanted: Sequence[tuple[Key, UUID]]) -> dict[Key, Owner]:
    if not wanted:
        return {}
    types, values = [k.type for k, _ in wanted], [k.value for k, _ in wanted]
    await tx.execute(SQL["take_keys"], tenant, [kind] * len(wanted), types, values, [entity for _, entity in wanted])
    return await _owners(tx, tenant, kind, [k for k, _ in wanted])


@dataclass(frozen=True, slots=True)
class Person:
    """Who somebody is. `by`: the key that said so, None for somebody new."""

    contact_id: UUID
    by: Key | None

    @property
    def new(self) -> bool:
        return self.by is None


async def people(tx: Tx, tenant: UUID, keys: Sequence[Sequence[Key]]) -> list[Person]:
    """Give each person, named by their keys, strongest first, their contact: whoever has the strongest taken key, else a new one.

    Keys that were free become that contact's own. Nobody may come twice with one strongest key.
    """
    ids = await new_ids(tx, len(keys))
    wanted: dict[Key, UUID] = {}
    for mine, each in zip(ids, keys, strict=True):
        for key in each:
            wanted.setdefault(key, mine)
    holders = await take(tx, tenant, "contact", sorted(wanted.items()))
    found: list[Person] = []
    lost: dict[UUID, UUID] = {}
    for mine, each in zip(ids, keys, strict=True):
        by = next((key for key in each if holders[key] != mine), None)
        contact = mine if by is None else lost.get(holders[by], holders[by])
        found.append(Person(contact, by))
        if contact != mine:
            lost[mine] = contact
    if lost:
        await tx.execute(SQL["follow"], tenant, list(lost), list(lost.values()))
    return found


def _winner(of: Group, mine: UUID, holders: Mapping[Key, Owner]) -> UUID:
    """Who else took one of its keys meanwhile, strongest first; itself when nobody did, or only other registry numbers."""
    for key in of.keys:
        owner = holders[key]
        differ = of.registries and owner.registries and not of.registries & owner.registries
        if owner.entity_id != mine and not differ:
            return owner.entity_id
    return mine


async def new_ids(tx: Tx, count: int) -> list[UUID]:
    """Ids for entities whose keys are asked for before their rows are written."""
    return [r["id"] for r in await tx.fetch(SQL["new_ids"], count)] if count else []


async def _owners(tx: Tx, tenant: UUID, kind: Kind, keys: Sequence[Key]) -> dict[Key, Owner]:
    rows = await tx.fetch(
        SQL["known_keys"], tenant, [kind] * len(keys), [k.type for k in keys], [k.value for k in keys]
    )
    return {Key(r["key_type"], r["value"]): Owner(r["entity_id"], frozenset(r["registries"])) for r in rows}
