"""Stand-ins of the enrichment vendors answer in the documented format (providers.md, 10-13 and 17), asked without our adapters."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.providers.sandbox_fixture import RunningSandbox
from tests.providers.subjects import known_people, mailboxes
from worker.providers.sandbox.hunter import PEOPLE as HUNTER_PEOPLE
from worker.providers.sandbox.hunter import PROFILES as HUNTER_PROFILES
from worker.providers.sandbox.lusha import PEOPLE as LUSHA_PEOPLE

HTTP = httpx.Client(trust_env=False, verify=False)  # only ever asks this machine
HUNTER = {"X-API-KEY": "some-key"}
LUSHA = {"api_key": "some-key"}
NONE = type(None)


def said(answer: httpx.Response, status: int = 200) -> Any:
    assert answer.status_code == status, answer.text
    return answer.json()


def fits(value: Any, form: Any, at: str = "$") -> None:
    """Every member of `form` is in `value`, with its type; a tuple lists the types allowed, a list the form of its items."""
    if isinstance(form, dict):
        assert isinstance(value, dict), at
        assert set(form) <= set(value), f"{at}: {set(form) - set(value)} missing"
        for name, each in form.items():
            fits(value[name], each, f"{at}.{name}")
    elif isinstance(form, list):
        assert isinstance(value, list), at
        assert value, f"{at}: nothing to look at"
        for each in value:
            fits(each, form[0], f"{at}[]")
    else:
        assert isinstance(value, form), f"{at}: {value!r}"


SOURCE = {"domain": str, "uri": str, "extracted_on": str, "last_seen_on": str, "still_on_page": bool}
VERIFICATION = {"date": str, "status": str}


def test_hunter_looks_as_documented(sandbox: RunningSandbox) -> None:  # S2.02
    person, base = known_people("hunter", HUNTER_PEOPLE)[0], f"{sandbox.url}/hunter/v2"
    domain = person.company.domain
    found = said(HTTP.get(f"{base}/domain-search", params={"domain": domain}, headers=HUNTER))
    email = {
        "value": str, "type": str, "confidence": int, "first_name": str, "last_name": str, "position": str, "seniority": str,
        "department": str, "linkedin": (str, NONE), "phone_number": (str, NONE), "verification": VERIFICATION, "sources": [SOURCE],
    }  # fmt: skip
    data = {
        "domain": str, "disposable": bool, "webmail": bool, "accept_all": bool, "pattern": str, "organization": str,
        "emails": [email],
    }  # fmt: skip
    fits(found, {"data": data, "meta": {"results": int, "limit": int, "offset": int, "params": {"domain": str}}})
    names = {"first_name": person.first, "last_name": person.last, "domain": domain}
    finder = said(HTTP.get(f"{base}/email-finder", params=names, headers=HUNTER))["data"]
    fits(finder, {
        "first_name": str, "last_name": str, "email": str, "score": int, "domain": str, "accept_all": bool, "position": str,
        "company": str, "linkedin_url": str, "verification": VERIFICATION, "sources": [SOURCE],
    })  # fmt: skip
    nobody = said(HTTP.get(f"{base}/email-finder", params={**names, "first_name": "Zyz"}, headers=HUNTER))["data"]
    assert nobody["email"] is None
    verdict = said(HTTP.get(f"{base}/email-verifier", params={"email": "zyz@quokka.example"}, headers=HUNTER))["data"]
    fits(verdict, {
        "status": str, "result": str, "score": int, "email": str, "regexp": bool, "gibberish": bool, "disposable": bool,
        "webmail": bool, "mx_records": bool, "smtp_server": bool, "smtp_check": bool, "accept_all": bool, "block": bool,
        "sources": list,
    })  # fmt: skip
    wrong = said(HTTP.get(f"{base}/domain-search", headers=HUNTER), 400)
    fits(wrong, {"errors": [{"id": str, "code": int, "details": str}]})


@pytest.mark.parametrize("vendor", ["hunter", "clearbit"])
def test_profiles_look_as_documented(sandbox: RunningSandbox, vendor: str) -> None:  # S2.02
    person = {
        "id": str, "name": {"fullName": str, "givenName": str, "familyName": str}, "email": str, "location": str,
        "employment": {"domain": str, "name": str, "title": str, "role": str, "seniority": str}, "linkedin": {"handle": str},
    }  # fmt: skip
    company = {
        "id": str, "name": str, "legalName": str, "domain": str,
        "category": {"sector": (str, NONE), "industry": str, "naicsCode": (str, NONE)},
        "metrics": {"employees": int, "employeesRange": str, "estimatedAnnualRevenue": str}, "tech": list,
        "geo": {"city": str, "state": (str, NONE), "country": (str, NONE)}, "linkedin": {"handle": str},
        "tags": list, "description": str, "foundedYear": int, "phone": str,
    }  # fmt: skip
    whole = 0
    for each in known_people(vendor, HUNTER_PROFILES if vendor == "hunter" else 0.4)[:12]:
        base = f"{sandbox.url}/hunter/v2" if vendor == "hunter" else f"{sandbox.url}/clearbit/v2"
        headers = HUNTER if vendor == "hunter" else {"Authorization": "Bearer some-key"}
        for _ in range(2):
            answer = HTTP.get(f"{base}/combined/find", params={"email": each.email}, headers=headers)
            if answer.status_code != 202:
                break
        found = said(answer)["data"] if vendor == "hunter" else said(answer)
        if found["person"] and found["company"]:
            fits(found, {"person": person, "company": company})
            whole += 1
    assert whole


def test_lusha_looks_as_documented(sandbox: RunningSandbox) -> None:  # S2.02
    person, base = known_people("lusha", LUSHA_PEOPLE)[0], f"{sandbox.url}/lusha/v3"
    asked = {
        "contacts": [
            {"clientReferenceId": "lead-17", "firstName": person.first, "lastName": person.last,
             "companyDomain": person.company.domain},
            {"clientReferenceId": "lead-18", "email": "zyz@quokka.example"},
        ],
        "reveal": ["emails", "phones"], "options": {"includePartialProfiles": False},
    }  # fmt: skip
    answer = HTTP.post(f"{base}/contacts/search-and-enrich", json=asked, headers=LUSHA)
    found = said(answer)
    contact = {
        "clientReferenceId": str, "id": str, "firstName": str, "lastName": str, "fullName": str,
        "jobTitle": {"title": str, "departments": [str], "seniority": str},
        "location": {"country": str, "countryIso2": str, "city": str, "isEuContact": bool},
        "emails": [{"email": str, "type": str, "confidence": str, "updateDate": str}], "phones": list,
        "company": {"id": str, "name": str, "domain": str, "industry": str}, "socialLinks": {"linkedin": str},
    }  # fmt: skip
    fits(found, {"requestId": str, "billing": {"creditsCharged": int, "resultsReturned": int}})
    fits(found["results"][0], contact)
    for phone in found["results"][0]["phones"]:
        fits(phone, {"number": str, "type": str, "doNotCall": bool})
    assert found["results"][1]["error"]["code"] == "NOT_FOUND"
    assert {"x-rate-limit-minute", "x-minute-requests-left", "x-daily-requests-left"} <= set(answer.headers)
    refused = said(HTTP.post(f"{base}/contacts/search-and-enrich", json=asked), 401)
    fits(refused, {"statusCode": int, "message": str, "errors": list})


def test_zerobounce_looks_as_documented(sandbox: RunningSandbox) -> None:  # S2.02
    base, email = f"{sandbox.url}/zerobounce", mailboxes("valid")[0]
    record = {
        "address": str, "status": str, "sub_status": str, "account": str, "domain": str, "did_you_mean": (str, NONE),
        "domain_age_days": str, "active_in_days": (str, NONE), "free_email": bool, "mx_found": str, "mx_record": str,
        "smtp_provider": str, "firstname": (str, NONE), "lastname": (str, NONE), "gender": NONE, "country": NONE,
        "region": NONE, "city": NONE, "zipcode": NONE, "processed_at": str,
    }  # fmt: skip
    one = said(HTTP.get(f"{base}/v2/validate", params={"api_key": "k", "email": email, "ip_address": ""}))
    fits(one, record)
    batch = {"api_key": "k", "email_batch": [{"email_address": email, "ip_address": None}], "timeout": "60"}
    fits(said(HTTP.post(f"{base}/bulk/v2/validatebatch", json=batch)), {"email_batch": [record], "errors": list})
    refused = said(HTTP.post(f"{base}/bulk/v2/validatebatch", json={**batch, "api_key": ""}))
    assert [each["email_address"] for each in refused["errors"]] == ["all"]
    assert set(said(HTTP.get(f"{base}/v2/validate", params={"email": email}))) == {"error"}
    assert said(HTTP.get(f"{base}/v2/getcredits", params={"api_key": "x-wrong"})) == {"Credits": "-1"}
    assert HTTP.post(f"{base}/bulk/v2/validatebatch", json={**batch, "timeout": 60}).status_code == 400


def test_a_completion_looks_as_documented(sandbox: RunningSandbox) -> None:  # S2.02
    base, headers = f"{sandbox.url}/openai/v1", {"Authorization": "Bearer some-key"}
    asked = {"model": "m", "messages": [{"role": "user", "content": "hello"}], "max_completion_tokens": 800}
    usage = {"prompt_tokens": int, "completion_tokens": int, "total_tokens": int, "prompt_tokens_details": dict}
    choice = {"index": int, "finish_reason": str, "message": {"role": str, "content": str, "refusal": NONE}}
    found = said(HTTP.post(f"{base}/chat/completions", json=asked, headers=headers))
    fits(found, {"id": str, "model": str, "choices": [choice], "usage": usage})
    refused = said(HTTP.post(f"{base}/chat/completions", json=asked), 401)
    fits(refused, {"error": {"message": str, "type": str, "param": (str, NONE), "code": str}})
    fits(said(HTTP.get(f"{base}/models", headers=headers)), {"data": [{"id": str}]})


def test_read_pages_look_as_documented(sandbox: RunningSandbox) -> None:  # S2.02
    url = f"https://{known_people('hunter', HUNTER_PEOPLE)[0].company.domain}/about"
    headers = {"Authorization": "Bearer tvly-some-key"}
    asked = {"urls": [url, "https://quokka.example/"], "include_usage": True}
    found = said(HTTP.post(f"{sandbox.url}/extract", json=asked, headers=headers))
    fits(
        found,
        {"results": [{"url": str, "raw_content": str, "images": list}], "failed_results": [{"url": str, "error": str}]},
    )
    assert found["usage"] == {"credits": 1}
    fits(said(HTTP.post(f"{sandbox.url}/extract", json=asked), 401), {"detail": {"error": str}})
