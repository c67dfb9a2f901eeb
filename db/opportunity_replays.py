"""A run of tenders done again: what it read, what stands of that, and what every tenant's profiles say of it (B.03)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from contracts.opportunities import SAM
from contracts.run_replays import Difference, StoredPage
from db import opportunities
from db.sql import load
from db.transaction import Tx

SQL = load("opportunity_replays")
#: Not what anybody would call a difference, and the texts in which people may stand.
_BOOKKEEPING = frozenset(
    {"id", "tenant_id", "created_at", "updated_at", "changed_at", "seen_slice_id", "seen_window", "content_hash"}
)
_PERSONAL = frozenset({"title", "raw"})


async def read(tx: Tx, tenant: UUID, run_id: UUID) -> list[StoredPage]:
    """What a run read, as far as it is still stored, in the order in which it was said."""
    return [StoredPage(**dict(r)) for r in await tx.fetch(SQL["read"], tenant, run_id)]


async def newer(tx: Tx, tenant: UUID, notices: Sequence[str], run_id: UUID) -> set[str]:
    """Those of these notices that a later run has seen: an older reading must not take its place."""
    return {r["notice_id"] for r in await tx.fetch(SQL["newer"], tenant, SAM, list(notices), run_id)}


async def images(tx: Tx, tenant: UUID, notices: Sequence[str]) -> dict[str, dict[str, Any]]:
    """What stands of these notices, locked, by notice id."""
    rows = await tx.fetch(SQL["images"], tenant, SAM, list(notices))
    return {r["notice_id"]: {k: v for k, v in r["image"].items() if k not in _BOOKKEEPING} for r in rows}


def differences(before: Mapping[str, dict[str, Any]], after: Mapping[str, dict[str, Any]]) -> list[Difference]:
    """Notices that stand otherwise. Pure. Of texts in which people may stand no value is kept."""
    found = []
    for notice_id, now in sorted(after.items()):
        was = before.get(notice_id)
        fields = {
            name: {} if name in _PERSONAL else {"from": (was or {}).get(name), "to": value}
            for name, value in now.items()
            if was is not None and value != was.get(name)
        }
        if was is None or fields:
            change = "created" if was is None else "changed"
            subject = {"notice_id": notice_id, "naics": now.get("naics")}
            found.append(
                Difference.model_validate(
                    {"kind": "opportunity", "change": change, "subject": subject, "fields": fields}
                )
            )
    return found


async def tenants(tx: Tx) -> list[UUID]:
    """Active tenants whose open profiles have codes. System role."""
    return [r["tenant_id"] for r in await tx.fetch(opportunities.SQL["concerned"])]


async def pairs(tx: Tx, tenant: UUID, notices: Sequence[str], most: int) -> tuple[list[dict[str, Any]], int]:
    """Copies of these notices beside a tenant's open profiles, what is said of each, and how many more there are. System role."""
    rows = [dict(r) for r in await tx.fetch(SQL["pairs"], tenant, SAM, list(notices), most)]
    if len(rows) < most:
        return rows, 0
    return rows, int(await tx.fetchval(SQL["count_pairs"], tenant, SAM, list(notices))) - len(rows)


def evaluation_difference(tenant: UUID, pair: Mapping[str, Any], said: Mapping[str, Any]) -> Difference | None:
    """What today's rules would say of a pair otherwise; None when it is the same. Pure."""
    now = {"matched": said["matched"], "fit": said["fit"], "reasons": list(said["reasons"])}
    was = {name: list(pair[name]) if name == "reasons" and pair[name] is not None else pair[name] for name in now}
    fields = {name: {"from": was[name], "to": value} for name, value in now.items() if value != was[name]}
    if pair["held"] and not fields and pair["current"]:
        return None
    subject = {"tenant_id": str(tenant), "profile_id": str(pair["profile_id"]), "notice_id": pair["notice_id"]}
    change = "changed" if pair["held"] else "created"
    return Difference.model_validate({"kind": "evaluation", "change": change, "subject": subject, "fields": fields})
