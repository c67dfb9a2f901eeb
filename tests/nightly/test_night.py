"""A whole night over the sandbox: nine steps, each with changed rows; and a second one that finds nothing to do."""

from __future__ import annotations

import pytest

from contracts.nights import STEPS
from contracts.rule_sets import CreateRuleSet
from db import rule_sets, story
from db.transaction import transaction
from tests.nightly.house import NightHouse
from worker.providers.sandbox.people import people_of
from worker.providers.sandbox.sites import kind
from worker.providers.sandbox.world import World


async def furnish(house: NightHouse) -> None:
    """Two companies with sites, one plain and one that turns crawlers away, and two of the register."""
    world = World(7)
    some = [c for c in world.companies("ZA") if people_of(world, c)]
    plain = next(c for c in some if kind(world, c) == "plain")
    shut = next(c for c in some if kind(world, c) == "forbidden")
    for each in (plain, shut):
        await house.found(each.name, each.domain)
    await house.staged("LION UNIFORMS PTE. LTD.", primary_ssic="14102", primary_ssic_description="UNIFORMS")
    profile = await house.profile()
    rules = CreateRuleSet.model_validate(
        {"rules": [{"field_key": "companyCountry", "operator": "IN", "value": ["ZA", "SG"]}], "stage": "ACTIVE"}
    )
    async with transaction(house.pool, house.tenant) as tx:
        await rule_sets.create(tx, house.tenant, profile, rules, by="tests")


@pytest.mark.timeout(120)
@pytest.mark.slow
async def test_a_night_does_its_nine_steps_and_the_next_one_finds_nothing_to_do(house: NightHouse) -> None:
    # S3.01 S3.02 S3.15 S3.19 R15
    await furnish(house)
    await house.connect()
    first = await house.night()
    assert (first.status, first.error) == ("completed", None)
    assert list(first.steps) == list(STEPS)
    assert {step: count.done for step, count in first.steps.items() if not count.done} == {}, first.steps
    assert all(c.taken == c.done + sum(c.skipped.values()) for c in first.steps.values()), first.steps
    assert first.manifest is not None
    assert first.night is not None
    assert (len(first.manifest.company_ids), first.manifest.cap, first.manifest.cap_source) == (3, 20, "default")
    assert {b["vendor"] for b in first.manifest.budgets} >= {"tavily", "lusha", "zerobounce"}
    assert house.stored("res.partner")

    async with transaction(house.pool, house.tenant) as tx:
        proof = await story.verify(tx, house.tenant, first.id)
    assert proof is not None
    assert (proof.ok, proof.findings) == (True, [])

    listed = await house.shortlist(first.night)
    assert [row.company_id for row in listed.items] != []
    assert len(listed.items) <= listed.cap
    assert {row.company_id for row in listed.items} == set(first.manifest.company_ids)
    assert [row.score for row in listed.items] == sorted((row.score or 0 for row in listed.items), reverse=True)
    assert all(row.features and row.band and row.rationale for row in listed.items)
    assert any(row.contacts for row in listed.items)

    await house.later(1)
    asked = house.sandbox.requests()
    second = await house.night()
    assert second.id != first.id
    assert second.status == "completed"
    changed = {step: c.done for step, c in second.steps.items() if c.done and step != "select_targets"}
    assert changed == {}, second.steps
    assert second.steps["crawl"].skipped == {"fresh": 3}
    assert (
        second.steps["crm_push"].skipped.get("unchanged", 0) + second.steps["crm_push"].skipped.get("below_band", 0)
        == 3
    )
    bills = [r for r in house.sandbox.requests() if r["vendor"] not in ("odoo", "site")]
    assert bills == [r for r in asked if r["vendor"] not in ("odoo", "site")], "nothing was paid for"
