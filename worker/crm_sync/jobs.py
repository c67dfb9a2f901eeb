"""crm.push brings one lead's records to the tenant's CRM as it stands now; crm.check tries a connection.

A push reads how the records stand there, sends what is ours to send, and reads them again, so that the next push can tell a
person's change from its own. It may start again at any point: records have names of ours, and what is there is not made twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import structlog

from contracts.crm import ODOO, Conflicts, ConnectionTest, PushOutcome
from contracts.crm_access import CrmAccess, place
from contracts.crm_records import LEAD, PARTNER, Subject, wanted
from contracts.errors import HeadwaterError, VendorBusy, VendorRefused
from contracts.jobs import CheckCrm, Payload, PushToCrm
from contracts.outgoing import CrmLookup, CrmProbe, CrmReceipt, CrmRecord, CrmSnapshot
from contracts.providers import Operation, Reply
from db import crm, crm_connections, crm_syncs, merges, night_companies
from db.crm import Audit, Link
from db.transaction import Tx
from worker import ask
from worker.context import Context, Stopped
from worker.crm_sync.links import Item, Outcome, fresh, is_company, known, remembered
from worker.crm_sync.merge import Decision, decide, put_away

log = structlog.get_logger("worker")

Operations = Mapping[str, Operation[Any, Any]]


@dataclass(frozen=True, slots=True)
class Standing:
    """What a push begins with. `skip`: the reason why there is nothing to do; `subject` None: the lead is gone."""

    subject: Subject | None
    access: CrmAccess | None
    conflicts: Conflicts
    items: Sequence[Item]
    skip: str | None


async def push(ctx: Context, args: PushToCrm) -> None:
    """Bring a lead to the CRM. Skipped, with the reason, when the tenant has none, it is off, or the lead is below its band."""
    cause = args.cause or f"prediction:{args.prediction_id}"
    async with ctx.read() as tx:
        standing = await _load(tx, ctx, args)
    if standing.skip or standing.access is None or standing.subject is None:
        async with ctx.write() as tx:
            night = await night_companies.hold(tx, ctx.tenant, args.cause)
            await crm.note_push(tx, ctx.tenant, args.lead_id, cause, "skipped", reason=standing.skip)
            if night is not None:
                await night_companies.pushed(tx, ctx.tenant, night, args.lead_id, "skipped", standing.skip)
        log.info("crm_push_skipped", leadId=str(args.lead_id), reason=standing.skip)
        return
    done = await _bring(ctx, ctx.ports.crm(standing.access), standing) if standing.items else []
    async with ctx.write() as tx:
        night = await night_companies.hold(tx, ctx.tenant, args.cause)
        at = place(standing.access.url, standing.access.database)
        outcome, reason = await _save(tx, ctx, args.lead_id, cause, done, at)
        if night is not None:
            await night_companies.pushed(tx, ctx.tenant, night, args.lead_id, outcome, reason)
    log.info("crm_pushed", leadId=str(args.lead_id), records={o.item.name: o.word for o in done})


async def _load(tx: Tx, ctx: Context, args: PushToCrm) -> Standing:
    tenant = ctx.tenant
    connection = await crm_connections.show(tx, tenant)
    policy = await crm_connections.policy(tx, tenant)
    subject = (await crm.subjects(tx, tenant, [args.lead_id])).get(args.lead_id)
    if subject is None:
        return Standing(None, None, policy.conflicts, (), "lead_gone")
    # Whoever asks for a lead by a cause has seen to the band already.
    enabled = connection.enabled if connection else None
    skip = crm_syncs.why_not(subject, enabled, policy, force=args.cause is not None)
    if skip:
        return Standing(subject, None, policy.conflicts, (), skip)
    access = await crm_connections.access(tx, tenant)
    assert access is not None
    items = await _items(tx, ctx, subject, place(access.url, access.database), check=args.cause is not None)
    return Standing(subject, access, policy.conflicts, items, None)


async def _items(tx: Tx, ctx: Context, subject: Subject, at: str, *, check: bool) -> list[Item]:
    """The records that need a look. What was written before and has not changed needs none, unless somebody asks (`check`), or
    something new is to hang on it.
    """
    records = wanted(subject, min_score=ctx.settings.score_min_export)
    losers = await crm.losers(tx, ctx.tenant, subject.company["id"])
    others = [lead for lead in await merges.lead_family(tx, ctx.tenant, subject.lead_id) if lead != subject.lead_id]
    links = await crm.links(tx, ctx.tenant, [*(r.local_id for r in records), *losers, *others], at)
    news = any((r.model, r.local_id) not in links for r in records if r.parent)
    items = []
    for record in records:
        link = links.get((record.model, record.local_id), Link(record.model, record.local_id, record.external_id))
        needed = check or (news and record.parent is None)
        if needed or not fresh(link.hash, link.state, link.detail, record):
            before = known(link.detail, link.remote_id, link.values)
            items.append(Item(record.kind, record.model, record.local_id, link.detail, before, record))
    away = [("company", PARTNER, loser, subject.company["id"]) for loser in losers]
    away += [("lead", LEAD, other, subject.lead_id) for other in others]
    for kind, model, local_id, survivor in away:
        found = links.get((model, local_id))
        if found is not None and found.remote_id is not None and not found.detail.get("merged_into"):
            before = known(found.detail, found.remote_id, found.values)
            items.append(Item(kind, model, local_id, found.detail, before, None, survivor))
    return items


async def _bring(ctx: Context, at: Operations, standing: Standing) -> list[Outcome]:
    """Look, decide, send, look again."""
    now = await _look(ctx, at, [item.lookup() for item in standing.items])
    made = [_decided(item, seen, standing.conflicts) for item, seen in zip(standing.items, now, strict=True)]
    company_waits = any(
        is_company(item) and not decision.send and (seen is None or decision.gone)
        for (item, decision), seen in zip(made, now, strict=True)
    )
    # Without its company a person, or a lead, would belong to nobody.
    waits = [company_waits and decision.action == "created" for _, decision in made]
    going = [n for n, (_, decision) in enumerate(made) if decision.send and not waits[n]]
    receipts: dict[int, Reply[CrmReceipt]] = {}
    for model in (PARTNER, LEAD):
        some = [n for n in going if made[n][0].model == model]
        messages = [made[n][0].message(made[n][1]) for n in some]
        receipts |= dict(zip(some, await _send(ctx, at, messages), strict=True))
    if receipts:
        sent = {n: reply.value for n, reply in receipts.items() if reply.value is not None}
        after = await _look(ctx, at, [made[n][0].lookup(receipt) for n, receipt in sent.items()])
        for n, seen in zip(sent, after, strict=True):
            now[n] = seen
    return [Outcome(item, decision, receipts.get(n), now[n], waits[n]) for n, (item, decision) in enumerate(made)]


async def _send(ctx: Context, at: Operations, messages: Sequence[CrmRecord]) -> list[Reply[CrmReceipt]]:
    """Have records there. A model that is not installed costs its own records, not the company's and the contact's."""
    if not messages:
        return []
    try:
        return await ask.items(ctx, at["upsert"], messages)
    except VendorRefused as error:
        if error.members.get("status") != 404 or messages[0].model == PARTNER:
            raise
        return [Reply[CrmReceipt](outcome="invalid", note=error.detail[:500], at=datetime.now(UTC)) for _ in messages]


async def _look(ctx: Context, at: Operations, lookups: Sequence[CrmLookup]) -> list[CrmSnapshot | None]:
    """How the records stand there; None: there is none, or (an ordinary user of a newer server) none that we ever wrote."""
    return [reply.value for reply in await ask.items(ctx, at["read"], lookups)] if lookups else []


def _decided(item: Item, now: CrmSnapshot | None, policy: Conflicts) -> tuple[Item, Decision]:
    if item.record is None:
        return item, put_away(item.known, now, policy, item.resolution)
    return item, decide(item.record, item.known, now, policy, item.resolution)


async def _save(
    tx: Tx, ctx: Context, lead_id: UUID, cause: str, done: Sequence[Outcome], at: str
) -> tuple[PushOutcome, str | None]:
    about = {"lead_id": str(lead_id), "place": at}
    links = [_link(outcome, about) for outcome in done]
    if links:
        await crm.keep(tx, ctx.tenant, links, ctx.delivery.run_id)
        await crm.log(tx, ctx.tenant, [line for outcome in done for line in _told(outcome)], lead_id)
    words = {outcome.item.name: outcome.word for outcome in done}
    refused = next((outcome.refused for outcome in done if outcome.refused), None)
    problem = next((o.decision.problem for o in done if o.decision.action == "conflict"), None)
    outcome, reason = _ended(set(words.values()), refused, problem)
    await crm.note_push(tx, ctx.tenant, lead_id, cause, outcome, reason=reason, records=words)
    return outcome, reason


def _ended(words: set[str], refused: str | None, problem: str | None) -> tuple[PushOutcome, str | None]:
    if refused or problem:
        return ("error", refused) if refused else ("conflict", problem)
    if "waits" in words:
        return "skipped", "company_gone"
    return ("unchanged" if words <= {"unchanged", "left"} else "done"), None


def _link(outcome: Outcome, about: Mapping[str, str]) -> Link:
    item = outcome.item
    return Link(item.model, item.local_id, item.name, **remembered(outcome, about))


def _told(outcome: Outcome) -> list[Audit]:
    """The lines of the audit log: what was written under which id, what was put away, what gave way."""
    item, decision = outcome.item, outcome.decision
    sent = outcome.receipt.value if outcome.receipt is not None else None
    about: dict[str, Any] = {"external_id": item.name}
    lines = []
    if sent is not None:
        what = "put_away" if item.record is None else decision.action if decision.action != "conflict" else "updated"
        fields = {
            "partner_id" if item.model == PARTNER else "remote_id": sent.remote_id,
            "fields": sorted(decision.send),
        }
        more = {"merged_into": str(item.survivor)} if item.record is None else {}
        lines.append(Audit(f"crm.record_{what}", item.model, item.local_id, about | fields | more))
    if decision.yielded:
        lines.append(Audit("crm.theirs_kept", item.model, item.local_id, about | {"fields": list(decision.yielded)}))
    if decision.action == "conflict":
        found = {"problem": decision.problem, "fields": sorted(decision.differs)}
        lines.append(Audit("crm.conflict_found", item.model, item.local_id, about | found))
    return lines


async def push_stopped(tx: Tx, tenant: UUID, args: Payload, stopped: Stopped) -> None:
    """A push was given up: its lead says why. `headwater jobs retry` tries it again once that is mended."""
    assert isinstance(args, PushToCrm)
    cause = args.cause or f"prediction:{args.prediction_id}"
    reason = f"{stopped.error_class}: {stopped.error}"
    night = await night_companies.hold(tx, tenant, args.cause)
    await crm.note_push(tx, tenant, args.lead_id, cause, "error", reason=reason)
    if night is not None:
        await night_companies.pushed(tx, tenant, night, args.lead_id, "error", stopped.error_class)
    log.warning("crm_push_given_up", leadId=str(args.lead_id), errorClass=stopped.error_class)


async def check(ctx: Context, args: CheckCrm) -> None:  # noqa: ARG001 - it tells one test from the next
    """Try the connection: who we are there, and what we may create. What goes wrong is the result."""
    async with ctx.read() as tx:
        connection = await crm_connections.show(tx, ctx.tenant)
        access = await crm_connections.access(tx, ctx.tenant)
    result = None if access is None else await _tried(ctx, access)
    async with ctx.write() as tx:
        if connection is not None and result is not None:
            await crm_connections.tested(tx, ctx.tenant, connection.updated_at, result)
    log.info("crm_checked", system=ODOO, ok=result and result.ok, code=result and result.code)


async def _tried(ctx: Context, access: CrmAccess) -> ConnectionTest:
    try:
        (reply,) = await ask.items(ctx, ctx.ports.crm(access)["check"], [CrmProbe()])
    except VendorBusy:
        raise
    except HeadwaterError as error:
        return ConnectionTest(ok=False, code=error.code, error=error.detail)
    assert reply.value is not None
    return ConnectionTest.of(reply.value)


async def check_stopped(tx: Tx, tenant: UUID, args: Payload, stopped: Stopped) -> None:
    """A test was given up: that is its result."""
    assert isinstance(args, CheckCrm)
    connection = await crm_connections.show(tx, tenant)
    if connection is not None:
        result = ConnectionTest(ok=False, code=stopped.error_class, error=stopped.error)
        await crm_connections.tested(tx, tenant, connection.updated_at, result)
