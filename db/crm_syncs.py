"""A sync that somebody asked for: what it would do, said from what we know, and the events that make it happen (S3.17)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from uuid import UUID

from contracts.crm import BANDS, Connection, PlannedLead, PlannedRecord, Policy, SyncAnswer, SyncRequest
from contracts.crm_access import place
from contracts.crm_records import Subject, Wanted, at_least, changes, wanted
from contracts.errors import NotFound
from contracts.events import CrmSyncRequested
from contracts.settings import Settings
from db import crm, crm_connections, outbox
from db import idempotency as idempotency_keys
from db.access import audit
from db.crm import Link
from db.transaction import Tx

SQL = crm.SQL
#: Leads of one sync.
MOST = 1000


async def sync(
    tx: Tx,
    tenant: UUID,
    body: SyncRequest,
    settings: Settings,
    *,
    by: str,
    idempotency: tuple[str, object] | None = None,
) -> SyncAnswer:
    """Plan, and unless it is a dry run, have every lead pushed that is not skipped, in the caller's transaction.

    The second request under one idempotency (key, body) pushes nothing and answers with the first one's id. Without a key a second
    sync does no harm either: what is unchanged is not sent. Raises: NotFound (`run_not_found`, `lead_not_found`); Conflict.
    """
    lead_ids, left = await _chosen(tx, tenant, body)
    planned = await plan(tx, tenant, lead_ids, settings, force=body.force)
    sync_id: UUID | None = None
    if not body.dry_run:
        sync_id = await tx.fetchval(SQL["new_id"])
        assert sync_id is not None
        first = await idempotency_keys.claim(tx, tenant, "crm.sync", *idempotency, sync_id) if idempotency else sync_id
        if first == sync_id:
            await _push(tx, tenant, planned, sync_id, body, by)
        sync_id = first
    counts = Counter(lead.action for lead in planned) + Counter(r.action for lead in planned for r in lead.records)
    return SyncAnswer(id=sync_id, dry_run=body.dry_run, leads=planned, counts=dict(sorted(counts.items())), left=left)


async def _push(tx: Tx, tenant: UUID, planned: list[PlannedLead], sync_id: UUID, body: SyncRequest, by: str) -> None:
    going = [lead.lead_id for lead in planned if lead.action == "push"]
    events = [CrmSyncRequested(lead_id=lead, cause=f"sync:{sync_id}") for lead in going]
    if events:
        await outbox.emit_many(tx, tenant, events, correlation_id=sync_id)
    asked = {"run_id": str(body.run_id) if body.run_id else None, "leads": len(going), "force": body.force}
    await audit(tx, tenant, by, "crm.sync_requested", "crm_sync", str(sync_id), asked, sync_id)


async def _chosen(tx: Tx, tenant: UUID, body: SyncRequest) -> tuple[list[UUID], int]:
    if body.lead_ids is not None:
        return sorted(set(body.lead_ids)), 0
    if await tx.fetchval(SQL["run_exists"], tenant, body.run_id) is None:
        raise NotFound(f"no run {body.run_id}", code="run_not_found")
    rows = await tx.fetch(SQL["run_leads"], tenant, body.run_id, MOST)
    total: int = await tx.fetchval(SQL["count_run_leads"], tenant, body.run_id)
    return [r["id"] for r in rows], total - len(rows)


async def plan(
    tx: Tx, tenant: UUID, lead_ids: list[UUID], settings: Settings, *, force: bool = False
) -> list[PlannedLead]:
    """What a push of these leads would do, as far as we know: the CRM itself is not asked. Raises: NotFound (`lead_not_found`)."""
    known = await crm.subjects(tx, tenant, lead_ids)
    for lead_id in lead_ids:
        if lead_id not in known:
            raise NotFound(f"no lead {lead_id}", code="lead_not_found")
    connection = await crm_connections.show(tx, tenant)
    policy = await crm_connections.policy(tx, tenant)
    made = {lead: wanted(known[lead], min_score=settings.score_min_export) for lead in lead_ids}
    local_ids = sorted({record.local_id for records in made.values() for record in records})
    links = await crm.links(tx, tenant, local_ids, place(connection.url, connection.database)) if connection else {}
    seen: set[tuple[str, UUID]] = set()
    return [_planned(known[lead], made[lead], connection, policy, links, seen, force) for lead in lead_ids]


def _planned(
    subject: Subject,
    records: list[Wanted],
    connection: Connection | None,
    policy: Policy,
    links: Mapping[tuple[str, UUID], Link],
    seen: set[tuple[str, UUID]],
    force: bool,
) -> PlannedLead:
    reason = why_not(subject, connection.enabled if connection else None, policy, force=force)
    said = PlannedLead(
        lead_id=subject.lead_id,
        company=subject.company["name"],
        band=subject.band,
        score=subject.score,
        action="skipped" if reason else "push",
        reason=reason,
    )
    if reason:
        return said
    rows = []
    for record in records:
        key = (record.model, record.local_id)
        rows.append(_record(record, None if key in seen else links.get(key), repeated=key in seen))
        seen.add(key)
    return said.model_copy(update={"records": rows})


def why_not(subject: Subject, enabled: bool | None, policy: Policy, *, force: bool) -> str | None:
    """The reason why a lead is not pushed: no_connection, disabled, lead_merged, not_scored, below_band.

    `enabled` None: no connection. A lead that was merged into another is put away with that other's push.
    """
    if enabled is None:
        return "no_connection"
    if not enabled:
        return "disabled"
    if subject.merged_into is not None:
        return "lead_merged"
    if force:
        return None
    if subject.band is None:
        return "not_scored"
    return None if at_least(subject.band, policy.min_band, BANDS) else "below_band"


def _record(record: Wanted, link: Link | None, *, repeated: bool) -> PlannedRecord:
    """Two leads of one company share its record: it is counted where it comes first."""
    row = PlannedRecord(
        model=record.model, local_id=record.local_id, name=str(record.values["name"]), action="unchanged"
    )
    if repeated:
        return row
    if link is None or link.remote_id is None:
        return row.model_copy(update={"action": "created", "changed": changes(record, None)})
    if link.state == "conflict":
        return row.model_copy(update={"action": "conflict", "changed": sorted(link.detail.get("differs") or {})})
    if link.hash == record.hash and link.state == "linked":
        return row
    return row.model_copy(update={"action": "updated", "changed": changes(record, link.values)})
