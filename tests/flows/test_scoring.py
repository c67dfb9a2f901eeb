"""From enrichment to a score, by the real processes: snapshot, rationale, and what is told to those who wait for it."""

from __future__ import annotations

from uuid import UUID

import pytest

from contracts.models import logit
from contracts.profiles import CreateProfile
from contracts.providers import FoundCompany
from contracts.rule_sets import CreateRuleSet
from contracts.scores import LatestScore
from db import leads, profiles, rule_sets, scores
from db.transaction import transaction
from tests.flows.installation import Desk
from worker.providers.sandbox.people import people_of
from worker.providers.sandbox.sites import kind
from worker.providers.sandbox.world import World

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("house")]


async def latest(desk: Desk, lead: UUID) -> LatestScore:
    async with transaction(desk.pool, desk.tenant) as tx:
        return (await scores.latest(tx, desk.tenant, [lead], whole=True))[lead]


async def scored(desk: Desk, lead: UUID, snapshots: int = 1) -> LatestScore:
    await desk.until(
        "SELECT count(DISTINCT snapshot_id) = $2 FROM app.score_predictions WHERE tenant_id = {me} AND lead_id = $1",
        lead,
        snapshots,
    )
    return await latest(desk, lead)


async def test_a_typed_lead_is_enriched_and_scored_by_its_profile(desk: Desk) -> None:  # S2.01 S2.07 S2.19 S3.06 B.04
    world = World(7)
    known = next(c for c in world.companies("ZA") if kind(world, c) == "plain" and people_of(world, c))
    company = FoundCompany(external_id="typed", name=known.name, country="ZA", domain=known.domain)
    body = CreateProfile(name="Near", target_countries=["ZA"])
    sized = {"field_key": "companyEmployees", "operator": "GTE", "value": 1}
    mail = {"field_key": "contactEmailStatus", "operator": "EQ", "value": "valid", "weight": 0.2}
    async with transaction(desk.pool, desk.tenant) as tx:
        profile = (await profiles.create(tx, desk.tenant, body, by="tests")).id
        rules = CreateRuleSet.model_validate({"rules": [sized, mail], "stage": "ACTIVE"})
        made = await rule_sets.create(tx, desk.tenant, profile, rules, by="tests")
        lead = await leads.create(tx, desk.tenant, company, icp_profile_id=profile, enrich=True)
    await desk.wake()
    found = await scored(desk, lead)
    status = await desk.one("SELECT status FROM app.leads WHERE tenant_id = {me} AND id = $1", lead)
    assert (status, found.rule_set_id) == ("enriched", made.rule_set.id)
    assert found.contributions
    assert found.base_log_odds + sum(c.log_odds for c in found.contributions) == pytest.approx(logit(found.score))
    assert found.rationale is not None
    assert found.rationale.startswith(f"{found.band} (score {found.score:.2f}")
    vector = await desk.one(
        "SELECT vector::text FROM app.feature_snapshots WHERE tenant_id = {me} AND lead_id = $1", lead
    )
    assert '"siteOutcome": "ok"' in vector
    told = await desk.rows("SELECT payload::text FROM app.outbox WHERE tenant_id = {me} AND type = 'LeadScored'")
    assert len(told) == 1
    assert str(found.id) in told[0]["payload"]
    chain = await desk.rows(
        "SELECT job, state FROM app.job_executions WHERE tenant_id = {me} AND job = ANY($1) ORDER BY queued_at",
        ["enrichment.run", "features.compute", "scoring.compute"],
    )
    assert [(c["job"], c["state"]) for c in chain] == [
        ("enrichment.run", "done"), ("features.compute", "done"), ("scoring.compute", "done"),
    ]  # fmt: skip
