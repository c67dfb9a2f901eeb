"""What only Hunter does: inverted codes, verdicts that are not there yet, a plan that shows ten results."""

from __future__ import annotations

from typing import Any

import pytest

from contracts.errors import HeadwaterError, VendorBusy, VendorRefused
from contracts.findings import EmailQuery, EmailVerdict, FoundPeople, FoundPerson, PeopleAt, PersonQuery
from contracts.providers import Operation, Reply
from tests.providers.exam import SECRET
from tests.providers.sandbox_fixture import RunningSandbox
from tests.providers.saying import saying
from tests.providers.subjects import known_people, mailboxes, people, world
from worker.providers import hunter
from worker.providers.sandbox.hunter import PEOPLE, SLOW_VERDICTS
from worker.providers.sandbox.people import mailbox, people_of
from worker.providers.sandbox.profiles import knows


def operation(sandbox: RunningSandbox, name: str, **settings: Any) -> Operation[Any, Any]:
    chosen = {"hunter_api_key": SECRET, **settings}
    return next(op for op in hunter.make(sandbox.settings(**chosen)) if op.spec.operation == name)


async def one(op: Operation[Any, Any], query: Any) -> Reply[Any]:
    (reply,) = await op.ask([query], key="k")
    return reply


def test_what_it_charges_once_a_period_is_known_by_account_and_gives_no_key_away(sandbox: RunningSandbox) -> None:
    # S3.05: nothing of the kind is said of profiles.
    free = {op.spec.operation for op in hunter.make(sandbox.settings(hunter_api_key=SECRET)) if op.spec.repeats_free}
    assert free == {"domain_search", "find", "verify"}
    made: list[Any] = [operation(sandbox, "verify", hunter_api_key=key) for key in (SECRET, SECRET, SECRET + "2")]
    ours, again, others = [each.account for each in made]
    assert ours == again != others
    assert SECRET not in ours


async def test_its_codes_are_inverted(sandbox: RunningSandbox) -> None:  # S2.14
    verify = operation(sandbox, "verify")
    query = EmailQuery(email=mailboxes("valid")[0])
    for status, error, code in (("403", VendorBusy, "vendor_busy"), ("429", VendorRefused, "vendor_quota")):
        sandbox.fault(status, vendor="hunter")
        with pytest.raises(HeadwaterError) as caught:
            await one(verify, query)
        assert (type(caught.value), caught.value.code) == (error, code)
    sandbox.fault("451", vendor="hunter")
    assert (await one(verify, query)).outcome == "suppressed"


async def test_a_person_who_objected_is_to_be_suppressed_whoever_asks(sandbox: RunningSandbox) -> None:  # S2.14
    objected = next(p for c in world().companies("ZA") for p in people_of(world(), c) if p.objected)
    named = PersonQuery(first_name=objected.first, last_name=objected.last, company_domain=objected.company.domain)
    for name, query in (
        ("find", named),
        ("verify", EmailQuery(email=objected.email)),
        ("person", PersonQuery(email=objected.email)),
        ("combined", EmailQuery(email=objected.email)),
    ):
        reply = await one(operation(sandbox, name), query)
        assert (reply.outcome, reply.units, reply.value) == ("suppressed", 0, None), name


async def test_a_verdict_that_is_still_being_worked_on_is_asked_for_again(sandbox: RunningSandbox) -> None:  # S2.02
    slow = next(e for e in mailboxes("valid") if world().luck("hunter-slow", e) < SLOW_VERDICTS)
    verify = operation(sandbox, "verify")
    with pytest.raises(VendorBusy) as caught:
        await one(verify, EmailQuery(email=slow))
    assert (caught.value.code, caught.value.after_s) == ("pending", 3.0)
    assert sandbox.totals("hunter")["credits"] == 0
    assert (await one(verify, EmailQuery(email=slow))).outcome == "found"


@pytest.mark.parametrize(
    ("state", "outcome", "standing"),
    [
        ("valid", "found", "valid"),
        ("catch_all", "found", "risky"),
        ("unknown", "miss", "unknown"),
        ("invalid", "found", "invalid"),
    ],
)
async def test_a_verdict_says_what_may_be_done_with_an_address(
    sandbox: RunningSandbox, state: str, outcome: str, standing: str
) -> None:  # S3.05
    addresses = mailboxes(state) or [f"nobody-at-all@{c.domain}" for c in world().companies("ZA") if c.has_mail]
    address = next(
        e for e in addresses if mailbox(world(), e) == state and world().luck("hunter-slow", e) >= SLOW_VERDICTS
    )
    reply = await one(operation(sandbox, "verify"), EmailQuery(email=address))
    assert isinstance(reply.value, EmailVerdict)
    assert (reply.outcome, reply.value.standing, reply.units) == (outcome, standing, 0.5)
    assert (reply.value.retry_after_s is not None) == (standing == "unknown")


async def test_the_people_of_a_company_come_page_by_page_wanted_titles_first(sandbox: RunningSandbox) -> None:  # S2.02
    search = operation(sandbox, "domain_search")
    companies = {p.company.domain: p.company for p in people()}
    domain, known = next(
        (domain, staff)
        for domain, company in companies.items()
        if len(
            staff := [
                p for p in people_of(world(), company) if not p.objected and knows(world(), "hunter", p.id, PEOPLE)
            ]
        )
        >= 4
    )
    walked: list[FoundPerson] = []
    offset: int | None = 0
    while offset is not None:
        query = PeopleAt(domain=domain, limit=2, offset=offset, titles=("operations", "head of procurement"))
        reply = await one(search, query)
        assert isinstance(reply.value, FoundPeople)
        assert reply.units == len(reply.value.people) <= search.units_of(query) == 2
        assert reply.estimated, "what it costs is told in two ways"
        walked += reply.value.people
        offset = reply.value.next_offset
    assert {p.email for p in walked} == {p.email for p in known}
    whole = (await one(search, PeopleAt(domain=domain, titles=("marketing", "operations")))).value
    assert isinstance(whole, FoundPeople)
    titles = [p.title or "" for p in whole.people]
    places = [0 if "Marketing" in title else 1 if "Operations" in title else 2 for title in titles]
    assert places == sorted(places)
    assert all(p.sources == (f"https://{domain}/team",) for p in whole.people), "the duty to name one's source"


async def test_the_free_plan_shows_ten_results_and_no_more(sandbox: RunningSandbox) -> None:  # S2.14
    search = operation(sandbox, "domain_search", hunter_api_key="key-of-the-plan-free")
    domain = known_people("hunter", PEOPLE)[0].company.domain
    assert (await one(search, PeopleAt(domain=domain, limit=10))).outcome == "found"
    behind = await one(search, PeopleAt(domain=domain, limit=10, offset=10))
    assert (behind.outcome, behind.units) == ("miss", 0)
    too_many = await one(search, PeopleAt(domain=domain, limit=50))
    assert too_many.outcome == "invalid"
    assert "ask for 10 at a time" in (too_many.note or "")


async def test_who_is_not_described_well_enough_is_not_asked_for(sandbox: RunningSandbox) -> None:  # S3.05
    find, person = operation(sandbox, "find"), operation(sandbox, "person")
    for query in (PersonQuery(name="Mei Tan"), PersonQuery(name="Mei", company_domain="example.sg"), PersonQuery()):
        assert (await one(find, query)).outcome == "invalid"
    assert (await one(person, PersonQuery(name="Mei Tan", company_domain="example.sg"))).outcome == "invalid"
    assert sandbox.totals("hunter")["requests"] == 0


async def test_the_documented_answer_is_read_whole(sandbox: RunningSandbox) -> None:  # S2.02
    email = {
        "value": "mei.tan@example.sg", "type": "personal", "confidence": 94, "first_name": "Mei", "last_name": "Tan",
        "position": "Head of Facilities", "seniority": "senior", "department": "operations", "linkedin": None,
        "phone_number": None, "verification": {"date": "2026-10-01", "status": "valid"},
        "sources": [{"domain": "example.sg", "uri": "https://example.sg/team", "still_on_page": True}],
    }  # fmt: skip
    data = {"domain": "example.sg", "accept_all": False, "pattern": "{first}.{last}", "organization": "Example"}
    broken = {**email, "value": "b@example.sg", "confidence": "high", "sources": "none", "verification": 7}
    answer = {"data": {**data, "emails": [email, 17, broken, {"value": None}]}, "meta": {"results": 35, "limit": 10}}
    async with saying((200, answer)) as vendor:
        reply = await one(
            operation(sandbox, "domain_search", hunter_base_url=vendor.url), PeopleAt(domain="example.sg")
        )
    assert isinstance(reply.value, FoundPeople)
    first, second = reply.value.people
    assert (first.name, first.email, first.title) == ("Mei Tan", "mei.tan@example.sg", "Head of Facilities")
    assert (first.email_confidence, first.email_verified) == (0.94, True)
    assert (second.email, second.email_verified, second.sources) == ("b@example.sg", None, ())
    assert (reply.value.pattern, reply.value.next_offset) == ("{first}.{last}", 10)


async def test_a_mail_server_that_misbehaves_tells_nothing(sandbox: RunningSandbox) -> None:
    async with saying((222, {"data": None})) as vendor:
        reply = await one(operation(sandbox, "verify", hunter_base_url=vendor.url), EmailQuery(email="a@example.sg"))
    assert (reply.outcome, reply.units) == ("miss", 0)
