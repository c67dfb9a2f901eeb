"""Versions: trained on what was known, judged on what came later, promoted by the gate, rolled back when they fail."""

from __future__ import annotations

import json
from datetime import timedelta
from uuid import uuid4

import pytest

from contracts.errors import Conflict
from contracts.learning import GiveFeedback
from contracts.models import Model
from contracts.runs import RunStatus
from db import feedback, labels, models
from db.transaction import transaction
from tests.learning.house import NOW, House


async def test_a_version_is_trained_judged_and_promoted_by_the_gate(house: House) -> None:
    # S2.12
    await house.history(1500)
    run, version = await house.train()
    assert version is not None
    assert (run.kind, run.status, run.error) == ("training", RunStatus.COMPLETED, None)
    assert (version.stage, version.version, version.training_run_id) == ("ACTIVE", 1, run.id)
    (look,) = version.evaluations
    assert (look.decision, look.passed) == ("promoted", True)
    figures = look.metrics["figures"]
    assert figures["auc"] > 0.7
    assert figures["log_loss"] < figures["base_log_loss"]
    assert figures["ece"] <= 0.05
    assert figures["n"] == 450
    assert len(look.metrics["calibration"]) == 10
    assert look.window_from is not None
    assert version.trained_to is not None
    assert version.trained_to < look.window_from
    assert look.metrics["bands"]["HIGH"]["lift"] > 1.5
    assert set(look.metrics["drift"]) == {
        "companyEmployees",
        "companyCountry",
        "siteHasCareers",
        "contactsCount",
        "leadSource",
        "companyTechnologies",
    }  # what a scorer would be given: no names
    # What is the same of everybody teaches nothing: left out, with the reason.
    assert version.metrics["features_left_out"] == {"leadSource": "constant", "companyTechnologies": "constant"}
    assert (
        Model.model_validate(version.model).probability(
            {"companyEmployees": 2000, "siteHasCareers": True, "companyCountry": "ZA"}
        )
        > 0.5
    )


async def test_a_second_version_without_gain_stays_in_shadow_with_the_reason(house: House) -> None:
    await house.history(1500)
    _, first = await house.train()
    _, second = await house.train()
    assert first is not None
    assert second is not None
    assert (first.stage, second.stage, second.version) == ("ACTIVE", "SHADOW", 2)
    assert "beside version 1: log loss is not surely better" in (second.reason or "")
    assert second.data_hash == first.data_hash
    async with transaction(house.pool, house.tenant) as tx:
        with pytest.raises(Conflict, match="does not pass the gate"):
            await models.promote(tx, house.tenant, second.id, by="ada", reason=None, force=False)
        with pytest.raises(Conflict, match="give a reason"):
            await models.promote(tx, house.tenant, second.id, by="ada", reason=None, force=True)
        await models.split(tx, house.tenant, second.id, 0.3, by="ada")
        forced = await models.promote(tx, house.tenant, second.id, by="ada", reason="agreed", force=True)
    assert (forced.stage, forced.traffic) == ("ACTIVE", 0)
    assert (await house.show(first.id)).stage == "ARCHIVED"
    audited = await house.conn.fetch(
        "SELECT action, detail FROM app.audit_log WHERE subject_type = 'model' ORDER BY id"
    )
    assert [r["action"] for r in audited][-2:] == ["model.traffic", "model.promoted"]
    assert json.loads(audited[-1]["detail"])["forced"] is True
    # And back: whoever decided before decides again.
    async with transaction(house.pool, house.tenant) as tx:
        assert await models.rollback(tx, house.tenant, by="ada", reason="complaints") == (second.id, first.id)


async def test_few_labels_leave_it_to_the_rules_and_say_so(house: House) -> None:
    # S2.12: fewer than 30 mature positives
    run, none = await house.train()
    assert (run.status, run.error_code, none) == (RunStatus.FAILED, "too_few_labels", None)
    assert "rules alone decide" in (run.error or "")
    await house.history(60)
    run, version = await house.train()
    assert run.status is RunStatus.COMPLETED
    assert version is not None
    assert version.stage == "SHADOW"
    assert version.evaluations[0].passed is None
    assert "too few to judge" in (version.reason or "")


async def test_only_what_was_known_when_it_was_decided_on_counts(house: House) -> None:
    # S2.10: never a later snapshot; S2.08: what the profile rejects is no positive
    long_ago = NOW - timedelta(days=200)
    tell_tale, outside, young, unknown = [await house.lead() for _ in range(4)]
    await house.snapshot(tell_tale, {"seen": "before"}, long_ago - timedelta(days=2))
    await house.snapshot(tell_tale, {"seen": "after"}, long_ago + timedelta(days=2))
    for lead in (outside, young):
        await house.snapshot(
            lead, {"seen": "x"}, long_ago - timedelta(days=1), "REJECTED" if lead == outside else "PASSED"
        )
    await house.snapshot(unknown, {"seen": "late"}, NOW)
    for lead, at in ((tell_tale, long_ago), (outside, long_ago), (young, NOW - timedelta(days=3)), (unknown, long_ago)):
        async with transaction(house.pool, house.tenant) as tx:
            said = GiveFeedback(verdict="won", event_at=at, known_at=at)
            await feedback.give(tx, house.tenant, lead, said, by="ada")
    await house.work()
    async with transaction(house.pool, house.tenant) as tx:
        cases = {c.lead_id: c for c in await labels.cases(tx, house.tenant)}
        kinds = {row.kind: row.value for row in await labels.of_lead(tx, house.tenant, outside)}
    assert cases[tell_tale].vector == {"seen": "before"}
    assert cases[unknown].vector is None
    assert kinds == {"outcome": 1.0, "icp": 0.0}
    run, _ = await house.train()
    assert run.error is not None
    assert run.error.startswith("1 mature leads with an outcome, 1 positive (1 no_snapshot, 1 outside_icp, 1 young)")


async def test_the_version_that_decides_is_calibrated_anew_and_rolled_back_after_two_bad_windows(house: House) -> None:
    await house.history(1500)
    _, version = await house.train(maturity_days=0)
    assert version is not None
    assert version.stage == "ACTIVE"
    # From here on the world is the other way round.
    await house.history(150, strength=-3, first_day=80, last_day=60, seed=6)
    await house.check("night:1")
    first = await house.show(version.id)
    assert (first.stage, first.evaluations[0].passed, first.evaluations[0].decision) == ("ACTIVE", False, "kept")
    assert first.model["offset"] != version.model["offset"]
    assert first.model["terms"] == version.model["terms"]
    await house.check("night:1")
    assert len((await house.show(version.id)).evaluations) == len(first.evaluations)
    await house.history(150, strength=-3, first_day=50, last_day=30, seed=7)
    await house.check("night:2")
    second = await house.show(version.id)
    assert (second.stage, second.evaluations[0].decision) == ("ARCHIVED", "rolled_back")
    async with transaction(house.pool, house.tenant) as tx:
        assert await models.active(tx, house.tenant) is None
    assert await house.conn.fetchval("SELECT count(*) FROM app.alerts WHERE rule = 'model_rolled_back'") == 1


async def test_what_each_version_decided_about_stands_side_by_side(house: House) -> None:
    # S2.12: A/B
    await house.history(400)
    await house.conn.execute(
        "INSERT INTO app.score_predictions (tenant_id, lead_id, snapshot_id, model_version_id, decides, probability, score, band,"
        " coverage, created_at, decided_at) SELECT tenant_id, lead_id, id, CASE WHEN random() < 0.5 THEN $2::uuid ELSE $3 END,"
        " true, 0.3, 0.5, 'MEDIUM', 1, created_at, created_at"
        " FROM app.feature_snapshots WHERE tenant_id = $1",
        house.tenant, uuid4(), uuid4(),
    )  # fmt: skip
    _, version = await house.train()
    assert version is not None
    groups = version.evaluations[0].metrics["by_version"]
    assert sum(g["leads"] for g in groups) == 400
    assert len(groups) == 2
    assert all(g["said"] == pytest.approx(0.3) and 0 < g["rate"] < 1 for g in groups)


async def test_a_version_that_fails_one_country_stays_in_shadow_and_says_which(house: House) -> None:
    # S2.12: no single segment collapses
    await house.history(1200, first_day=400, last_day=200)
    await house.history(600, first_day=199, last_day=91, seed=6, against="DE")
    _, version = await house.train()
    assert version is not None
    (look,) = version.evaluations
    assert (version.stage, look.passed, look.decision) == ("SHADOW", False, "stays")
    assert "the segment country DE collapses" in (version.reason or "")
    told = {(s["by"], s["segment"]): s for s in look.metrics["segments"]}
    assert told["country", "DE"]["collapsed"]
    assert told["country", "DE"]["log_loss"] > told["country", "DE"]["base_log_loss"]
    assert told["country", "ZA"]["collapsed"] is None


async def test_young_leads_are_learned_from_by_weight_and_judged_when_they_have_matured(house: House) -> None:
    # S2.12: 1/F(age) instead of the maturity window
    await house.history(900, first_day=85, last_day=1)
    run, none = await house.train()
    assert (run.error_code, none) == ("too_few_labels", None), "none is mature"
    _, version = await house.train(label_delay="weighted")
    assert version is not None
    assert (version.metrics["learned"], version.config["label_delay"]) == (900, "weighted")
    assert version.metrics["label_delay"]["delays"] > 50
    assert version.stage == "SHADOW"
    assert version.reason == "no lead decided on after its training has matured"
