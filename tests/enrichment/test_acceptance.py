"""When an answer is good enough to stop asking: each rule alone, on both sides of its edge."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from contracts.enrichment import WATERFALLS, Waterfall
from contracts.findings import CompanyProfile, EmailVerdict, FoundPeople, FoundPerson, WebHits
from worker.enrichment import acceptance
from worker.enrichment.questions import Row, rule

PROFILE: dict[str, Any] = {"domain": "example.sg", "industry": "workwear", "confidence": 0.8}
PERSON: dict[str, Any] = {"name": "Mei Tan", "email": "mei.tan@example.sg", "email_verified": True}
GUESS: dict[str, Any] = {"email": "mei.tan@example.sg", "email_verified": None}


@pytest.mark.parametrize(
    ("said", "domain", "reason"),
    [
        ({}, "example.sg", None),
        ({"domain": "example.com"}, "example.sg", "another company's domain"),
        ({"domain": "shop.example.sg"}, "example.sg", "another company's domain"),
        ({"domain": "www.example.sg"}, "example.sg", None),
        ({"domain": "example.sg"}, "WWW.Example.SG.", None),
        ({"domain": None}, "example.sg", None),
        ({"domain": "example.com"}, None, None),
        ({"confidence": 0.5}, "example.sg", None),
        ({"confidence": 0.49}, "example.sg", "not sure enough"),
        ({"industry": None}, "example.sg", "neither industry nor size"),
        ({"industry": None, "employees": 0}, "example.sg", None),
        ({"industry": None, "employees_min": 11}, "example.sg", None),
        ({"industry": None, "employees_max": 50}, "example.sg", "neither industry nor size"),
        ({"industry": None, "description": "We make it."}, "example.sg", "neither industry nor size"),
    ],
)
def test_a_profile(said: dict[str, Any], domain: str | None, reason: str | None) -> None:
    # S3.04
    ruling = acceptance.company(CompanyProfile(**{**PROFILE, **said}), domain=domain)
    assert (ruling.accepted, ruling.reason) == (reason is None, reason)


@pytest.mark.parametrize(
    ("people", "reason"),
    [
        ([], "nobody with a name"),
        ([{"email": "info@example.sg"}], "nobody with a name"),
        ([{"first_name": "Mei"}], "nobody with a name"),
        ([{"last_name": "Tan"}], "nobody with a name"),
        ([{"first_name": "Mei", "last_name": "Tan"}], None),
        ([{"email": "info@example.sg"}, {"name": "Mei Tan"}], None),
    ],
)
def test_people(people: list[dict[str, Any]], reason: str | None) -> None:
    # S3.05
    ruling = acceptance.people(FoundPeople(people=tuple(FoundPerson(**each) for each in people)))
    assert (ruling.accepted, ruling.reason) == (reason is None, reason)


@pytest.mark.parametrize(
    ("said", "domain", "reason"),
    [
        (PERSON, "example.sg", None),
        ({"email": None}, "example.sg", "no address"),
        (PERSON | {"email": "mei.tan@sg.example.sg"}, "example.sg", None),
        (PERSON | {"email": "mei.tan@example.sg"}, "www.Example.sg", None),
        (PERSON | {"email": "mei.tan@gmail.com"}, "example.sg", "an address elsewhere"),
        (PERSON | {"email": "mei.tan@notexample.sg"}, "example.sg", "an address elsewhere"),
        (PERSON | {"email": "mei.tan@example.sg.evil.com"}, "example.sg", "an address elsewhere"),
        (PERSON | {"email": "mei.tan@gmail.com"}, None, None),
        (PERSON | {"email_verified": False, "email_confidence": 1.0}, "example.sg", "known not to work"),
        (PERSON | {"email_verified": True, "email_confidence": 0.0}, "example.sg", None),
        (GUESS, "example.sg", "a guess"),
        (GUESS | {"email_confidence": 0.69}, "example.sg", "a guess"),
        (GUESS | {"email_confidence": 0.7}, "example.sg", None),
        (GUESS | {"confidence": 1.0}, "example.sg", "a guess"),
    ],
)
def test_an_address(said: dict[str, Any], domain: str | None, reason: str | None) -> None:
    # S3.05
    ruling = acceptance.email(FoundPerson(**said), domain=domain)
    assert (ruling.accepted, ruling.reason) == (reason is None, reason)


@pytest.mark.parametrize("standing", ["valid", "risky", "invalid", "suppress", "unknown"])
def test_a_verdict(standing: Any) -> None:
    # S3.05: any clear word ends it, also a bad one
    ruling = acceptance.verification(EmailVerdict(email="mei.tan@example.sg", standing=standing, status=standing))
    assert ruling.accepted == (standing != "unknown")
    assert ruling.reason == ("the verifier does not know" if standing == "unknown" else None)


GOOD: dict[Waterfall, BaseModel] = {
    "company": CompanyProfile(**PROFILE),
    "people": FoundPeople(people=(FoundPerson(**PERSON),)),
    "email": FoundPerson(**PERSON),
    "verification": EmailVerdict(email="mei.tan@example.sg", standing="valid", status="valid"),
}


@pytest.mark.parametrize("field", WATERFALLS)
def test_only_an_answer_of_its_kind_fills_a_field(field: Waterfall) -> None:
    row = Row(company_name="Example", domain="example.sg")
    taken = {name for name, answer in GOOD.items() if rule(field, row, answer).accepted}
    assert taken == {field}
    assert rule(field, row, WebHits()).reason == "an answer of another kind"
    assert rule(field, row, None).reason == "an answer of another kind"


def test_the_domain_asked_for_is_the_rows() -> None:
    elsewhere = Row(company_name="Example", domain="example.com")
    assert rule("company", elsewhere, GOOD["company"]).reason == "another company's domain"
    assert rule("email", elsewhere, GOOD["email"]).reason == "an address elsewhere"
