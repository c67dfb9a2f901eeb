"""SAM.gov: what is asked, how its notices are read, and how it says no."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from contracts.errors import BadAnswer, HeadwaterError, VendorBusy, VendorRefused
from contracts.findings import FoundOpportunity, OpportunityPage, OpportunityQuery
from contracts.providers import Reply
from contracts.settings import Settings
from tests.providers.sandbox_fixture import KEY, RunningSandbox
from worker.providers import sam
from worker.providers.rules import Said, refusal
from worker.providers.sandbox.sam import search
from worker.providers.sandbox.vendor import Asked
from worker.providers.sandbox.world import World

#: The notice of the vendor's documents.
DOCUMENTED: dict[str, Any] = {
    "noticeId": "9f3c", "title": "Janitorial services", "solicitationNumber": "W912-26-R-0001",
    "fullParentPathName": "DEPT OF DEFENSE.DEPT OF THE ARMY", "fullParentPathCode": "021.2100", "postedDate": "2026-11-02",
    "type": "Solicitation", "baseType": "Solicitation", "archiveType": "auto15", "archiveDate": "2026-12-30",
    "typeOfSetAside": "SBA", "typeOfSetAsideDescription": "Total Small Business Set-Aside",
    "responseDeadLine": "2026-12-01T14:00:00-05:00", "naicsCode": "561720", "naicsCodes": ["561720"],
    "classificationCode": "S201", "active": "Yes", "award": None,
    "pointOfContact": [{"type": "primary", "fullName": "Pat Doe", "title": None, "email": "pat.doe@example.mil",
                        "phone": "555-0100", "fax": None}],
    "description": "https://api.sam.gov/prod/opportunities/v1/noticedesc?noticeid=9f3c", "organizationType": "OFFICE",
    "officeAddress": {"zipcode": "22060", "city": "FORT BELVOIR", "countryCode": "USA", "state": "VA"},
    "placeOfPerformance": {"city": {"code": "1000", "name": "Norfolk"}, "state": {"code": "VA", "name": "Virginia"},
                           "country": {"code": "USA"}, "zip": "23501"},
    "uiLink": "https://sam.gov/opp/9f3c/view", "resourceLinks": [], "links": [{"rel": "self", "href": "..."}],
}  # fmt: skip


def asked(naics: str = "561720", since: str = "2026-01-01", until: str = "2026-06-30", **more: int) -> OpportunityQuery:
    return OpportunityQuery(naics=naics, posted_from=since, posted_to=until, **more)


def at(url: str, key: str = KEY) -> sam.Opportunities:
    settings = Settings(sam_api_key=SecretStr(key), sam_base_url=f"{url}/sam")
    (made,) = sam.make(settings)
    assert isinstance(made, sam.Opportunities)
    return made


@pytest.fixture
async def port(sandbox: RunningSandbox) -> AsyncIterator[sam.Opportunities]:
    made = at(sandbox.url)
    yield made
    await made.close()


async def page(port: sam.Opportunities, query: OpportunityQuery) -> OpportunityPage:
    (reply,) = await port.ask([query], key="k")
    assert reply.value is not None
    return reply.value


def said(body: dict[str, Any], status: int = 429) -> HeadwaterError:
    heard = Said(status, {"content-type": "application/json"}, json.dumps(body).encode())
    kind = sam.RULES.kind_of(heard)
    assert kind is not None
    return refusal(sam.RULES, kind, heard, lambda text: text)


def test_a_documented_notice_is_read_whole_without_its_people() -> None:
    # S1.09
    read = sam._read(DOCUMENTED)
    assert read is not None
    assert read.model_dump(exclude={"raw"}) == {
        "notice_id": "9f3c", "solicitation_number": "W912-26-R-0001", "title": "Janitorial services",
        "agency": "DEPT OF DEFENSE.DEPT OF THE ARMY", "kind": "Solicitation", "naics": ("561720",), "set_aside": "SBA",
        "posted_on": "2026-11-02", "deadline_at": "2026-12-01T14:00:00-05:00", "active": True, "country": "US",
        "state": "VA", "city": "Norfolk", "url": "https://sam.gov/opp/9f3c/view",
        "description_url": "https://api.sam.gov/prod/opportunities/v1/noticedesc?noticeid=9f3c",
    }  # fmt: skip
    assert "pat.doe" not in json.dumps(read.raw).lower()


@pytest.mark.parametrize("nothing", [None, "null", "", 7, [], {}, "absent"])
def test_whatever_is_missing_the_rest_stands(nothing: Any) -> None:
    # S1.09
    for name in DOCUMENTED:
        record = {**DOCUMENTED, name: nothing}
        if nothing == "absent":
            del record[name]
        read = sam._read(record)
        if name == "noticeId":
            assert read is None or read.notice_id == "null"
        else:
            assert isinstance(read, FoundOpportunity), name
            assert (read.notice_id, "null" in (read.title, read.agency, read.set_aside)) == ("9f3c", False), name
            assert name == "postedDate" or read.posted_on == "2026-11-02"


def test_the_stand_in_speaks_the_documented_format() -> None:
    query = [
        ("api_key", KEY),
        ("postedFrom", "01/01/2026"),
        ("postedTo", "06/30/2026"),
        ("ncode", "561720"),
        ("limit", "9"),
    ]
    answer = search(Asked(World(7), "GET", "/", {}, query, {}, b"", "", {}))
    body = json.loads(answer.body)
    assert {"totalRecords", "limit", "offset", "opportunitiesData"} <= set(body)
    for notice in body["opportunitiesData"]:
        for name, value in DOCUMENTED.items():
            given = notice.get(name)
            assert given in (None, "null") or type(given) is type(value) or value is None, name


async def test_a_page_of_notices_is_one_call(port: sam.Opportunities, sandbox: RunningSandbox) -> None:
    # S1.09
    (reply,) = await port.ask([asked()], key="k")
    assert isinstance(reply, Reply)
    assert reply.value is not None
    assert (reply.outcome, reply.units, reply.value.total) == ("found", 1.0, len(reply.value.opportunities))
    assert {n.naics for n in reply.value.opportunities} == {("561720",)}
    assert all("2026-01-01" <= (n.posted_on or "") <= "2026-06-30" for n in reply.value.opportunities)
    assert sandbox.totals("sam") == {"requests": 1, "credits": 1.0, "repeated": 0}


async def test_offset_counts_records_and_is_sent_as_a_page(port: sam.Opportunities) -> None:
    whole = await page(port, asked())
    parts = [await page(port, asked(limit=40, offset=n)) for n in range(0, 120, 40)]
    assert [n.notice_id for part in parts for n in part.opportunities] == [n.notice_id for n in whole.opportunities]
    past = await page(port, asked(limit=40, offset=4000))
    assert past == parts[-1]  # the vendor's oddity: the last page again


async def test_nothing_posted_is_a_miss_that_costs_a_call(port: sam.Opportunities) -> None:
    (reply,) = await port.ask([asked("999999")], key="k")
    assert (reply.outcome, reply.units, reply.value) == ("miss", 1.0, OpportunityPage())


async def test_the_days_quota_stops_and_a_short_throttle_waits(sandbox: RunningSandbox) -> None:
    # S1.09
    port = at(sandbox.url, "personal-key-1234")
    for n in range(10):
        await page(port, asked(until=f"2026-06-{n + 10}"))
    with pytest.raises(VendorRefused) as refused:
        await port.ask([asked()], key="k")
    await port.close()
    assert refused.value.code == "vendor_quota"
    soon = datetime.now(UTC) + timedelta(seconds=60)
    busy = said(
        {"code": "900804", "message": "Message throttled out", "nextAccessTime": f"{soon:%Y-%b-%d %H:%M:%S%z} UTC"}
    )
    assert isinstance(busy, VendorBusy)
    assert 50 < (busy.after_s or 0) <= 60
    assert said({"message": "x", "nextAccessTime": "tomorrow"}).code == "vendor_quota"
    assert said({"message": "x"}).code == "vendor_quota"


async def test_refusals_are_named_and_no_key_is_told(sandbox: RunningSandbox) -> None:
    # S1.09
    port = at(sandbox.url, "wrong-key-98765")
    with pytest.raises(VendorRefused, match="SAM_API_KEY") as refused:
        await port.ask([asked()], key="k")
    await port.close()
    assert refused.value.code == "vendor_auth"
    assert "98765" not in repr(refused.value) + str(refused.value.members)
    with pytest.raises(VendorRefused, match="1 year") as misfit:
        await (good := at(sandbox.url)).ask([asked(since="2024-01-01")], key="k")
    await good.close()
    assert misfit.value.code == "vendor_rejected_request"
    assert said({"message": "An invalid api_key was supplied"}, 400).code == "vendor_auth"


async def test_an_answer_of_another_shape_is_noticed(port: sam.Opportunities, sandbox: RunningSandbox) -> None:
    sandbox.fault("shape", vendor="sam")
    with pytest.raises(BadAnswer, match="totalRecords"):
        await port.ask([asked()], key="k")


def test_without_a_key_it_is_absent_and_says_which_setting() -> None:
    with pytest.raises(VendorRefused, match="SAM_API_KEY") as refused:
        sam.make(Settings(sam_api_key=None))
    assert refused.value.code == "vendor_absent"


def test_the_stand_in_turns_away_what_the_vendor_does(sandbox: RunningSandbox) -> None:
    def text(query: str) -> str:
        with pytest.raises(urllib.error.HTTPError) as error:
            urllib.request.urlopen(f"{sandbox.url}/sam/opportunities/v2/search?api_key={KEY}&{query}")
        return str(json.loads(error.value.read())["message"])

    assert text("limit=10") == "PostedFrom and PostedTo are mandatory"
    assert text("postedFrom=2026-01-01&postedTo=2026-02-01").startswith("Invalid Date Entered")
    assert text("postedFrom=01/01/2026&postedTo=02/01/2026&limit=1001").startswith("Limit valid range is 0-1000")
