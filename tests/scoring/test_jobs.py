"""features.compute and scoring.compute through the real frame: snapshots, scores, what is watched beside, what is told."""

from __future__ import annotations

from uuid import UUID

import pytest

from contracts.events import FeaturesComputed, FeaturesRequested
from contracts.models import logit
from contracts.rule_sets import MoveRuleSet
from db import merges, outbox, policies, rule_sets, scores
from db.transaction import transaction
from tests.matching.merging import merge_leads
from tests.scoring.house import House

LARGE = {"field_key": "companyEmployee", "operator": "GTE", "value": 100, "weight": 0.3}
ABROAD = {"type": "HARD_FILTER", "field_key": "companyCountry", "operator": "IN", "value": ["US"]}
NEAR = {"type": "HARD_FILTER", "field_key": "companyCountry", "operator": "IN", "value": ["ZA"]}


async def test_a_lead_is_scored_by_its_profiles_rules_and_says_why(house: House) -> None:  # S2.09 S2.10 S2.11 B.04
    profile = await house.profile()
    naics = {"field_key": "companyNaics", "operator": "NAICS_PREFIX", "value": ["5617"], "weight": 0.7}
    made = (await house.rules(profile, NEAR, LARGE, naics, stage="ACTIVE")).rule_set
    lead = await house.lead(profile, employees=40, naics=["561720"])
    await house.score(lead)
    found = await house.latest(lead)
    assert (found.rule_set_id, found.coverage, found.rejected) == (made.id, 1.0, False)
    assert found.fit == pytest.approx(0.7)
    assert (found.band, found.probability) == ("HIGH", None)
    assert found.contributions is not None
    assert found.base_log_odds + sum(c.log_odds for c in found.contributions) == pytest.approx(logit(found.score))
    assert found.rationale is not None
    assert "employees: 40, wanted at least 100 (-0.62)" in found.rationale
    assert await house.facts_out("LeadScored", lead) == [
        {"leadId": str(lead), "predictionId": str(found.id), "band": "HIGH", "score": found.score, "export": True}
    ]


async def test_a_hard_filter_rejects_with_its_rule_and_nothing_is_exported(house: House) -> None:  # B.05 S2.09
    profile = await house.profile()
    made = (await house.rules(profile, ABROAD, LARGE, stage="ACTIVE")).rule_set
    lead = await house.lead(profile, employees=400)
    await house.score(lead)
    found = await house.latest(lead)
    assert (found.band, found.rejected) == ("LOW", True)
    assert [(r.rule_id, r.words) for r in found.reasons] == [(made.rules[0].id, "country: ZA, wanted one of US")]
    assert found.rationale == "Rejected: country: ZA, wanted one of US."
    assert [e["export"] for e in await house.facts_out("LeadScored", lead)] == [False]
    snapshot = await house.rows(
        "SELECT verdict, reasons FROM app.lead_features f JOIN app.feature_snapshots USING (id, verdict, reasons)"
    )
    assert [s["verdict"] for s in snapshot] == ["REJECTED"]


async def test_what_a_filter_cannot_see_yet_keeps_a_lead_at_home(house: House) -> None:  # S2.09
    profile = await house.profile(target_countries=["ZA"], min_company_size=50)
    lead = await house.lead(profile)
    await house.score(lead)
    found = await house.latest(lead)
    assert (found.band, found.rejected, found.coverage) == ("MEDIUM", False, 0.5)
    assert [r.outcome for r in found.reasons] == ["MISSING"]
    assert [e["export"] for e in await house.facts_out("LeadScored", lead)] == [False]
    await house.learn(lead, employees=60)
    await house.score(lead)
    assert (await house.latest(lead)).band == "HIGH"
    assert [e["export"] for e in await house.facts_out("LeadScored", lead)] == [False, True]


async def test_the_same_facts_are_the_same_snapshot_and_old_ones_may_return(house: House) -> None:  # S2.10
    lead = await house.lead(employees=40)
    for employees in (40, 40, 60, 40):
        await house.learn(lead, employees=employees)
        await house.score(lead)
    story = await house.rows(
        "SELECT feature_vector_hash, vector->'companyEmployees' AS n FROM app.feature_snapshots ORDER BY id"
    )
    assert [s["n"] for s in story] == [40, 60]
    found = await house.latest(lead)
    async with transaction(house.pool, house.tenant) as tx:
        history = await scores.history(tx, house.tenant, lead)
    assert history is not None
    assert [s.vector["companyEmployees"] for s in history.items] == [60, 40]
    assert found.snapshot_id == history.items[1].id
    assert len(await house.facts_out("FeaturesComputed", lead)) == 4
    assert len(await house.facts_out("LeadScored", lead)) == 3, "the second look found what stood there"
    assert len(await house.rows("SELECT 1 FROM app.score_predictions WHERE decides")) == 1


async def test_a_score_of_an_older_snapshot_decides_nothing(house: House) -> None:
    lead = await house.lead(employees=40)
    async with transaction(house.pool, house.tenant) as tx:
        await scores.ask(tx, house.tenant, [lead], limit=1, again=True)
    await house.score(lead)
    [old] = await house.rows("SELECT id FROM app.feature_snapshots")
    await house.learn(lead, employees=900)
    await house.score(lead)
    newest = await house.latest(lead)
    assert newest.snapshot_id != old["id"]
    async with transaction(house.pool, house.tenant) as tx:
        await outbox.emit(tx, house.tenant, FeaturesComputed(lead_id=lead, snapshot_id=old["id"], cause="late"))
    await house.work()
    assert (await house.latest(lead)).snapshot_id == newest.snapshot_id


async def test_shadow_rules_and_models_are_scored_beside_and_decide_nothing(house: House) -> None:  # B.08 S2.12
    profile = await house.profile()
    active = (await house.rules(profile, LARGE, stage="ACTIVE")).rule_set
    shadow = (await house.rules(profile, ABROAD, LARGE)).rule_set
    model = await house.model(stage="SHADOW")
    lead = await house.lead(profile, employees=300)
    await house.score(lead)
    rows = await house.rows(
        "SELECT rule_set_id, model_version_id, decides, band, probability FROM app.score_predictions"
    )
    assert {(r["rule_set_id"], r["model_version_id"], r["decides"], r["band"]) for r in rows} == {
        (active.id, None, True, "HIGH"), (shadow.id, None, False, "LOW"), (active.id, model, False, "HIGH"),
    }  # fmt: skip
    async with transaction(house.pool, house.tenant) as tx:
        moved = await rule_sets.promote(
            tx, house.tenant, profile.id, shadow.id or UUID(int=0), MoveRuleSet(rescore=True), by="tests"
        )
    assert (moved.archived, moved.rescoring, moved.left) == (active.id, 1, 0)
    await house.work()
    assert ((await house.latest(lead)).rule_set_id, (await house.latest(lead)).rejected) == (shadow.id, True)
    assert [e["band"] for e in await house.facts_out("LeadScored", lead)] == ["HIGH", "LOW"]


async def test_an_active_model_gives_the_odds_and_the_rules_still_reject(house: House) -> None:  # R10 S2.12 B.04
    profile = await house.profile(target_countries=["ZA"])
    await house.model()
    good, abroad = await house.lead(profile, employees=400), await house.lead(profile, country="US", employees=400)
    await house.score(good, abroad)
    found = await house.latest(good)
    assert found.probability is not None
    assert found.contributions is not None
    assert logit(found.score) == pytest.approx(logit(found.probability) - logit(0.12)), "R10: odds over base odds"
    assert found.base_log_odds + sum(c.log_odds for c in found.contributions) == pytest.approx(logit(found.score))
    assert found.band == "HIGH"
    rejected = await house.latest(abroad)
    assert (rejected.band, rejected.rejected) == ("LOW", True)


async def test_a_split_gives_a_share_of_the_leads_to_a_shadow_model(house: House) -> None:  # S2.12
    active, tried = await house.model(), await house.model(stage="SHADOW", traffic=0.5, weight=3.0)
    chosen = [await house.lead(employees=100 + n) for n in range(12)]
    await house.score(*chosen)
    by = {lead: (await house.latest(lead)).model_version_id for lead in chosen}
    assert set(by.values()) == {active, tried}
    for lead in chosen:
        await house.learn(lead, employees=7)
    await house.score(*chosen)
    assert {lead: (await house.latest(lead)).model_version_id for lead in chosen} == by, "always the same for a lead"


async def test_a_tenant_says_from_which_band_its_crm_takes(house: House) -> None:  # S3.17
    async with transaction(house.pool, house.tenant) as tx:
        await policies.put(tx, house.tenant, "crm_min_band", "HIGH", by="tests")
    profile = await house.profile()
    half = {"field_key": "companyCity", "operator": "EQ", "value": "Nowhere", "weight": 0.3}
    await house.rules(profile, LARGE, half, stage="ACTIVE")
    lead = await house.lead(profile, employees=400, city="Durban")
    await house.score(lead)
    assert [(e["band"], e["export"]) for e in await house.facts_out("LeadScored", lead)] == [("MEDIUM", False)]


async def test_percentiles_are_places_among_the_newest_scores(house: House) -> None:  # S2.11
    profile = await house.profile()
    sized = [{**LARGE, "value": v} for v in (10, 100, 1000)]
    await house.rules(profile, *sized, stage="ACTIVE")
    many = [await house.lead(profile, employees=(5, 50, 500, 5000)[n % 4]) for n in range(24)]
    await house.score(*many)
    top, bottom = await house.lead(profile, employees=9000), await house.lead(profile, employees=1)
    await house.score(top, bottom)
    first, last = await house.latest(top), await house.latest(bottom)
    assert first.percentile is not None
    assert last.percentile is not None
    assert last.percentile < 0.2 < 0.8 < first.percentile


async def test_a_merged_company_is_the_one_it_was_merged_into(house: House) -> None:
    lead, other = await house.lead(employees=40), await house.lead(employees=700)
    async with transaction(house.pool, house.tenant) as tx:
        await tx.execute(
            "UPDATE app.companies SET merged_into = (SELECT company_id FROM app.leads WHERE id = $2)"
            " WHERE tenant_id = $3 AND id = (SELECT company_id FROM app.leads WHERE id = $1)", lead, other, house.tenant,
        )  # fmt: skip
    await house.score(lead)
    [row] = await house.rows("SELECT vector FROM app.feature_snapshots WHERE lead_id = $1", lead)
    assert row["vector"]["companyEmployees"] == 700


async def test_a_merged_lead_is_looked_at_as_the_one_it_was_merged_into(house: House) -> None:  # R13
    one, other = await house.lead(employees=40), await house.lead(employees=700)
    stands, gone, match = await merge_leads(house.pool, house.tenant, one, other)
    await house.work()  # the merge has asked for the one that stands
    before = await house.latest(stands)
    await house.learn(stands, employees=900)
    async with transaction(house.pool, house.tenant) as tx:
        await outbox.emit(tx, house.tenant, FeaturesRequested(lead_id=gone, cause="enrichment:late"))
    await house.work()
    after = await house.latest(stands)
    assert after.snapshot_id != before.snapshot_id
    assert await house.rows("SELECT 1 FROM app.feature_snapshots WHERE lead_id = $1", gone) == []
    async with transaction(house.pool, house.tenant) as tx:
        assert gone not in await scores.ask(tx, house.tenant, [], limit=100, again=True)
        await merges.undo(tx, house.tenant, match, by="ada")
    await house.work()
    assert (await house.latest(gone)).snapshot_id != after.snapshot_id


async def test_a_lead_that_is_merged_before_its_score_is_written_gets_none(house: House) -> None:  # R13
    one, other = await house.lead(employees=40), await house.lead(employees=700)
    await house.score(one, other)
    taken = {lead: (await house.latest(lead)).snapshot_id for lead in (one, other)}
    stands, gone, _ = await merge_leads(house.pool, house.tenant, one, other)
    told = len(await house.facts_out("LeadScored", gone))
    await house.rules(await house.profile(), LARGE, stage="ACTIVE")
    async with transaction(house.pool, house.tenant) as tx:
        late = FeaturesComputed(lead_id=gone, snapshot_id=taken[gone], cause="late")
        await outbox.emit(tx, house.tenant, late)
    await house.work()
    assert len(await house.facts_out("LeadScored", gone)) == told
    assert (await house.latest(stands)).snapshot_id != taken[gone]
