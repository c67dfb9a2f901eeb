"""Two companies become one, and two again. A merge is a redirect: ids stay, and what moved stands in the undo payload.

Locks: companies in id order, then the decision. Whoever adds something to a company locks it too (`lock_companies`,
`lock_subject`),
so that nothing is
added to one that is just going under another.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from contracts.errors import Conflict, NotFound
from contracts.events import FeaturesRequested
from contracts.survivorship import columns, survivors
from db import facts, outbox
from db.access import audit
from db.sql import load
from db.survivorship import policy
from db.transaction import Tx

SQL = load("merges")
_COLUMNS = (
    "country", "city", "domain", "registry_id", "industries", "sources", "employees", "industry", "naics", "description", "phone",
    "compared_at", "updated_at",
)  # fmt: skip
_LISTS = ("industries", "sources", "naics")


async def merge(
    tx: Tx,
    tenant: UUID,
    match_id: UUID,
    *,
    by: str,
    how: Literal["merged", "auto"] = "merged",
    reason: str | None = None,
) -> UUID:
    """Make the two of a pair one; the older id survives. Returns it.

    Raises: NotFound (`match_not_found`); Conflict (`match_decided`, `already_merged`, `two_registry_ids`).
    """
    pair = await _pair(tx, tenant, match_id)
    merged = {r["id"]: r["merged_into"] for r in await tx.fetch(SQL["lock"], tenant, pair)}
    said = await tx.fetchrow(SQL["decision"], tenant, match_id)
    if said is None or len(merged) < 2:
        raise NotFound(f"no match {match_id}", code="match_not_found")
    if said["decision"] in ("merged", "auto"):
        raise Conflict("the two were merged before: undo that first", code="match_decided")
    if how == "auto" and said["decision"] != "pending":
        raise Conflict(f"a person said {said['decision']}: that stands", code="match_decided")
    for id_, into in merged.items():
        if into is not None:
            raise Conflict(
                f"company {id_} was merged into {into}: decide about that one",
                code="already_merged",
                company_id=str(into),
            )
    await _refuse_two_registries(tx, tenant, pair)
    survivor, loser = pair
    undo = await _absorb(tx, tenant, survivor, loser)
    changes = await tx.fetchval(SQL["decide"], tenant, match_id, how, survivor, undo, by, reason)
    await _tell(tx, tenant, match_id, by, f"company.{how}", changes, survivor, loser)
    return survivor


async def undo(tx: Tx, tenant: UUID, match_id: UUID, *, by: str, reason: str | None = None) -> UUID:
    """Make them two again: ids, keys and rows as they were, and what came since stays with the survivor. Returns the
    company that is back.

    Raises: NotFound; Conflict (`match_decided`: it is no merge; `merged_further`, member `match_id`: a later merge
    stands on this one).
    """
    pair = await _pair(tx, tenant, match_id)
    merged = {r["id"]: r["merged_into"] for r in await tx.fetch(SQL["lock"], tenant, pair)}
    said = await tx.fetchrow(SQL["decision"], tenant, match_id)
    if said is None:
        raise NotFound(f"no match {match_id}", code="match_not_found")
    if said["decision"] not in ("merged", "auto"):
        raise Conflict(f"the pair is {said['decision']}: only a merge can be undone", code="match_decided")
    survivor: UUID = said["survivor_id"]
    loser = next(id_ for id_ in pair if id_ != survivor)
    if merged[survivor] is not None:
        later = await tx.fetchval(SQL["later"], tenant, survivor)
        raise Conflict(
            f"the survivor was merged into another company since: undo match {later} first",
            code="merged_further", match_id=str(later),
        )  # fmt: skip
    await _give_back(tx, tenant, survivor, loser, said["undo"])
    changes = await tx.fetchval(SQL["decide"], tenant, match_id, "undone", None, None, by, reason)
    await _tell(tx, tenant, match_id, by, "company.unmerged", changes, survivor, loser)
    return loser


async def reject(tx: Tx, tenant: UUID, match_id: UUID, *, by: str, reason: str | None = None) -> None:
    """They are two companies: the pair is not proposed again. Again is no error.

    Raises: NotFound; Conflict (`match_decided`) for a merged pair.
    """
    said = await tx.fetchrow(SQL["decision"], tenant, match_id)
    if said is None:
        raise NotFound(f"no match {match_id}: `GET /v1/matches` shows them", code="match_not_found")
    if said["decision"] in ("merged", "auto"):
        raise Conflict("the two are merged: undo that instead", code="match_decided")
    if said["decision"] != "rejected":
        await tx.execute(SQL["decide"], tenant, match_id, "rejected", None, None, by, reason)
        await audit(tx, tenant, by, "company.match_rejected", "match", str(match_id), {"reason": reason or ""})


async def lock(tx: Tx, tenant: UUID, ids: Iterable[UUID]) -> set[UUID]:
    """Lock companies in id order; gives those that go under no other."""
    rows = await tx.fetch(SQL["lock"], tenant, sorted(ids))
    return {r["id"] for r in rows if r["merged_into"] is None}


async def lead_root(tx: Tx, tenant: UUID, lead_id: UUID) -> UUID | None:
    """The lead that stands for this one now; None for an unknown one."""
    found: UUID | None = await tx.fetchval(SQL["lead_root"], tenant, lead_id)
    return found


async def lead_family(tx: Tx, tenant: UUID, lead_id: UUID) -> list[UUID]:
    """A lead and all that were merged into it."""
    return [r["id"] for r in await tx.fetch(SQL["lead_family"], tenant, lead_id)]


async def root(tx: Tx, tenant: UUID, company_id: UUID) -> UUID | None:
    """The company that this one goes under, itself mostly; None for an unknown one."""
    found: UUID | None = await tx.fetchval(SQL["root"], tenant, company_id)
    return found


async def _pair(tx: Tx, tenant: UUID, match_id: UUID) -> list[UUID]:
    row = await tx.fetchrow(SQL["pair"], tenant, match_id)
    if row is None:
        raise NotFound(f"no match {match_id}: `GET /v1/matches` shows them", code="match_not_found")
    return [row["a_id"], row["b_id"]]


async def _refuse_two_registries(tx: Tx, tenant: UUID, pair: Sequence[UUID]) -> None:
    known: dict[UUID, set[str]] = {}
    for row in await tx.fetch(SQL["registries"], tenant, list(pair)):
        known.setdefault(row["entity_id"], set()).add(row["value"])
    if len(known) == 2 and not set.intersection(*known.values()):
        a, b = (", ".join(sorted(each)) for each in known.values())
        raise Conflict(
            f"they stand in registers under different ids ({a}; {b}): they are two companies", code="two_registry_ids"
        )


async def _absorb(tx: Tx, tenant: UUID, survivor: UUID, loser: UUID) -> dict[str, Any]:
    """Move everything of `loser` to `survivor`. Returns what it takes to move it back."""
    keys = [[r["key_type"], r["value"]] for r in await tx.fetch(SQL["move_keys"], tenant, loser, survivor)]
    contacts = await tx.fetch(SQL["move_contacts"], tenant, loser, survivor)
    pointed = await tx.fetch(SQL["point_leads"], tenant, loser, survivor)
    moved = await tx.fetch(SQL["move_leads"], tenant, loser, survivor)
    said = await tx.fetch(SQL["move_facts"], tenant, loser, survivor)
    records = await tx.fetch(SQL["move_records"], tenant, loser, survivor)
    sites = await tx.fetch(SQL["move_sites"], tenant, loser, survivor)
    candidates = await tx.fetch(SQL["retire_candidates"], tenant, loser)
    await tx.execute(SQL["redirect"], tenant, loser, survivor)
    before, after = await _best_of_both(tx, tenant, survivor, loser)
    return {
        "keys": keys,
        "contacts": _ids(contacts),
        "leads": sorted(_ids(pointed) + _ids(moved)),
        "facts": _ids(said),
        "records": _ids(records),
        "sites": _ids(sites),
        "candidates": _ids(candidates),
        "before": before,
        "after": after,
    }


async def _best_of_both(tx: Tx, tenant: UUID, survivor: UUID, loser: UUID) -> tuple[dict[str, Any], dict[str, Any]]:
    """Write the survivor's columns anew: by the facts where there are some, else its own, else the other's."""
    mine, theirs = await _columns(tx, tenant, survivor), await _columns(tx, tenant, loser)
    known = columns(survivors(await facts.of_entity(tx, tenant, survivor), await policy(tx, tenant)))
    new = {name: mine[name] if mine[name] not in (None, []) else theirs[name] for name in _COLUMNS}
    # A place is only filled in, as an enrichment does: it is often better known from the register than from a vendor.
    new |= {name: value for name, value in known.items() if name not in ("city", "country") or new[name] is None}
    new["sources"] = list(dict.fromkeys([*mine["sources"], *theirs["sources"]]))
    new["compared_at"], new["updated_at"] = None, max(mine["updated_at"], theirs["updated_at"])
    await tx.execute(SQL["write_columns"], tenant, survivor, *[new[name] for name in _COLUMNS])
    changed = [name for name in _COLUMNS if new[name] != mine[name]]
    return _plain({n: mine[n] for n in changed}), _plain({n: new[n] for n in changed})


async def _give_back(tx: Tx, tenant: UUID, survivor: UUID, loser: UUID, kept: Mapping[str, Any]) -> None:
    types, values = [k for k, _ in kept["keys"]], [v for _, v in kept["keys"]]
    await tx.execute(SQL["return_keys"], tenant, loser, survivor, types, values)
    await tx.execute(SQL["return_contacts"], tenant, loser, survivor, kept["contacts"])
    await tx.execute(SQL["return_leads"], tenant, loser, kept["leads"])
    await tx.execute(SQL["return_facts"], tenant, loser, survivor, kept["facts"])
    await tx.execute(SQL["return_records"], tenant, loser, survivor, kept["records"])
    await tx.execute(SQL["return_sites"], tenant, loser, survivor, kept["sites"])
    await tx.execute(SQL["return_candidates"], tenant, kept["candidates"])
    await tx.execute(SQL["redirect"], tenant, loser, None)
    now = await _columns(tx, tenant, survivor)
    plain = _plain(now)
    # A column that somebody changed since the merge keeps what they wrote.
    back = {name: old for name, old in kept["before"].items() if plain[name] == kept["after"][name]}
    wanted = now | {name: _typed(name, value) for name, value in back.items()}
    await tx.execute(SQL["write_columns"], tenant, survivor, *[wanted[name] for name in _COLUMNS])


async def _columns(tx: Tx, tenant: UUID, company_id: UUID) -> dict[str, Any]:
    row = await tx.fetchrow(SQL["columns"], tenant, company_id)
    assert row is not None
    return dict(row)


async def _tell(
    tx: Tx, tenant: UUID, match_id: UUID, by: str, action: str, changes: int, survivor: UUID, loser: UUID
) -> None:
    """The audit row, and a fresh look at every lead of the two."""
    detail = {"survivor": str(survivor), "other": str(loser)}
    await audit(tx, tenant, by, action, "match", str(match_id), detail)
    leads = await tx.fetch(SQL["live_leads"], tenant, [survivor, loser])
    events = [FeaturesRequested(lead_id=r["id"], cause=f"match:{match_id}:{changes}") for r in leads]
    await outbox.emit_many(tx, tenant, events, correlation_id=match_id)


def _ids(rows: Iterable[Any]) -> list[str]:
    return [str(r["id"]) for r in rows]


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    return {n: v.isoformat() if isinstance(v, datetime) else list(v) if n in _LISTS else v for n, v in row.items()}


def _typed(name: str, value: Any) -> Any:
    return datetime.fromisoformat(value) if name in ("compared_at", "updated_at") and value is not None else value
