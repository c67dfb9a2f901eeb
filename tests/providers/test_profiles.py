"""The shape that Clearbit made common, and titles: tables of what goes in and what comes out."""

from __future__ import annotations

from typing import Any

import pytest

from contracts.errors import VendorBusy
from contracts.findings import EmailQuery
from tests.providers.exam import SECRET
from tests.providers.sandbox_fixture import RunningSandbox
from tests.providers.saying import saying
from tests.providers.subjects import known_people, world
from worker.providers import clearbit, lenient
from worker.providers.clearbit_shape import linkedin, size
from worker.providers.sandbox.clearbit import PEOPLE, QUEUED
from worker.providers.titles import rank


async def test_a_queued_look_up_is_asked_for_again_and_billed_once(sandbox: RunningSandbox) -> None:  # S2.02
    email = next(p.email for p in known_people("clearbit", PEOPLE) if world().luck("clearbit-queue", p.email) < QUEUED)
    (op,) = clearbit.make(sandbox.settings(clearbit_api_key=SECRET))
    with pytest.raises(VendorBusy) as caught:
        await op.ask([EmailQuery(email=email)], key="k")
    assert (caught.value.code, caught.value.after_s) == ("pending", 10.0)
    (reply,) = await op.ask([EmailQuery(email=email)], key="k")
    assert reply.outcome == "found"
    assert sandbox.totals("clearbit")["credits"] == 1


async def test_wrong_types_in_a_profile_lose_themselves_and_nothing_else(sandbox: RunningSandbox) -> None:
    company: dict[str, Any] = {
        "name": "Example", "domain": "https://www.Example.sg/about", "category": 7, "metrics": {"employees": "1,250"},
        "tech": ["a", 7, "a", None, "b"], "geo": None, "foundedYear": "soon", "linkedin": "none", "phone": 6561234567,
    }  # fmt: skip
    person = {
        "name": {"fullName": "Mei Tan"},
        "email": "Mei.Tan@example.sg ",
        "employment": [],
        "linkedin": {"handle": "mei"},
    }
    async with saying((200, {"person": person, "company": company})) as vendor:
        (op,) = clearbit.make(sandbox.settings(clearbit_api_key=SECRET, clearbit_base_url=vendor.url))
        (reply,) = await op.ask([EmailQuery(email="mei.tan@example.sg")], key="k")
    assert reply.value is not None
    who, where = reply.value.person, reply.value.company
    assert (who.name, who.email, who.linkedin_url) == (
        "Mei Tan",
        "mei.tan@example.sg",
        "https://www.linkedin.com/in/mei",
    )
    assert (where.domain, where.employees, where.technologies) == ("example.sg", 1250, ("a", "7", "b"))
    assert (where.founded, where.industry, where.linkedin_url) == (None, None, None)


@pytest.mark.parametrize(
    ("text", "ends"),
    [
        ("51-250", (51, 250)),
        ("1K-5K", (1000, 5000)),
        ("10K+", (10_000, None)),
        ("many", (None, None)),
        (None, (None, None)),
    ],
)
def test_a_range_of_employees_is_read(text: str | None, ends: tuple[int | None, int | None]) -> None:
    assert size(text) == ends


def test_a_handle_becomes_an_address_and_an_address_stays_one() -> None:
    assert linkedin("company/example", "company") == "https://www.linkedin.com/company/example"
    assert linkedin("linkedin.com/in/mei", "in") == "https://linkedin.com/in/mei"
    assert linkedin("in/<script>", "in") is None


@pytest.mark.parametrize(
    ("title", "place"),
    [("Chief Executive Officer", 1), ("CEO & Founder", 0), ("Head of Operations", 2), ("Cook", 3), (None, 3)],
)
def test_a_title_has_its_place_among_the_wanted_ones(title: str | None, place: int) -> None:  # S3.05
    assert rank(title, ("founder", "ceo", "operations")) == place


@pytest.mark.parametrize(
    ("read", "given", "expected"),
    [
        (lenient.address, "Mei <mei@example.sg>", None),
        (lenient.address, " MEI@Example.SG", "mei@example.sg"),
        (lenient.domain, "http://www.Example.sg:80/x", "example.sg"),
        (lenient.domain, "example", None),
        (lenient.url, "javascript:alert(1)", None),
        (lenient.url, "www.example.sg/a", "https://www.example.sg/a"),
        (lenient.number, "1e999", None),
        (lenient.number, 10**400, None),
        (lenient.whole, -1, None),
        (lenient.flag, "False", False),
        (lenient.flag, 1, None),
        (lenient.country, "sgp", None),
        (lenient.words, " null ", None),
        (lenient.share, 140, 1.0),
    ],
)
def test_a_member_is_read_or_dropped(read: Any, given: Any, expected: Any) -> None:
    assert read(given) == expected
