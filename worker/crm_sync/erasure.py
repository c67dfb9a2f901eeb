"""crm.erase: whoever was erased here is erased in the CRM too: their own record emptied and archived, their lead's emptied (B.09).

Nothing is written blindly: a record that people have merged into another one is another person's by now, and one that they have
deleted must not come back. Both are left, and an alert says which.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import structlog

from contracts.crm_access import place
from contracts.crm_records import PARTNER, Value, plain
from contracts.jobs import EraseInCrm, Payload
from contracts.outgoing import CrmLookup, CrmRecord, CrmSnapshot
from contracts.providers import Operation
from db import alerts, crm, crm_connections
from db.crm import Link
from db.transaction import Tx
from worker import ask
from worker.context import Context, Stopped
from worker.crm_sync.links import LOOKED_AT

log = structlog.get_logger("worker")

Operations = Mapping[str, Operation[Any, Any]]
RULE = "crm.erasure_left"
#: What is left of a person's own record, and what is taken out of a lead's.
PERSON: Mapping[str, Value] = {"name": "Erased person", "email": None, "phone": None, "function": None, "active": False}
LEAD: Mapping[str, Value] = {"contact_name": None, "email_from": None, "phone": None, "function": None}


async def erase(ctx: Context, args: EraseInCrm) -> None:
    """Empty one record. What cannot be done, because the CRM is off or another one by now, is an alert for people."""
    async with ctx.read() as tx:
        found = await crm.to_erase(tx, ctx.tenant, args.link_id)
        connection = await crm_connections.show(tx, ctx.tenant)
        access = await crm_connections.access(tx, ctx.tenant)
    if found is None or found[0].remote_id is None:
        async with ctx.write():
            return
    link, at = found
    if connection is None or access is None or not connection.enabled:
        await _leave(ctx, link, "no_connection" if connection is None else "disabled")
        return
    if place(access.url, access.database) != at:
        await _leave(ctx, link, "another_crm")
        return
    wanted = PERSON if link.model == PARTNER else LEAD
    operations = ctx.ports.crm(access)
    now = await _look(ctx, operations, link)
    if now is not None and now.remote_id != link.remote_id:
        await _leave(ctx, link, "merged_there")
        return
    if now is not None:
        record = CrmRecord(model=link.model, external_id=link.external_id, values=dict(wanted))
        (reply,) = await ask.items(ctx, operations["upsert"], [record])
        if reply.value is None:
            await _leave(ctx, link, "refused")
            return
        now = await _look(ctx, operations, link)
    async with ctx.write() as tx:
        await crm.erased(tx, ctx.tenant, args.link_id, link, now.values if now else {}, sorted(wanted))
        await alerts.resolve(tx, ctx.tenant, RULE, link.external_id)
    log.info("crm_record_erased", externalId=link.external_id, there=now is not None)


async def _look(ctx: Context, at: Operations, link: Link) -> CrmSnapshot | None:
    fields = plain(LOOKED_AT["contact" if link.model == PARTNER else "lead"])
    lookup = CrmLookup(model=link.model, external_id=link.external_id, fields=fields, remote_id=link.remote_id)
    (reply,) = await ask.items(ctx, at["read"], [lookup])
    found: CrmSnapshot | None = reply.value
    return found


async def _leave(ctx: Context, link: Link, reason: str) -> None:
    async with ctx.write() as tx:
        await _tell(tx, ctx.tenant, link, reason)
    log.warning("crm_record_left", externalId=link.external_id, reason=reason)


async def _tell(tx: Tx, tenant: UUID, link: Link, reason: str) -> None:
    evidence = {"model": link.model, "external_id": link.external_id, "remote_id": link.remote_id, "reason": reason}
    await alerts.raise_(tx, tenant, RULE, link.external_id, "warning", evidence)


async def stopped(tx: Tx, tenant: UUID, args: Payload, why: Stopped) -> None:
    """Given up: somebody has to erase it there by hand, or mend the connection and `headwater jobs retry`."""
    assert isinstance(args, EraseInCrm)
    found = await crm.to_erase(tx, tenant, args.link_id)
    if found is not None:
        await _tell(tx, tenant, found[0], why.error_class)
