"""Going down one waterfall: who is asked, when it stops, and what trouble does to it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from pydantic import BaseModel

from contracts.errors import BadAnswer, Unavailable, VendorBusy, VendorRefused
from contracts.findings import FoundPerson, PersonQuery
from contracts.providers import Reply
from worker.enrichment.fill import CAP, Answered, Filled, Plan, fill
from worker.enrichment.questions import Row
from worker.enrichment.waterfall import Step, Tried

LEAD = UUID("0199a3c2-7c1e-7d3a-9a51-0d6b7c1f2e3d")
SHADOW = UUID("0199a3c2-7c1e-7d3a-9a51-0d6b7c1f2e3e")
STEPS = (Step("hunter.find", 0.01, 0.01), Step("apollo.match", 0.02, 0.02), Step("pdl.person", 0.28, 0.28))
AT = datetime(2026, 11, 22, tzinfo=UTC)


def found(email: str | None, confidence: float = 0.9, units: float = 1.0) -> Reply[FoundPerson]:
    person = FoundPerson(name="Mei Tan", email=email, email_confidence=confidence)
    return Reply[FoundPerson](outcome="found", value=person, units=units, at=AT)


MISS = Reply[FoundPerson](outcome="miss", units=0, at=AT)
GOOD = found("mei.tan@example.sg")


class Vendors:
    """Answers by operation; an exception is raised instead."""

    def __init__(self, **said: Reply[FoundPerson] | Exception) -> None:
        self.said = {name.replace("_", ".", 1): answer for name, answer in said.items()}
        self.asked: list[str] = []

    async def __call__(self, operation: str, _query: BaseModel) -> Answered:
        self.asked.append(operation)
        answer = self.said[operation]
        if isinstance(answer, Exception):
            raise answer
        return Answered(answer, stored=False)


def listed(operation: str, _query: BaseModel) -> float:
    return next(step.cost_usd for step in STEPS if step.operation == operation)


async def run(vendors: Vendors, *, cap: float = 1.0, **plan: Any) -> Filled:
    row = Row(company_name="Example", domain="example.sg", person=FoundPerson(name="Mei Tan"))
    chosen = Plan("email", **{"steps": STEPS, "tried": {}, "worst_usd": listed, **plan})
    return await fill(chosen, row, vendors, row_id=LEAD, spent_usd=0, cap_usd=cap)


async def test_it_stops_at_the_first_answer_that_is_good_enough() -> None:
    vendors = Vendors(hunter_find=found("info@elsewhere.com"), apollo_match=GOOD, pdl_person=GOOD)
    out = await run(vendors)
    assert vendors.asked == ["hunter.find", "apollo.match"]
    assert [(s.outcome, s.reason) for s in out.steps] == [("rejected", "an address elsewhere"), ("accepted", None)]
    assert [s.cost_usd for s in out.steps] == [0.01, 0.02], "a rejected answer was paid for all the same"
    assert out.value.email == "mei.tan@example.sg"


@pytest.mark.parametrize(
    "trouble",
    [
        VendorRefused("no credits", code="vendor_quota"),
        VendorRefused("full", code="budget_spent"),
        BadAnswer("garbage"),
    ],
)
async def test_a_vendor_that_cannot_answer_is_passed_by(trouble: Exception) -> None:  # S3.05
    vendors = Vendors(hunter_find=trouble, apollo_match=GOOD)
    out = await run(vendors)
    assert (out.operation, out.later) == ("apollo.match", None)


async def test_a_vendor_that_is_away_is_waited_for_only_if_nobody_else_knew() -> None:
    away = VendorBusy("left alone", after_s=3, code="breaker_open")
    assert (await run(Vendors(hunter_find=away, apollo_match=GOOD))).later is None
    out = await run(Vendors(hunter_find=away, apollo_match=MISS, pdl_person=MISS))
    assert out.later is away
    assert out.value is None


async def test_a_vendor_that_is_only_busy_is_not_replaced_by_a_dearer_one() -> None:
    busy = VendorBusy("four at once already", after_s=0.5, code="paced")
    vendors = Vendors(hunter_find=busy, apollo_match=GOOD)
    with pytest.raises(VendorBusy):
        await run(vendors)
    assert vendors.asked == ["hunter.find"]
    assert (await run(vendors, patience_s=0.1)).operation == "apollo.match", "it has waited long enough"


async def test_nobody_dearer_is_paid_because_our_own_database_is_away() -> None:
    # R8: that says nothing about the vendor who was to be asked
    vendors = Vendors(hunter_find=Unavailable("no connection was free in time"), apollo_match=GOOD)
    with pytest.raises(Unavailable):
        await run(vendors, patience_s=0.0)
    assert vendors.asked == ["hunter.find"]


async def test_a_vendor_whose_hour_is_spent_is_no_queue() -> None:
    # S3.13: fewer contacts, not a lead that stands still
    spent = VendorBusy("asked as often as it may be", after_s=2400, code="paced")
    out = await run(Vendors(hunter_find=spent, apollo_match=GOOD), patience_s=900)
    assert (out.operation, out.later) == ("apollo.match", None)
    assert (await run(Vendors(hunter_find=spent, apollo_match=MISS, pdl_person=MISS), patience_s=900)).later is spent


async def test_a_row_never_costs_more_than_its_cap() -> None:
    vendors = Vendors(hunter_find=MISS, apollo_match=MISS, pdl_person=GOOD)
    out = await run(vendors, cap=0.2)
    assert vendors.asked == ["hunter.find", "apollo.match"]
    assert out.steps[-1].reason == "the row's cost cap"


async def test_the_cap_is_held_against_the_most_that_this_very_question_can_cost() -> None:
    vendors = Vendors(hunter_find=GOOD, apollo_match=GOOD)

    def worst(operation: str, query: BaseModel) -> float:
        assert isinstance(query, PersonQuery)
        return 0.1 if operation == "hunter.find" else listed(operation, query)

    out = await run(vendors, cap=0.09, worst_usd=worst)
    assert vendors.asked == ["apollo.match"]
    assert [(s.outcome, s.reason) for s in out.steps] == [("skipped", CAP), ("accepted", None)]
    out = await run(Vendors(hunter_find=VendorRefused("lost", code="forfeited"), apollo_match=GOOD), worst_usd=worst)
    assert out.steps[0].cost_usd == 0.1, "the ledger counts what it had reserved"


@pytest.mark.parametrize("lost", [VendorRefused("lost", code="forfeited"), BadAnswer("garbage")])
async def test_an_answer_that_was_lost_counts_as_paid_for(lost: Exception) -> None:
    # S3.10: the ledger says so, and so does the row's cap
    vendors = Vendors(hunter_find=lost, apollo_match=GOOD)
    out = await run(vendors, cap=0.025)
    assert vendors.asked == ["hunter.find"]
    assert [(s.outcome, s.cost_usd) for s in out.steps][:2] == [("error", 0.01), ("skipped", 0.0)]


async def test_an_answer_that_was_lost_in_an_earlier_enrichment_is_not_paid_for_again() -> None:
    lost = VendorRefused("lost", code="forfeited", at=AT)
    for since, cost in ((AT + timedelta(seconds=1), 0.0), (AT - timedelta(seconds=1), 0.01)):
        out = await run(Vendors(hunter_find=lost, apollo_match=GOOD), since=since)
        assert [s.cost_usd for s in out.steps] == [cost, 0.02]


async def test_what_was_learned_is_not_followed_before_it_was_promoted() -> None:
    learned = {"pdl.person": Tried(1000, 1000), "hunter.find": Tried(1000, 0)}
    vendors = Vendors(hunter_find=MISS, apollo_match=MISS, pdl_person=GOOD)
    out = await run(vendors, tried=learned, shadow=(SHADOW, ["apollo.match", "pdl.person", "hunter.find"]), cap=10)
    assert out.steps[0].reason == "below break-even", "hardly ever accepted: not worth its price"
    assert [s.operation for s in out.steps] == ["hunter.find", "apollo.match", "pdl.person"]
    assert out.shadow is not None
    assert out.shadow.order_id == SHADOW
    assert out.shadow.cost_usd == pytest.approx(0.02 + 0.28, abs=0.01)
    assert (await run(vendors, tried=learned, active=["pdl.person"])).steps[0].operation == "pdl.person"
