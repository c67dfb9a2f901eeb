"""What enrichments leave behind: facts that supersede each other, steps that teach, orders that are watched and followed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from contracts.enrichment import FactValue, Learned, Person, ShadowRow, StepTaken
from contracts.errors import NotFound
from contracts.providers import FoundCompany, Terms
from db import enrichments, facts, leads, waterfalls
from db.transaction import Pool, Tx, transaction

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)


def fact(
    field: str, value: object, *, vendor: str = "hunter", confidence: float = 0.8, age_days: float = 0
) -> FactValue:
    return FactValue(
        kind="company", field=field, value=value, vendor=vendor, operation="company", terms=Terms.LICENSED,
        confidence=confidence, observed_at=NOW - timedelta(days=age_days),
    )  # fmt: skip


async def lead(tx: Tx, tenant: UUID) -> UUID:
    found = FoundCompany(external_id="x", name=f"Company {uuid4().hex}", country="ZA", domain=f"{uuid4().hex}.example")
    return await leads.create(tx, tenant, found, icp_profile_id=None)


async def enrich(tx: Tx, tenant: UUID, learned: Learned, cause: str = "1", of: UUID | None = None) -> UUID:
    lead_id = of or await lead(tx, tenant)
    subject = await enrichments.subject(tx, tenant, lead_id)
    assert subject is not None
    begun = await enrichments.begin(tx, tenant, lead_id, cause)
    assert await enrichments.finish(tx, tenant, subject, begun, cause, learned)
    assert not await enrichments.finish(tx, tenant, subject, begun, cause, learned), "an enrichment ends once"
    return lead_id


def email_step(outcome: str, place: int = 0, operation: str = "hunter.find") -> StepTaken:
    return StepTaken.model_validate(
        {"field": "email", "place": place, "operation": operation, "outcome": outcome, "units": 1, "cost_usd": 0.01}
    )


async def test_a_source_that_says_otherwise_supersedes_itself_and_nobody_else(pool: Pool, tenant: UUID) -> None:
    first = Learned(company_facts=(fact("employees", 40, age_days=3), fact("employees", 45, vendor="pdl", age_days=3)))
    second = Learned(company_facts=(fact("employees", 60), fact("naics", ["541511", "541512"])))
    async with transaction(pool, tenant) as tx:
        of = await enrich(tx, tenant, first)
        await enrich(tx, tenant, second, "2", of)
        subject = await enrichments.subject(tx, tenant, of)
        assert subject is not None
        known = await facts.of_entity(tx, tenant, subject.company_id)
    assert {(f.vendor, f.field, str(f.value)) for f in known} == {
        ("hunter", "employees", "60"), ("pdl", "employees", "45"), ("hunter", "naics", "['541511', '541512']"),
    }  # fmt: skip


async def test_a_person_is_one_by_their_address_and_the_lead_names_them(pool: Pool, tenant: UUID) -> None:
    person = Person(name="Mei Tan", title="Head", email="mei.tan@example.sg", email_status="valid")
    nobody = Person(name="Without Address")
    async with transaction(pool, tenant) as tx:
        one = await enrich(tx, tenant, Learned(people=(person, nobody)))
        two = await enrich(tx, tenant, Learned(people=(person.model_copy(update={"phone": "+6561234567"}),)))
        rows = await tx.fetch("SELECT name, email, email_status, phone FROM app.contacts")
        named = [await enrichments.subject(tx, tenant, each) for each in (one, two)]
    assert [dict(r) for r in rows] == [
        {"name": "Mei Tan", "email": "mei.tan@example.sg", "email_status": "valid", "phone": "+6561234567"}
    ]
    assert [subject and subject.contact_email for subject in named] == ["mei.tan@example.sg"] * 2


async def test_an_order_is_watched_on_rows_and_followed_once_promoted(pool: Pool, tenant: UUID) -> None:
    async with transaction(pool, tenant) as tx:
        shadow = await waterfalls.propose(tx, tenant, "email", ["apollo.match", "hunter.find"], "tests")
        assert shadow is not None
        watched = ShadowRow(
            field="email", order_id=shadow, cost_usd=0.02, found=0.9, active_cost_usd=0.05, active_found=0.9
        )
        steps = (email_step("miss"), email_step("accepted", 1, "apollo.match"))
        for _ in range(3):
            await enrich(tx, tenant, Learned(steps=steps, shadows=(watched,)))
        pairs = await waterfalls.pairs(tx, tenant, "email", shadow)
        tried = {t.operation: (t.asked, t.accepted) for t in await waterfalls.tried(tx, tenant)}
        assert await waterfalls.promote(tx, tenant, shadow, {"why": "seen"}, "tests") == "email"
        [order] = await waterfalls.orders(tx, tenant)
    assert pairs == [{"active_usd": 0.05, "active_found": 0.9, "shadow_usd": 0.02, "shadow_found": 0.9}] * 3
    assert tried == {"hunter.find": (3, 0), "apollo.match": (3, 3)}
    assert (order.id, order.stage, order.operations) == (shadow, "ACTIVE", ["apollo.match", "hunter.find"])
    async with transaction(pool, tenant) as tx:
        with pytest.raises(NotFound, match="headwater waterfalls list"):
            await waterfalls.promote(tx, tenant, shadow, {}, "tests")


async def test_what_a_vendor_costs_is_told_by_what_was_bought(pool: Pool, tenant: UUID) -> None:
    # An answer read from the ledger says as much of a vendor's chance, and nothing of its price.
    stored = email_step("accepted", operation="pdl.person").model_copy(update={"stored": True, "cost_usd": 0.0})
    bought = stored.model_copy(update={"stored": False, "cost_usd": 0.28})
    nothing = bought.model_copy(update={"outcome": "skipped", "cost_usd": 0.0})
    async with transaction(pool, tenant) as tx:
        for step in (stored, stored, bought, nothing):
            await enrich(tx, tenant, Learned(steps=(step,)))
        [pdl] = await waterfalls.tried(tx, tenant)
    assert (pdl.asked, pdl.accepted, pdl.bought, pdl.cost_usd) == (3, 3, 1, 0.28)


async def test_leads_are_asked_for_once_unless_they_are_wanted_again(pool: Pool, tenant: UUID) -> None:
    async with transaction(pool, tenant) as tx:
        new = [await lead(tx, tenant) for _ in range(3)]
        assert await enrichments.ask(tx, tenant, [], limit=2, again=False) == new[:2], "the oldest first"
        assert await enrichments.ask(tx, tenant, [new[0], uuid4()], limit=10, again=True) == [], "it is under way"
        await enrichments.fail(tx, tenant, new[0], "1", error_code="exhausted", error="the vendor was away")
        assert await enrichments.ask(tx, tenant, [new[0]], limit=10, again=False) == []
        assert await enrichments.ask(tx, tenant, [new[0]], limit=10, again=True) == [new[0]]
        story = await enrichments.story(tx, tenant, new[0])
        events = await tx.fetchval("SELECT count(*) FROM app.outbox WHERE type = 'EnrichmentRequested'")
    assert story is not None
    assert [(e.cause, e.status, e.error) for e in story.items] == [("1", "FAILED", "the vendor was away")]
    assert events == 3
