"""Apollo: what its search and look-ups make of its records, and how its refusals are told apart."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from contracts.errors import VendorRefused
from contracts.findings import CompanyQuery, FoundPeople, FoundPerson, PeopleAt, PersonQuery
from contracts.providers import Channel, Operation
from tests.providers.sandbox_fixture import RunningSandbox
from tests.providers.subjects import known_companies, known_people, named
from worker.providers import registry
from worker.providers.apollo import RULES
from worker.providers.rules import Said

QUERY = "corporate clothing suppliers South Africa"


@pytest.fixture
async def built(sandbox: RunningSandbox) -> AsyncIterator[registry.Registry]:
    made = registry.build(sandbox.settings())
    yield made
    await made.close()


async def ask(built: registry.Registry, name: str, *queries: Any) -> list[Any]:
    operation: Operation[Any, Any] = built.operation(name)
    return list(await operation.ask(queries, key="k"))


async def test_saved_companies_are_found_as_well_and_a_page_costs_one_credit(
    built: registry.Registry, sandbox: RunningSandbox
) -> None:  # S2.02
    page = await built.company_search(Channel.APOLLO).search(QUERY, cursor=None, limit=50)
    saved = [company for company in page.companies if "organization_id" in company.raw]
    assert saved
    assert len(saved) < len(page.companies)
    assert all(company.external_id == company.raw["organization_id"] for company in saved)
    assert page.units == sandbox.totals("apollo")["credits"] == 1


async def test_candidates_have_no_surname_and_are_revealed_by_their_id(
    built: registry.Registry, sandbox: RunningSandbox
) -> None:  # S2.02
    domain = next(p.company.domain for p in known_people("apollo", 0.7) if p.title == "Managing Director")
    (reply,) = await ask(built, "apollo.people", PeopleAt(domain=domain, titles=("managing director",)))
    assert isinstance(reply.value, FoundPeople)
    candidate = reply.value.people[0]
    assert candidate.first_name
    assert (candidate.name, candidate.last_name, candidate.email) == (None, None, None)
    assert "***" not in reply.value.model_dump_json()
    assert sandbox.totals("apollo")["credits"] == 0

    (revealed,) = await ask(built, "apollo.match", PersonQuery(vendor_id=candidate.vendor_id))
    assert isinstance(revealed.value, FoundPerson)
    assert (revealed.value.first_name, revealed.value.title) == (candidate.first_name, candidate.title)
    assert revealed.value.last_name
    assert revealed.value.email
    assert revealed.value.company_domain == domain
    assert (revealed.units, revealed.estimated) == (1.0, False)


async def test_what_cannot_be_asked_is_not_sent_and_leaves_its_neighbours_alone(
    built: registry.Registry, sandbox: RunningSandbox
) -> None:
    first, second = (named(person) for person in known_people("apollo", 0.7)[:2])
    replies = await ask(built, "apollo.match", first, PersonQuery(name="Mei Tan"), second)
    assert [reply.outcome for reply in replies] == ["found", "invalid", "found"]
    assert "wants" in replies[1].note
    assert sandbox.totals("apollo") == {"requests": 1, "credits": 2.0, "repeated": 0}
    assert [r.outcome for r in await ask(built, "apollo.organization", CompanyQuery())] == ["invalid"]
    assert sandbox.totals("apollo")["requests"] == 1


async def test_companies_come_back_to_their_questions_with_what_is_known_of_them(built: registry.Registry) -> None:
    known = known_companies("apollo", 0.75)[:2]
    asked = [CompanyQuery(domain=known[0].domain), CompanyQuery(name="Zyzzyva"), CompanyQuery(name=known[1].name)]
    first, missed, second = await ask(built, "apollo.organization", *asked)
    assert [first.value.domain, missed.outcome, second.value.domain] == [known[0].domain, "miss", known[1].domain]
    assert first.value.country == "ZA"
    assert first.value.employees > 0
    assert first.value.revenue_usd == first.value.employees * 90_000
    assert first.value.phone.startswith("+27")


@pytest.mark.parametrize(
    ("status", "kind", "body", "expected"),
    [
        (401, "text/plain", b"Invalid access credentials.", "auth"),
        (403, "application/json", b'{"error": "not with this key", "error_code": "API_INACCESSIBLE"}', "auth"),
        (403, "application/json", b'{"message": "Only paid plans may use this endpoint"}', "quota"),
        (422, "application/json", b'{"error": "You have insufficient credits. Please upgrade your plan."}', "quota"),
        (422, "application/json", b'{"error": "per_page is too large"}', "invalid"),
        (429, "application/json", b'{"message": "The maximum number of api calls allowed"}', "rate"),
    ],
)
def test_a_refusal_is_read_by_what_it_says(status: int, kind: str, body: bytes, expected: str) -> None:  # S2.14
    assert RULES.kind_of(Said(status, {"content-type": kind}, body)) == expected


async def test_words_in_plain_text_reach_the_operator(built: registry.Registry, sandbox: RunningSandbox) -> None:
    sandbox.fault("403", vendor="apollo")
    with pytest.raises(VendorRefused, match=r"Forbidden for this key.*APOLLO_API_KEY"):
        await ask(built, "apollo.match", named(known_people("apollo", 0.7)[0]))


@pytest.mark.parametrize(
    ("headers", "left"),
    [
        ({"x-minute-requests-left": "120", "x-hourly-requests-left": "7", "x-24-hour-requests-left": ""}, (7, 3600.0)),
        ({"x-minute-requests-left": "0", "x-hourly-requests-left": "90", "x-24-hour-requests-left": "1000"}, (0, 60.0)),
        ({"x-minute-requests-left": ""}, None),
        ({}, None),
    ],
)
def test_the_window_nearest_to_its_end_sets_the_pace(headers: Mapping[str, str], left: Any) -> None:  # S2.02
    assert RULES.hint
    hint = RULES.hint(headers)
    assert (hint and (hint.remaining, hint.reset_s)) == left
