"""What a night works on: the register's changes brought in, candidates in their order, the manifest frozen (S3.01, S3.02)."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from contracts.budgets import defaults
from contracts.events import LeadDiscovered
from contracts.identity import name_core
from contracts.nights import OF_ENRICHMENT, Marks, NightForecast, NightParams, Step, StepCount, all_skipped
from contracts.providers import FoundCompany
from contracts.settings import Settings
from contracts.suppressions import domain_of, keys_of
from db import budgets, leads, outbox, slices, suppressions
from db.sql import load
from db.staging import Mark
from db.transaction import Tx

SQL = load("night_plan")
ACRA = "acra"
#: Days until what is known of a site, or of an address, is stale; and until what was not found is looked for again.
SITE_DAYS, ADDRESS_DAYS, RETRY_DAYS = 30.0, 90.0, 7.0
#: Candidates looked at in one go.
BATCH = 500
#: What a company costs and takes where a tenant has no history: US dollars, seconds.
ASSUMED_USD, ASSUMED_S = 0.05, 30.0
#: Enrichments that make a history.
ENOUGH = 5


@dataclass(frozen=True, slots=True)
class Target:
    """A company a night has chosen. `reason`: unseen, stale or recent."""

    company_id: UUID
    reason: str
    icp_profile_id: UUID | None


async def mark(tx: Tx, tenant: UUID) -> Mark | None:
    """How far the register's changes were read by earlier nights."""
    row = await tx.fetchrow(SQL["mark"], tenant, ACRA)
    return Mark(row["changed_at"], row["key"]) if row else None


async def move_mark(tx: Tx, tenant: UUID, to: Mark) -> None:
    """Read so far, in the transaction that writes what was read."""
    await tx.execute(SQL["move_mark"], tenant, ACRA, to.changed_at, to.uen)


async def wishes(tx: Tx, tenant: UUID) -> list[tuple[UUID, tuple[str, ...], tuple[str, ...]]]:
    """(id, target countries, target industries) of the open profiles, oldest first."""
    rows = await tx.fetch(SQL["profiles"], tenant)
    return [(r["id"], tuple(r["target_countries"]), tuple(r["target_industries"])) for r in rows]


async def known(tx: Tx, tenant: UUID, registry_ids: Sequence[str]) -> set[str]:
    """Those of these registry ids under which a company stands."""
    return {r["value"] for r in await tx.fetch(SQL["known"], tenant, [i.lower() for i in registry_ids])}


async def bring(tx: Tx, tenant: UUID, found: Sequence[tuple[FoundCompany, str | None]]) -> tuple[int, int]:
    """Write rows of the register, each with its industry: what stands is renewed, what is new is made. Returns (made, renewed)."""
    if not found:
        return 0, 0
    said = {(c.registry_id or "").lower(): (c, industry) for c, industry in found}
    asked = (
        list(said), [c.name for c, _ in said.values()], [name_core(c.name) for c, _ in said.values()],
        [industry for _, industry in said.values()],
    )  # fmt: skip
    renewed = {r["id"] for r in await tx.fetch(SQL["renew"], tenant, *asked)}
    brought = await leads.bring(tx, tenant, [c for c, _ in found], source=ACRA, with_leads=False)
    await tx.fetch(SQL["renew"], tenant, *asked)  # the industry of those just made
    return sum(brought.companies), len(renewed)


async def may_begin(tx: Tx, most: int) -> bool:
    """May one more tenant's night begin? The answer is held until the transaction ends: begin in it."""
    found: bool = await tx.fetchval(SQL["may_begin"], most)
    return found


async def waiting(tx: Tx) -> int:
    """How many nights of all tenants wait for their turn, a thousand at most."""
    found: int = await tx.fetchval(SQL["waiting"])
    return found


async def choose(tx: Tx, tenant: UUID, run_id: UUID, cap: int) -> tuple[list[Target], StepCount]:
    """Write every candidate with its place and reason, and take the first `cap` that nobody forbids. The run must be locked."""
    await tx.execute(SQL["rank"], tenant, run_id, SITE_DAYS, ADDRESS_DAYS, RETRY_DAYS)
    chosen: list[Target] = []
    after = 0
    while len(chosen) < cap:
        rows = await tx.fetch(SQL["ranked"], tenant, run_id, after, min(BATCH, 2 * cap))
        if not rows:
            break
        after = rows[-1]["place"]
        hushed = await _suppressed(tx, tenant, rows)
        if hushed:
            await tx.execute(SQL["suppress"], tenant, run_id, sorted(hushed))
        free = [
            Target(r["company_id"], r["reason"], r["icp_profile_id"]) for r in rows if r["company_id"] not in hushed
        ]
        chosen += free[: cap - len(chosen)]
    await tx.execute(SQL["over_cap"], tenant, run_id, cap, [t.company_id for t in chosen])
    return chosen, await _counted(tx, tenant, run_id, len(chosen))


async def _counted(tx: Tx, tenant: UUID, run_id: UUID, done: int) -> StepCount:
    reasons = Counter({r["reason"]: r["n"] for r in await tx.fetch(SQL["reasons"], tenant, run_id)})
    skipped = {reason: n for reason, n in reasons.items() if reason in ("over_cap", "rejected", "suppressed")}
    return StepCount(taken=sum(reasons.values()), done=done, skipped=skipped)


async def _suppressed(tx: Tx, tenant: UUID, rows: Sequence[Any]) -> set[UUID]:
    keys = keys_of(domains=[r["domain"] for r in rows if r["domain"]])
    hits = await suppressions.hits(tx, tenant, "any", keys)
    hosts = {key.value for key in hits if key.type == "domain"}
    return {r["company_id"] for r in rows if r["domain"] and _under(domain_of(r["domain"]) or "", hosts)}


def _under(host: str, hosts: set[str]) -> bool:
    return any(host == h or host.endswith(f".{h}") for h in hosts)


async def resume(tx: Tx, tenant: UUID, run_id: UUID, before: UUID) -> list[Target]:
    """Take the companies of an earlier night; returns those that did not come to their end there, in their order."""
    await tx.execute(SQL["resume"], tenant, run_id, before)
    rows = await tx.fetch(SQL["left_over"], tenant, run_id)
    return [Target(r["company_id"], r["reason"], r["icp_profile_id"]) for r in rows]


async def freeze(
    tx: Tx,
    tenant: UUID,
    run_id: UUID,
    settings: Settings,
    params: NightParams,
    cap: int,
    chosen: Sequence[Target],
    company_ids: Sequence[UUID],
) -> None:
    """The manifest, a lead and a slice for each company still to be done. The run must be locked."""
    standing = await budgets.standing(tx, tenant, defaults(settings))
    caps = {
        "companies": cap, "source": params.cap_source, "company_concurrency": settings.sched_company_concurrency,
        "tenant_concurrency": settings.sched_tenant_concurrency, "max_runtime_seconds": settings.nightly_max_runtime_seconds,
        "enrichment_cost_cap_usd": settings.enrichment_cost_cap_usd, "crawl_max_pages": settings.crawl_max_pages,
    }  # fmt: skip
    await tx.execute(
        SQL["freeze"], tenant, run_id, params.night, list(company_ids), cap, params.cap_source, caps,
        [b.model_dump(mode="json") for b in standing], params.resume,
    )  # fmt: skip
    if not chosen:
        return
    lead_of = await _leads(tx, tenant, run_id, chosen)
    parts = await slices.add(tx, tenant, run_id, [("night", str(t.company_id), None) for t in chosen])
    await tx.execute(
        SQL["choose"], tenant, run_id, [t.company_id for t in chosen], [lead_of[t.company_id] for t in chosen], parts,
        [json.dumps(needless(t.reason, params.skip)) for t in chosen],
    )  # fmt: skip


def needless(reason: str, skip: Sequence[Step]) -> Marks:
    """The steps a company will not need, each with the reason: what is known of it is fresh, or they are switched off."""
    if reason == "recent":
        return all_skipped(OF_ENRICHMENT, "fresh")
    return all_skipped(OF_ENRICHMENT, "asked") if set(OF_ENRICHMENT) <= set(skip) else {}


async def _leads(tx: Tx, tenant: UUID, run_id: UUID, chosen: Sequence[Target]) -> dict[UUID, UUID]:
    """Each company's lead under the profile it was chosen for, found or made."""
    profile_of = {t.company_id: t.icp_profile_id for t in chosen}
    ids = sorted(profile_of)
    rows = await tx.fetch(SQL["own_leads"], tenant, ids, [profile_of[i] for i in ids])
    found = {r["company_id"]: r["id"] for r in rows}
    adopted = [r for r in rows if r["adopted"]]
    if adopted:
        profiles = [profile_of[r["company_id"]] for r in adopted]
        await tx.execute(SQL["adopt"], tenant, [r["id"] for r in adopted], profiles)
    bare = [i for i in ids if i not in found]
    made = await tx.fetch(SQL["add_leads"], tenant, run_id, bare, [profile_of[i] for i in bare]) if bare else []
    events = [LeadDiscovered(lead_id=r["id"], provider="nightly", icp_profile_id=r["icp_profile_id"]) for r in made]
    await outbox.emit_many(tx, tenant, events, correlation_id=run_id)
    return found | {r["company_id"]: r["id"] for r in made}


async def forecast(
    tx: Tx, tenant: UUID, settings: Settings, chosen: Sequence[Target], skip: Sequence[Step]
) -> NightForecast:
    """What these companies would cost and when they would be done, as the tenant's latest enrichments went."""
    row = await tx.fetchrow(SQL["history"], tenant)
    assert row is not None
    known_well = row["n"] >= ENOUGH
    each_usd, each_s = (row["cost_usd"], row["seconds"]) if known_well else (ASSUMED_USD, ASSUMED_S)
    work = sum(not needless(t.reason, skip) for t in chosen)
    rounds = -(-work // settings.sched_company_concurrency)
    ends: datetime = await tx.fetchval(SQL["ends"], rounds * each_s)
    return NightForecast(
        companies=len(chosen), to_enrich=work, cost_usd=round(work * each_usd, 4),
        at_most_usd=round(work * settings.enrichment_cost_cap_usd, 4), seconds=rounds * each_s, finishes_at=ends,
        basis="history" if known_well else "assumed",
    )  # fmt: skip


async def passed_over(tx: Tx, tenant: UUID, run_id: UUID) -> Mapping[str, int]:
    """Why candidates were not chosen: reason -> how many."""
    rows = await tx.fetch(SQL["reasons"], tenant, run_id)
    return {r["reason"]: r["n"] for r in rows if r["reason"] in ("over_cap", "rejected", "suppressed")}
