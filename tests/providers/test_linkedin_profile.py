"""LinkedIn addresses as identifiers: licensed people behind them, off by default, and nothing fetched from LinkedIn."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

import worker.providers
from contracts.errors import VendorBusy, VendorRefused
from contracts.findings import PersonQuery
from contracts.providers import Channel, Operation, Terms
from tests.providers.sandbox_fixture import RunningSandbox
from tests.providers.subjects import known_people, world
from worker.providers import registry
from worker.providers.brightdata import slug_of
from worker.providers.sandbox.brightdata import SLOW

QUERY = "corporate clothing suppliers South Africa"
NAME = "linkedin_profile.person"


@pytest.fixture
async def built(sandbox: RunningSandbox) -> AsyncIterator[registry.Registry]:
    made = registry.build(sandbox.settings())
    yield made
    await made.close()


async def test_it_is_off_unless_somebody_switches_it_on(sandbox: RunningSandbox) -> None:  # S0.19
    off = registry.build(sandbox.settings(linkedin_profile_enabled=False))
    assert "LINKEDIN_PROFILE_ENABLED" in off.absent[Channel.LINKEDIN]
    assert NAME not in off.operations
    assert "brightdata.profile" not in off.operations
    with pytest.raises(VendorRefused, match="LINKEDIN_PROFILE_ENABLED") as caught:
        off.operation(NAME)
    assert caught.value.code == "vendor_absent"
    await off.close()


async def test_the_channel_gives_companies_with_those_who_decide_there(
    built: registry.Registry, sandbox: RunningSandbox
) -> None:  # S0.19, S2.02
    page = await built.company_search(Channel.LINKEDIN).search(QUERY, cursor=None, limit=20)
    people = [person for company in page.companies for person in company.contacts]
    assert len(people) == page.units == sandbox.totals("pdl")["credits"] == 20
    assert all(re.fullmatch(r"https://linkedin\.com/in/[\w-]+", person.linkedin_url or "") for person in people)
    assert all(person.name and person.vendor_id for person in people)
    assert {company.terms for company in page.companies} == {Terms.LICENSED}
    assert sandbox.totals("linkedin")["requests"] == 0


async def test_a_profile_is_asked_of_the_first_licensed_vendor_under_its_own_name(sandbox: RunningSandbox) -> None:
    missing: dict[str, None] = {}
    for vendor in ("pdl", "lusha", "apollo", "brightdata"):
        some = registry.build(sandbox.settings(**missing))
        operation = some.operation(NAME)
        assert operation.spec.vendor == vendor, f"without {sorted(missing)}"
        assert operation is some.operation(f"{vendor}.{operation.spec.operation}"), "one item of the ledger, not two"
        missing[f"{vendor}_api_key"] = None
        await some.close()
    nobody = registry.build(sandbox.settings(**missing))
    assert "PDL_API_KEY" in nobody.absent_vendors["linkedin_profile"]
    await nobody.close()


async def test_a_profile_is_found_by_its_address(built: registry.Registry) -> None:
    person = known_people("pdl", 0.6)[0]
    (reply,) = await built.operation(NAME).ask([PersonQuery(linkedin_url=person.linkedin)], key="k")
    assert reply.value
    assert reply.value.email == person.email
    assert reply.value.linkedin_url.endswith(person.linkedin.partition("linkedin.com")[2])


def profiles(built: registry.Registry) -> Operation[Any, Any]:
    return built.operation("brightdata.profile")


def slow_page() -> str:
    """The address of a page that takes Bright Data more than a minute."""
    known = [p.linkedin for p in known_people("brightdata", 0.8)]
    return next(url for url in known if world().luck("brightdata-slow", url) < SLOW)


async def test_a_page_that_takes_long_is_read_from_its_snapshot_and_bought_once(
    built: registry.Registry, sandbox: RunningSandbox
) -> None:  # S3.05
    query = PersonQuery(linkedin_url=slow_page())
    with pytest.raises(VendorBusy) as caught:
        await profiles(built).ask([query], key="k")
    assert caught.value.code == "pending"
    assert caught.value.after_s
    (reply,) = await profiles(built).ask([query], key="k")
    assert (reply.outcome, reply.units) == ("found", 1)
    asked = {line["operation"]: line["count"] for line in sandbox.requests()}
    assert asked == {"profile": 1, "snapshot": 1}


async def test_an_answer_that_was_lost_is_read_again_by_a_process_that_knows_nothing(
    built: registry.Registry, sandbox: RunningSandbox
) -> None:  # S3.05
    lost, never = PersonQuery(linkedin_url=slow_page()), PersonQuery(linkedin_url="https://linkedin.com/in/zyz-quokka")
    with pytest.raises(VendorBusy):
        await profiles(built).ask([lost], key="k")
    other = registry.build(sandbox.settings())
    reply = await profiles(other).recover(lost, key="k")
    assert reply is not None
    assert reply.outcome == "found"
    assert await profiles(other).recover(never, key="k") is None
    assert sandbox.totals("brightdata")["credits"] == 1
    await other.close()


@pytest.mark.parametrize(
    ("url", "slug"),
    [
        ("https://www.linkedin.com/in/Mei-Tan-1/", "mei-tan-1"),
        ("za.linkedin.com/in/mei-tan-1?trk=x", "mei-tan-1"),
        ("https://www.linkedin.com/company/example", None),
        ("https://evil.example/in/mei", None),
        ("https://notlinkedin.com/in/mei", None),
        (None, None),
    ],
)
def test_only_pages_of_people_on_linkedin_are_asked_for(url: str | None, slug: str | None) -> None:
    assert slug_of(url) == slug


def test_no_adapter_has_an_address_of_linkedin_to_ask() -> None:  # S0.19
    folder = Path(worker.providers.__file__).parent
    for path in folder.glob("*.py"):
        for called in re.findall(r"(?:get|post|ask)\([^)]*linkedin\.com", path.read_text(encoding="utf-8")):
            pytest.fail(f"{path.name} asks LinkedIn itself: {called}")
