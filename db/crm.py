"""What of a tenant's leads stands in its CRM, what came of pushing them, and what a person decided where the two differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from contracts.crm import ODOO, Keep, LinkRow, PushOutcome, PushRow
from contracts.crm_records import Subject
from contracts.errors import Conflict, NotFound
from contracts.events import CrmSyncRequested
from db import merges, outbox
from db.access import audit
from db.paging import LAST_UUID
from db.sql import load
from db.transaction import Tx

SQL = load("crm")


@dataclass(frozen=True, slots=True)
class Link:
    """A record of ours in the CRM. `values`: what we last wanted; `detail` has `seen`, how the record stood after our last look.

    Members of `detail`: place (of the CRM it is about), seen, differs, problem, ceded (field -> our value that gave way), gone,
    put_away, merged_into, resolution, dropped, lead_id.
    """

    model: str
    local_id: UUID
    external_id: str
    remote_id: int | None = None
    hash: bytes | None = None
    values: Mapping[str, Any] | None = None
    state: str = "pending"
    detail: Mapping[str, Any] = field(default_factory=dict)
    error: str | None = None
    pushed: bool = False


@dataclass(frozen=True, slots=True)
class Audit:
    """A line for the audit log."""

    action: str
    model: str
    local_id: UUID
    detail: dict[str, Any]


async def subjects(tx: Tx, tenant: UUID, lead_ids: Sequence[UUID]) -> dict[UUID, Subject]:
    """What is known of these leads; those that do not exist are absent."""
    rows = await tx.fetch(SQL["subjects"], tenant, list(lead_ids))
    return {r["lead_id"]: _subject(r) for r in rows}


def _subject(row: Any) -> Subject:
    contact = row["contact"]
    return Subject(
        lead_id=row["lead_id"],
        company=_with_id(row["company"]),
        contact=_with_id(contact) if contact else None,
        profile=row["profile"],
        # What the rules have turned down is not worth what its model says.
        band="LOW" if row["rejected"] else row["band"],
        score=0.0 if row["rejected"] else row["score"],
        rationale=row["rationale"],
        merged_into=row["merged_into"],
    )


def _with_id(row: Mapping[str, Any]) -> dict[str, Any]:
    return {**row, "id": UUID(row["id"])}


async def losers(tx: Tx, tenant: UUID, company_id: UUID) -> list[UUID]:
    """Companies that were merged into this one, by however many steps."""
    return [r["id"] for r in await tx.fetch(SQL["losers"], tenant, company_id)]


async def links(tx: Tx, tenant: UUID, local_ids: Sequence[UUID], place: str) -> dict[tuple[str, UUID], Link]:
    """What of these things stands in the CRM at `place`, by (model, local id). A tenant that moved to another begins anew there."""
    rows = await tx.fetch(SQL["links"], tenant, ODOO, list(local_ids))
    return {
        (r["model"], r["local_id"]): Link(
            r["model"], r["local_id"], r["external_id"], r["remote_id"], r["last_hash"], r["last_values"], r["state"], r["detail"],
            r["last_error"],
        )
        for r in rows
        if r["detail"].get("place") == place
    }  # fmt: skip


async def keep(tx: Tx, tenant: UUID, made: Sequence[Link], run_id: UUID | None) -> None:
    """Write links as they stand from now on."""
    rows = [
        {
            "model": link.model, "local_id": str(link.local_id), "external_id": link.external_id, "remote_id": link.remote_id,
            "hash": link.hash.hex() if link.hash else None, "last_values": link.values, "state": link.state,
            "detail": link.detail, "last_error": link.error, "pushed": link.pushed,
        }
        for link in made
    ]  # fmt: skip
    await tx.execute(SQL["keep"], tenant, ODOO, rows, run_id)


async def note_push(
    tx: Tx,
    tenant: UUID,
    lead_id: UUID,
    cause: str,
    outcome: PushOutcome,
    *,
    reason: str | None = None,
    records: Mapping[str, str] | None = None,
) -> None:
    """Write down what came of a push, once a lead and cause."""
    await tx.execute(SQL["note_push"], tenant, lead_id, cause, outcome, reason, dict(records or {}))


async def log(tx: Tx, tenant: UUID, lines: Sequence[Audit], lead_id: UUID) -> None:
    """What was done to whose record: with the CRM's own ids (S3.07)."""
    for line in lines:
        about = {"model": line.model, "lead_id": str(lead_id), **line.detail}
        await audit(tx, tenant, "job:crm.push", line.action, "crm_record", str(line.local_id), about, lead_id)


async def to_erase(tx: Tx, tenant: UUID, link_id: UUID) -> tuple[Link, str | None] | None:
    """(a link, the place of the CRM it is about); None for an unknown one."""
    row = await tx.fetchrow(SQL["link"], tenant, link_id)
    if row is None:
        return None
    return Link(row["model"], row["local_id"], row["external_id"], row["remote_id"]), row["place"]


async def erased(
    tx: Tx, tenant: UUID, link_id: UUID, link: Link, seen: Mapping[str, Any], fields: Sequence[str]
) -> None:
    """A record names nobody any more; `seen`: how it stands now. Audited without personal data."""
    await tx.execute(SQL["erased"], tenant, link_id, dict(seen))
    about = {"model": link.model, "external_id": link.external_id, "remote_id": link.remote_id, "fields": list(fields)}
    await audit(tx, tenant, "job:crm.erase", "crm.record_erased", "crm_record", str(link.local_id), about)


async def list_links(
    tx: Tx,
    tenant: UUID,
    *,
    before: UUID | None = None,
    state: str | None = None,
    model: str | None = None,
    local_id: UUID | None = None,
    limit: int = 50,
) -> list[LinkRow]:
    """Links, newest first. `before` is the last id of the page before."""
    rows = await tx.fetch(SQL["list_links"], tenant, before or LAST_UUID, state, model, local_id, limit)
    return [_row(r) for r in rows]


def _row(row: Any) -> LinkRow:
    detail = row["detail"]
    named = {k: v for k, v in dict(row).items() if k != "detail"}
    told = {
        "problem": detail.get("problem"), "differs": detail.get("differs") or {}, "resolution": detail.get("resolution"),
        "dropped": detail.get("dropped") or [],
    }  # fmt: skip
    return LinkRow.model_validate(named | told)


async def resolve(tx: Tx, tenant: UUID, link_id: UUID, keep_whose: Keep, *, by: str) -> LinkRow:
    """Decide whose values stay, and push. The same decision again, before it was carried out, changes nothing.

    Raises: NotFound (`link_not_found`); Conflict (`no_conflict`).
    """
    row = await tx.fetchrow(SQL["lock_link"], tenant, link_id)
    if row is None:
        raise NotFound(f"no link {link_id}", code="link_not_found")
    if row["state"] != "conflict":
        raise Conflict(f"the link is {row['state']}: there is nothing to decide", code="no_conflict")
    if row["detail"].get("resolution") != keep_whose:
        await tx.execute(SQL["resolve"], tenant, link_id, keep_whose)
        cause_id: UUID = await tx.fetchval(SQL["new_id"])
        asked = UUID(row["detail"]["lead_id"])
        standing = await merges.lead_root(tx, tenant, asked)
        event = CrmSyncRequested(lead_id=standing or asked, cause=f"resolve:{cause_id}")
        await outbox.emit(tx, tenant, event, correlation_id=cause_id)
        detail = {"keep": keep_whose, "external_id": row["external_id"]}
        await audit(tx, tenant, by, "crm.conflict_resolved", "crm_link", str(link_id), detail)
    (found,) = await list_links(tx, tenant, model=row["model"], local_id=row["local_id"], limit=1)
    return found


async def list_pushes(
    tx: Tx,
    tenant: UUID,
    *,
    before: UUID | None = None,
    lead_id: UUID | None = None,
    cause: str | None = None,
    outcome: str | None = None,
    limit: int = 50,
) -> list[PushRow]:
    """What came of pushes, newest first. `before` is the last id of the page before."""
    rows = await tx.fetch(SQL["list_pushes"], tenant, before or LAST_UUID, lead_id, cause, outcome, limit)
    return [PushRow.model_validate(dict(r)) for r in rows]
