"""Rule sets move through their stages, are tried before they decide, and say of every company why it is out."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest

from contracts.errors import Conflict, NotFound
from contracts.profiles import ChangeProfile
from contracts.rule_sets import CreateRuleSet, MoveRuleSet, PreviewRules, RuleSet
from db import candidates, profiles, rule_sets, rule_trials
from db.transaction import transaction
from tests.db.conftest import new_tenant
from tests.scoring.house import House

LARGE = {"field_key": "companyEmployees", "operator": "GTE", "value": 100}
NEAR = {"type": "HARD_FILTER", "field_key": "companyCountry", "operator": "IN", "value": ["ZA"]}
SIZED = {"type": "HARD_FILTER", "field_key": "companyEmployees", "operator": "GTE", "value": 50}


async def listed(house: House, profile: UUID) -> list[RuleSet]:
    async with transaction(house.pool, house.tenant) as tx:
        return await rule_sets.list_(tx, house.tenant, profile)


async def test_one_version_decides_one_is_watched_and_all_are_kept(house: House) -> None:  # B.08 S2.09
    profile = await house.profile(target_countries=["ZA"], min_company_size=50)
    [own] = await listed(house, profile.id)
    assert (own.id, own.version, [r.field_key for r in own.rules]) == (
        None, 0, ["companyCountry", "companyEmployees", "companyCountry", "companyEmployees"],
    )  # fmt: skip
    first = await house.rules(profile, LARGE, stage="ACTIVE", medium_from=0.4, high_from=0.8, reason="to begin with")
    second, third = await house.rules(profile, NEAR, LARGE), await house.rules(profile, SIZED, LARGE)
    assert (first.archived, second.archived, third.archived) == (None, None, second.rule_set.id)
    assert [(s.version, s.stage) for s in await listed(house, profile.id)] == [
        (3, "SHADOW"), (2, "ARCHIVED"), (1, "ACTIVE"),
    ]  # fmt: skip
    async with transaction(house.pool, house.tenant) as tx:
        moved = await rule_sets.promote(
            tx, house.tenant, profile.id, third.rule_set.id or uuid4(), MoveRuleSet(), by="tests"
        )
        again = await rule_sets.promote(
            tx, house.tenant, profile.id, third.rule_set.id or uuid4(), MoveRuleSet(), by="tests"
        )
    assert (moved.archived, again.archived) == (first.rule_set.id, None)
    kept = (await listed(house, profile.id))[2]
    assert (kept.stage, kept.medium_from, kept.high_from, kept.reason) == ("ARCHIVED", 0.4, 0.8, "to begin with")
    async with transaction(house.pool, house.tenant) as tx:
        await rule_sets.archive(tx, house.tenant, profile.id, third.rule_set.id or uuid4(), by="tests")
    assert [s.version for s in await listed(house, profile.id)] == [3, 2, 1, 0], "its own filters decide again"
    said = await house.rows("SELECT action FROM app.audit_log WHERE subject_type = 'rule_set' ORDER BY id")
    assert [r["action"] for r in said] == [*["rule_set.created"] * 3, "rule_set.promoted", "rule_set.archived"]


async def test_two_who_make_a_version_at_once_make_two(house: House) -> None:
    profile = await house.profile()
    await asyncio.gather(*[house.rules(profile, LARGE, stage="ACTIVE") for _ in range(5)])
    made = await listed(house, profile.id)
    assert [(s.version, s.stage) for s in made] == [(5, "ACTIVE"), *[(n, "ARCHIVED") for n in (4, 3, 2, 1)]]


async def test_sets_belong_to_their_profile_and_tenant(house: House) -> None:  # R18
    profile, other = await house.profile(), await house.profile()
    made = (await house.rules(profile, LARGE)).rule_set.id or uuid4()
    with pytest.raises(NotFound, match="no rule set"):
        async with transaction(house.pool, house.tenant) as tx:
            await rule_sets.get(tx, house.tenant, other.id, made)
    stranger = await new_tenant(house.pool)
    with pytest.raises(NotFound, match="no ICP profile"):
        async with transaction(house.pool, stranger) as tx:
            await rule_sets.get(tx, stranger, profile.id, made)
    async with transaction(house.pool, house.tenant) as tx:
        await profiles.close(tx, house.tenant, other.id, by="tests")
    with pytest.raises(Conflict, match="closed"):
        await house.rules(other, LARGE)


async def test_a_preview_counts_every_company_with_its_reason_and_stores_nothing(house: House) -> None:  # B.05
    profile = await house.profile()
    for country, employees in (("ZA", 400), ("ZA", 20), ("DE", 400), ("DE", 10)):
        await house.lead(country=country, employees=employees)
    await house.lead()
    body = PreviewRules.model_validate({"rules": [NEAR, SIZED, LARGE], "newest": 5})
    found = await rule_trials.preview(house.pool, house.tenant, profile.id, body)
    assert (found.companies, found.candidates, found.rejected, found.deferred, found.more) == (5, 1, 3, 1, False)
    assert {(r.rule, r.outcome, r.companies) for r in found.by_reason} == {
        ("country: one of ZA", "FAILED", 2), ("employees: at least 50", "FAILED", 2), ("employees: at least 50", "MISSING", 1),
    }  # fmt: skip
    assert all(len(r.examples) == r.companies and r.examples[0].reasons for r in found.by_reason)
    assert [e.fit for e in found.examples] == [1.0]
    fewer = await rule_trials.preview(house.pool, house.tenant, profile.id, body.model_copy(update={"newest": 2}))
    assert (fewer.companies, fewer.more) == (2, True)
    assert await house.rows("SELECT 1 FROM app.rule_sets") == []


async def test_a_comparison_says_which_leads_would_change_band(house: House) -> None:  # B.08
    profile = await house.profile()
    await house.rules(profile, LARGE, stage="ACTIVE")
    held = (await house.rules(profile, {**LARGE, "value": 500}, NEAR)).rule_set.id or uuid4()
    sizes = (50, 200, 900)
    chosen = {n: await house.lead(profile, employees=n) for n in sizes}
    await house.score(*chosen.values())
    found = await rule_trials.compare(house.pool, house.tenant, profile.id, held)
    assert (found.leads, found.changed, found.exported_now, found.exported_then) == (3, 1, 2, 1)
    assert {(b.now, b.then, b.leads) for b in found.bands} == {
        ("LOW", "LOW", 1), ("HIGH", "LOW", 1), ("HIGH", "HIGH", 1),
    }  # fmt: skip
    assert [e.lead_id for e in found.examples] == [chosen[200]]


async def test_candidates_are_refreshed_and_those_gone_get_a_tombstone(
    house: House, monkeypatch: Any
) -> None:  # R19 B.05
    monkeypatch.setattr(candidates, "PAGE", 2)
    profile = await house.profile(target_countries=["ZA"])
    chosen = [await house.lead(profile, country=c) for c in ("ZA", "DE", "ZA", "ZA", "DE")]
    first = await candidates.refresh(house.pool, house.tenant, profile.id)
    assert (first.companies, first.candidates, first.rejected, first.gone) == (5, 3, 2, 0)
    await house.rows(
        "UPDATE app.companies SET merged_into = gen_random_uuid() WHERE id = (SELECT company_id FROM app.leads WHERE id = $1)",
        chosen[0],
    )
    await house.learn(chosen[1], country="ZA")
    second = await candidates.refresh(house.pool, house.tenant, profile.id)
    assert (second.companies, second.candidates, second.rejected, second.gone) == (4, 3, 1, 1)
    assert (await candidates.refresh(house.pool, house.tenant, profile.id)).gone == 0, "once buried"
    async with transaction(house.pool, house.tenant) as tx:
        [out] = await candidates.list_(tx, house.tenant, profile.id, verdict="REJECTED")
        everything = await candidates.list_(tx, house.tenant, profile.id, gone=True)
    assert [r.words for r in out.reasons] == ["country: DE, wanted one of ZA"]
    assert [row.gone_at is not None for row in everything].count(True) == 1


async def test_a_profile_that_changed_gives_another_snapshot_and_score(house: House) -> None:
    profile = await house.profile(target_countries=["DE"])
    lead = await house.lead(profile)
    await house.score(lead)
    assert (await house.latest(lead)).rejected
    async with transaction(house.pool, house.tenant) as tx:
        await profiles.change(tx, house.tenant, profile.id, ChangeProfile(target_countries=["ZA"]), by="tests")
    await house.score(lead)
    assert not (await house.latest(lead)).rejected
    stories = await house.rows("SELECT source_version, verdict FROM app.feature_snapshots ORDER BY id")
    assert [(s["source_version"], s["verdict"]) for s in stories] == [("2/p1", "REJECTED"), ("2/p2", "PASSED")]


def test_thresholds_are_in_order() -> None:
    with pytest.raises(ValueError, match="swap them"):
        CreateRuleSet.model_validate({"rules": [LARGE], "mediumFrom": 0.7, "highFrom": 0.6})
