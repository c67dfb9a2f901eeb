"""What only Lusha does: batches joined by reference, errors by item, people found first and revealed by id."""

from __future__ import annotations

from typing import Any

from contracts.findings import CompanyQuery, FoundPeople, FoundPerson, PeopleAt, PersonQuery
from contracts.providers import Operation
from tests.providers.exam import SECRET
from tests.providers.sandbox_fixture import RunningSandbox
from tests.providers.saying import saying
from tests.providers.subjects import NOBODY, known_people, named, people, world
from worker.providers import lusha
from worker.providers.rules import heard_hint
from worker.providers.sandbox.lusha import PEOPLE, PHONES
from worker.providers.sandbox.people import people_of
from worker.providers.sandbox.profiles import knows


def operation(sandbox: RunningSandbox, name: str, **settings: Any) -> Operation[Any, Any]:
    chosen = {"lusha_api_key": SECRET, **settings}
    return next(op for op in lusha.make(sandbox.settings(**chosen)) if op.spec.operation == name)


async def test_a_hundred_people_are_one_request_and_each_finds_its_own_answer(sandbox: RunningSandbox) -> None:  # S3.05
    objected = next(p for c in world().companies("ZA") for p in people_of(world(), c) if p.objected)
    asked = [named(p) for p in people()[:97]]
    queries = [*asked[:50], NOBODY, named(objected), *asked[50:], PersonQuery(name="Mei")]
    replies = await operation(sandbox, "people").ask(queries, key="k")
    assert sandbox.totals("lusha")["requests"] == 1
    assert [replies[50].outcome, replies[51].outcome, replies[99].outcome] == ["miss", "suppressed", "invalid"]
    known = {p.email for p in people()[:97] if knows(world(), "lusha", p.id, PEOPLE)}
    found = [(q, r) for q, r in zip(queries, replies, strict=True) if r.outcome == "found"]
    assert {r.value.email for _, r in found if r.value} == known
    assert all(r.value is not None and r.value.name == q.name for q, r in found)
    # A look-up is counted for each that was asked for, found or not; the bill in credits is kept with the record.
    assert [r.units for r in replies if r.outcome in ("found", "miss")] == [1.0] * (98)
    assert found[0][1].raw is not None
    assert found[0][1].raw["billing"]["creditsCharged"] == len(known) + 1  # type: ignore[index]


async def test_people_are_found_by_title_and_revealed_by_id_without_the_waterfall(
    sandbox: RunningSandbox,
) -> None:  # S3.05
    owner = next(
        p for p in people()
        if p.seniority == "owner" and not p.do_not_call
        and knows(world(), "lusha", p.id, PEOPLE) and knows(world(), "lusha-phone", p.id, PHONES)
    )  # fmt: skip
    (reply,) = await operation(sandbox, "find").ask([PeopleAt(domain=owner.company.domain)], key="k")
    assert isinstance(reply.value, FoundPeople)
    first = reply.value.people[0]
    assert (first.name, first.email, first.in_eu) == (owner.name, None, False)
    assert first.vendor_id, "kept, to be revealed by"
    assert reply.units == 1.0, "a search, in credits"
    (told,) = await operation(sandbox, "people").ask([PersonQuery(vendor_id=first.vendor_id, want_phone=True)], key="k")
    assert isinstance(told.value, FoundPerson)
    assert (told.value.email, told.value.phone, told.value.phone_do_not_call) == (owner.email, owner.phone, False)
    assert told.vendor_ref == first.vendor_id


async def test_only_preferred_titles_are_looked_for(sandbox: RunningSandbox) -> None:  # S3.05
    found = [
        reply
        for p in known_people("lusha", PEOPLE)[:12]
        for reply in await operation(sandbox, "find", lusha_preferred_titles="marketing").ask(
            [PeopleAt(domain=p.company.domain)], key="k"
        )
    ]
    titles = {p.title for reply in found if isinstance(reply.value, FoundPeople) for p in reply.value.people}
    assert titles == {"Marketing Manager"}


async def test_the_documented_answer_is_read_whole_in_any_order(sandbox: RunningSandbox) -> None:  # S2.02
    def item(reference: str, **more: Any) -> dict[str, Any]:
        return {"clientReferenceId": reference, "id": f"43{reference}", "fullName": f"Person {reference}", **more}

    full = item(
        "0", jobTitle={"title": "Head of Facilities", "departments": ["Operations"], "seniority": "director"},
        location={"country": "Germany", "countryIso2": "DE", "city": "Berlin", "isEuContact": True},
        emails=[
            {"email": "private@example.com", "type": "private", "confidence": "A+"},
            {"email": "mei.tan@example.sg", "type": "work", "confidence": "A"},
        ],
        phones=[
            {"number": "+6591234567", "type": "mobile", "doNotCall": True},
            {"number": "+6561234567", "type": "direct", "doNotCall": "false"},
        ],
        company={"id": "1", "name": "Example", "domain": "example.sg"}, socialLinks={"linkedin": "linkedin.com/in/mei"},
    )  # fmt: skip
    odd = item("2", jobTitle="Cook", emails="none", phones=[7, {"number": "+6590000000", "type": "fax"}], location=None)
    failed = {"clientReferenceId": "3", "error": {"code": "ENRICH_FAILED", "message": "try later"}}
    answer = {"results": [odd, failed, full], "billing": {"creditsCharged": 7, "resultsReturned": 2}}
    queries = [PersonQuery(email=f"p{n}@example.sg") for n in range(4)]
    async with saying((200, answer)) as vendor:
        op = operation(sandbox, "people", lusha_base_url=vendor.url)
        told, absent, strange, refused = await op.ask(queries, key="k")
    assert [c["clientReferenceId"] for c in vendor.asked[0]["contacts"]] == ["0", "1", "2", "3"]
    assert vendor.asked[0]["reveal"] == ["emails"]
    value = told.value
    assert value is not None
    assert (value.email, value.email_confidence, value.in_eu) == ("mei.tan@example.sg", 0.9, True)
    assert (value.phone, value.phone_type, value.phone_do_not_call) == ("+6561234567", "direct", False)
    assert (absent.outcome, refused.outcome) == ("miss", "invalid")
    assert "ENRICH_FAILED" in (refused.note or "")
    assert strange.value is not None
    assert (strange.value.title, strange.value.phone, strange.value.phone_type) == ("Cook", "+6590000000", "unknown")


async def test_more_people_than_a_page_holds_come_to_the_end(sandbox: RunningSandbox) -> None:  # S2.02
    def page(number: int) -> dict[str, Any]:
        shown = range(number * 10, min(23, number * 10 + 10))
        results = [
            {"id": str(n), "firstName": f"P{n}", "fullName": f"P{n}", "jobTitle": {"title": "Buyer"}} for n in shown
        ]
        return {
            "results": results,
            "pagination": {"page": number, "size": 10, "total": 23},
            "billing": {"creditsCharged": 1},
        }

    query: PeopleAt | None = PeopleAt(domain="example.sg", titles=("buyer",))
    ids: list[str | None] = []
    async with saying(*((200, page(number)) for number in range(3))) as vendor:
        op = operation(sandbox, "find", lusha_base_url=vendor.url)
        while query is not None:
            (reply,) = await op.ask([query], key="k")
            assert isinstance(reply.value, FoundPeople)
            ids += [person.vendor_id for person in reply.value.people]
            after = reply.value.next_offset
            query = None if after is None else query.model_copy(update={"offset": after})
    assert ids == [str(n) for n in range(23)]
    assert [asked["pagination"] for asked in vendor.asked] == [{"page": n, "size": 10} for n in range(3)]


async def test_a_block_of_a_whole_batch_suppresses_nobody_unseen(sandbox: RunningSandbox) -> None:  # S2.14
    op = operation(sandbox, "people")
    for count, outcome in ((1, "suppressed"), (3, "invalid")):
        sandbox.fault("451", vendor="lusha")
        replies = await op.ask([named(p) for p in people()[:count]], key="k")
        assert [r.outcome for r in replies] == [outcome] * count


async def test_what_its_headers_leave_of_a_limit_is_heard(sandbox: RunningSandbox) -> None:  # S2.02
    await operation(sandbox, "company").ask([CompanyQuery(domain=people()[0].company.domain)], key="k")
    hint = heard_hint.get()
    assert hint is not None
    assert (hint.remaining, hint.reset_s, hint.limit) == (499, 60.0, 500)


async def test_companies_come_in_a_batch_with_size_and_trade(sandbox: RunningSandbox) -> None:
    op = operation(sandbox, "company")
    domains = [p.company.domain for p in known_people("lusha", PEOPLE)[:20]]
    replies = await op.ask([CompanyQuery(domain=domain) for domain in domains], key="k")
    found = [r for r in replies if r.outcome == "found"]
    assert 8 <= len(found) < 20
    assert sum(r.units for r in replies) == sandbox.totals("lusha")["credits"] == len(found)
    for reply in found:
        assert reply.value is not None
        assert reply.value.domain in domains
        assert reply.value.employees
        assert reply.value.naics == ("315990",)
