"""Stand-ins whose answers are compared both ways: every documented member is there, and none that is not documented. Asked without
our adapters. Values are invented; None stands for a member of any type. Sources: providers.md, 8-14; for the register GLEIF's API.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.providers.sandbox_fixture import KEY, RunningSandbox
from tests.providers.subjects import known_companies, known_people
from worker.providers.sandbox.data_gov_sg import DATASETS
from worker.providers.sandbox.hunter import COMPANIES as HUNTER_COMPANIES
from worker.providers.sandbox.hunter import PROFILES as HUNTER_PROFILES
from worker.providers.sandbox.lusha import COMPANIES as LUSHA_COMPANIES
from worker.providers.sandbox.lusha import PEOPLE as LUSHA_PEOPLE
from worker.providers.sandbox.vendors import OFFERS

HTTP = httpx.Client(trust_env=False, verify=False)  # only ever asks this machine
BEARER, LUSHA, HUNTER = {"Authorization": f"Bearer {KEY}"}, {"api_key": KEY}, {"X-API-KEY": KEY}
#: For looking at what a stand-in got: no vendor has these.
OURS = {"/slack/posted", "/pagerduty/incidents", "/hook/received", "/hook"}

ADDRESS = {
    "language": "en", "addressLines": [""], "addressNumber": None, "addressNumberWithinBuilding": None, "mailRouting": None,
    "city": "", "region": None, "country": "ZA", "postalCode": None,
}  # fmt: skip
NOBODY = {"lei": None, "name": None}
LEI_RECORD: dict[str, Any] = {
    "type": "lei-records", "id": "",
    "attributes": {
        "lei": "",
        "entity": {
            "legalName": {"name": "", "language": "en"}, "otherNames": [{"name": "", "language": "en", "type": ""}],
            "transliteratedOtherNames": [], "legalAddress": ADDRESS, "headquartersAddress": ADDRESS,
            "registeredAt": {"id": "", "other": None}, "registeredAs": None, "jurisdiction": "ZA", "category": "GENERAL",
            "legalForm": {"id": "", "other": None}, "associatedEntity": NOBODY, "status": "ACTIVE",
            "expiration": {"date": None, "reason": None}, "successorEntity": NOBODY, "successorEntities": [],
            "creationDate": None, "subCategory": None, "otherAddresses": [], "eventGroups": [],
        },
        "registration": {
            "initialRegistrationDate": "", "lastUpdateDate": "", "status": "ISSUED", "nextRenewalDate": "", "managingLou": "",
            "corroborationLevel": "", "validatedAt": {"id": "", "other": None}, "validatedAs": None,
            "otherValidationAuthorities": [],
        },
        "bic": None, "mic": None, "ocid": None, "spglobal": [], "conformityFlag": None,
    },
    "relationships": None, "links": {"self": ""},
}  # fmt: skip
PAGINATION = {"currentPage": 2, "perPage": 5, "from": 6, "to": 10, "total": 71, "lastPage": 15}
PREVIEW = {
    "id": "", "firstName": "", "lastName": "", "fullName": "", "jobTitle": {"title": "", "departments": [""], "seniority": ""},
    "location": {"country": "", "countryIso2": "", "city": "", "isEuContact": False},
    "company": {"id": "", "name": "", "domain": "", "industry": ""}, "socialLinks": {"linkedin": ""},
}  # fmt: skip
BILLING = {"creditsCharged": 1, "resultsReturned": 1}
LUSHA_COMPANY = {
    "clientReferenceId": "", "id": "", "name": "", "domain": "", "description": "",
    "employeeCount": {"exact": 1, "min": 1, "max": 1}, "industry": "", "subIndustry": None, "naicsCodes": [""],
    "location": None, "revenue": None, "funding": None, "technologies": [], "socialLinks": {"linkedin": ""},
}  # fmt: skip
HIT = {"title": "", "url": "", "content": "", "score": 0.83, "raw_content": None}
WEB_SEARCH = {
    "query": "", "answer": None, "images": [], "response_time": 1.2, "request_id": "", "results": [HIT], "usage": {"credits": 1},
    # Not in the sample, but in the vendor's own answers.
    "follow_up_questions": None,
}  # fmt: skip


def same(sample: Any, given: Any, where: str = "$") -> None:
    """`given` has the members of `sample`, no more and no fewer, of the same types."""
    if sample is None:
        return
    assert type(given) is type(sample), f"{where}: {given!r} for {sample!r}"
    if isinstance(sample, dict):
        assert set(given) == set(sample), f"{where}: {set(given) ^ set(sample)}"
        for name, value in sample.items():
            same(value, given[name], f"{where}.{name}")
    elif isinstance(sample, list) and sample:
        assert given, f"{where} is empty"
        for each in given:
            same(sample[0], each, f"{where}[]")


def said(answer: httpx.Response, status: int = 200) -> Any:
    assert answer.status_code == status, answer.text
    return answer.json()


def test_the_register_looks_as_gleif_documents_it(sandbox: RunningSandbox) -> None:  # S2.02
    params = {"filter[fulltext]": "workwear", "filter[entity.legalAddress.country]": "ZA", "page[size]": "5"}
    answer = HTTP.get(f"{sandbox.url}/api/v1/lei-records", params={**params, "page[number]": "2"})
    assert answer.headers["content-type"] == "application/vnd.api+json"
    meta = {"goldenCopy": {"publishDate": ""}, "pagination": PAGINATION}
    links = {"first": "", "last": "", "prev": "", "next": ""}
    same({"meta": meta, "links": links, "data": [LEI_RECORD]}, said(answer))
    for record in answer.json()["data"]:
        assert re.fullmatch("[A-Z0-9]{20}", record["id"])
        assert record["id"] == record["attributes"]["lei"]
    beyond = said(HTTP.get(f"{sandbox.url}/api/v1/lei-records", params={**params, "page[number]": "900"}))
    assert beyond["data"] == []
    refused = said(HTTP.get(f"{sandbox.url}/api/v1/lei-records", params={"filter[x]": "y"}), 400)
    same({"errors": [{"status": "400", "title": "", "detail": ""}]}, refused)


def test_web_search_looks_as_tavily_documents_it(sandbox: RunningSandbox) -> None:  # S2.02
    asked = {"query": "workwear suppliers Johannesburg", "max_results": 8, "include_usage": True}
    found = said(HTTP.post(f"{sandbox.url}/search", json=asked, headers=BEARER))
    same(WEB_SEARCH, found)
    assert [hit["score"] for hit in found["results"]] == sorted(
        (hit["score"] for hit in found["results"]), reverse=True
    )
    assert found["query"] == asked["query"]
    del asked["include_usage"]
    plain = said(HTTP.post(f"{sandbox.url}/search", json=asked, headers=BEARER))
    assert set(WEB_SEARCH) - set(plain) == {"usage"}, "credits are told to who asks for them"
    empty = said(HTTP.post(f"{sandbox.url}/search", json={"query": "zyzzyva quokka"}, headers=BEARER))
    assert empty["results"] == []
    same({"detail": {"error": ""}}, said(HTTP.post(f"{sandbox.url}/search", json=asked), 401))
    used = said(HTTP.get(f"{sandbox.url}/usage", headers=BEARER))
    assert {"key", "account"} <= set(used)


def test_lushas_other_answers_look_as_documented(sandbox: RunningSandbox) -> None:  # S2.02
    base, person = f"{sandbox.url}/lusha/v3", known_people("lusha", LUSHA_PEOPLE)[0]
    filters = {"companies": {"include": {"domains": [person.company.domain]}}}
    asked = {"pagination": {"page": 0, "size": 25}, "filters": filters, "options": {"excludeDnc": True}}
    found = said(HTTP.post(f"{base}/contacts/prospecting", json=asked, headers=LUSHA))
    sample = {
        "requestId": "",
        "results": [PREVIEW],
        "pagination": {"page": 0, "size": 25, "total": 1},
        "billing": BILLING,
    }
    same(sample, found)
    ids = [found["results"][0]["id"]]
    revealed = said(HTTP.post(f"{base}/contacts/enrich", json={"ids": ids, "reveal": ["emails"]}, headers=LUSHA))
    mail = {"email": "", "type": "work", "confidence": "A+", "updateDate": ""}
    same({"requestId": "", "results": [{**PREVIEW, "emails": [mail], "phones": []}], "billing": BILLING}, revealed)
    company = known_companies("lusha", LUSHA_COMPANIES)[0]
    companies = {"companies": [{"clientReferenceId": "lead-17", "domain": company.domain}]}
    firms = said(HTTP.post(f"{base}/companies/search-and-enrich", json=companies, headers=LUSHA))
    same({"requestId": "", "results": [LUSHA_COMPANY], "billing": BILLING}, firms)
    window = {"limit": 1, "used": 0, "remaining": 1, "resetsAt": ""}
    usage = said(HTTP.get(f"{base}/account/usage", headers=LUSHA))
    same({"daily": window, "hourly": window, "minute": window}, usage["rateLimits"])
    small = HTTP.post(f"{base}/contacts/prospecting", json=asked, headers={"api_key": f"{KEY}-small"})
    same({"statusCode": 403, "message": "", "errors": []}, said(small, 403))


def test_hunters_profiles_have_the_members_of_their_halves(sandbox: RunningSandbox) -> None:  # S2.02
    base, email = f"{sandbox.url}/hunter/v2", known_people("hunter", HUNTER_PROFILES)[0].email
    domain = known_companies("hunter", HUNTER_COMPANIES)[0].domain
    both = said(HTTP.get(f"{base}/combined/find", params={"email": email}, headers=HUNTER))["data"]
    person = said(HTTP.get(f"{base}/people/find", params={"email": email}, headers=HUNTER))["data"]
    company = said(HTTP.get(f"{base}/companies/find", params={"domain": domain}, headers=HUNTER))["data"]
    assert set(person) == set(both["person"])
    assert both["company"] is None or set(company) == set(both["company"])
    assert {"name", "legalName", "domain", "category", "geo", "metrics", "tech", "linkedin"} <= set(company)
    for path, params in (("people", {"email": "zyz@quokka.example"}), ("companies", {"domain": "quokka.example"})):
        unknown = said(HTTP.get(f"{base}/{path}/find", params=params, headers=HUNTER), 404)
        same({"errors": [{"id": "", "code": 404, "details": ""}]}, unknown)


def test_a_page_and_an_envelope_of_the_register_in_singapore_have_no_members_of_ours(sandbox: RunningSandbox) -> None:
    # S3.18
    at = f"{sandbox.url}/data_gov_sg/api/action/datastore_search?resource_id={DATASETS['Z']}&limit=2"
    page = said(HTTP.get(at))
    assert set(page) == {"help", "success", "result"}
    assert set(page["result"]) == {"resource_id", "total", "limit", "fields", "_links", "records"}
    begun = HTTP.get(f"{sandbox.url}/data_gov_sg/open/v1/public/api/datasets/{DATASETS['Z']}/initiate-download")
    assert set(begun.json()) == {"code", "data", "errMsg"}


def test_an_event_at_sentry_is_answered_with_its_id(sandbox: RunningSandbox) -> None:  # S0.19
    lines = b'{"event_id": "f00d", "sent_at": "2026-11-21T03:00:00Z"}\n{"type": "event"}\n{"message": "x"}\n'
    at, auth = f"{sandbox.url}/api/42/envelope/", {"X-Sentry-Auth": "Sentry sentry_version=7, sentry_key=k"}
    assert said(HTTP.post(at, content=lines, headers=auth)) == {"id": "f00d"}
    same({"detail": ""}, said(HTTP.post(at, content=b"no envelope", headers=auth), 400))
    same({"detail": ""}, said(HTTP.post(at, content=lines), 403))


@pytest.mark.parametrize("path", sorted({offer.path for offer in OFFERS} - OURS))
def test_the_answer_of_each_offer_is_compared_with_its_documents(path: str) -> None:
    words = [part for part in path.split("/") if part and not part.startswith("{")]
    here = "".join(each.read_text(encoding="utf-8") for each in Path(__file__).parent.glob("*.py"))
    asked = here + Path(__file__).parents[1].joinpath("providers", "test_sam.py").read_text(encoding="utf-8")
    assert words[-1] in asked, f"nobody compares what stands at {path}"
