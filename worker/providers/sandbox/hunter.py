"""Hunter's wire format: `/hunter/v2`, key in X-API-KEY. 403 is "too fast", 429 "no credits left", 451 "do not process"."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from worker.providers.sandbox.answer import Answer, json_answer
from worker.providers.sandbox.people import Person, company_at, mailbox, people_of, person_by_email
from worker.providers.sandbox.profiles import company_profile, known_people, knows, person_profile
from worker.providers.sandbox.vendor import Asked, Offer

#: Shares of the world's people and companies that it knows.
PEOPLE, PROFILES, COMPANIES = 0.6, 0.5, 0.75
#: Share of verdicts that are not there at the first time of asking.
SLOW_VERDICTS = 0.05
FREE_RESULTS = 10
#: A key with this ending is on the free plan.
FREE_PLAN = "-free"
_SENIORITY = {
    "owner": "executive",
    "head": "executive",
    "director": "executive",
    "manager": "senior",
    "senior": "senior",
}
_STATUS = {
    "valid": "valid", "invalid": "invalid", "catch_all": "accept_all", "unknown": "unknown", "disposable": "disposable",
    "spamtrap": "invalid", "abuse": "valid", "role": "valid",
}  # fmt: skip
_SCORE = {"valid": 96, "accept_all": 55, "unknown": 40, "disposable": 20, "invalid": 4}


def _error(status: int, name: str, details: str) -> Answer:
    return json_answer(status, {"errors": [{"id": name, "code": status, "details": details}]})


def _answer(data: Any, credits: float, **meta: Any) -> Answer:
    return json_answer(200, {"data": data, "meta": meta}, credits=credits)


def _keyed(handler: Callable[[Asked], Answer]) -> Callable[[Asked], Answer]:
    def checked(asked: Asked) -> Answer:
        if not key_of(asked.headers):
            return _error(401, "authentication_failed", "No user found for the API key supplied")
        return handler(asked)

    return checked


def key_of(headers: Mapping[str, str]) -> str:
    """The key of a request, "" without one. Keys that end in "-wrong" belong to nobody."""
    key = headers.get("x-api-key", "")
    return "" if key.endswith("-wrong") else key


def _number(asked: Asked, name: str, default: int) -> int | None:
    text = asked.first(name) or str(default)
    return int(text) if text.isdigit() else None


def domain_search(asked: Asked) -> Answer:
    limit, offset = _number(asked, "limit", 10), _number(asked, "offset", 0)
    domain = asked.first("domain") or ""
    if not domain or limit is None or offset is None or not 1 <= limit <= 100:
        return _error(400, "wrong_params", "You are missing the domain parameter, or limit is not between 1 and 100")
    if key_of(asked.headers).endswith(FREE_PLAN) and offset + limit > FREE_RESULTS:
        return _error(400, "pagination_error", "Your plan is limited to 10 email addresses")
    company = company_at(asked.world, domain)
    staff = known_people(asked.world, "hunter", company, PEOPLE) if company else []
    shown = staff[offset : offset + limit]
    data = {
        "domain": domain,
        "disposable": False,
        "webmail": False,
        "accept_all": bool(company) and mailbox(asked.world, f"nobody-here@{domain}") == "catch_all",
        "pattern": _pattern(staff),
        "organization": company.brand if company else None,
        "emails": [_email(asked, each) for each in shown],
    }
    return _answer(data, len(shown), results=len(staff), limit=limit, offset=offset, params={"domain": domain})


def email_finder(asked: Asked) -> Answer:
    person, named = _meant(asked)
    if not named:
        return _error(400, "wrong_params", "You are missing the domain or company, or the name")
    if person is not None and person.objected:
        return _claimed()
    known = person is not None and knows(asked.world, "hunter", person.id, PEOPLE)
    first, last = (person.first, person.last) if person else (asked.first("first_name"), asked.first("last_name"))
    data: dict[str, Any] = {"first_name": first, "last_name": last, "email": None, "score": None, "sources": []}
    if person is not None and known:
        at = person.company
        data |= {
            "email": person.email,
            "score": 88 + int(asked.world.luck("finder", person.id) * 12),
            "domain": at.domain,
            "accept_all": mailbox(asked.world, person.email) == "catch_all",
            "position": person.title,
            "company": at.brand,
            "linkedin_url": person.linkedin,
            "verification": _verification(asked, person.email),
            "sources": _sources(person),
        }
    return _answer(data, 1.0 if known else 0.0, params={"domain": asked.first("domain")})


def email_verifier(asked: Asked) -> Answer:
    email = (asked.first("email") or "").casefold()
    if "@" not in email:
        return _error(400, "wrong_params", "You are missing the email parameter")
    owner = person_by_email(asked.world, email)
    if owner is not None and owner.objected:
        return _claimed()
    waited = asked.state.setdefault("verdicts", set())
    if asked.world.luck("hunter-slow", email) < SLOW_VERDICTS and email not in waited:
        waited.add(email)
        return json_answer(
            202, {"data": {"message": "The verification is still in progress. Try again in a few seconds."}}
        )
    state = mailbox(asked.world, email)
    status = _STATUS[state]
    data = {
        "status": status,
        "result": {"valid": "deliverable", "invalid": "undeliverable"}.get(status, "risky"),
        "score": _SCORE[status],
        "email": email,
        "regexp": True,
        "gibberish": False,
        "disposable": state == "disposable",
        "webmail": False,
        "mx_records": status != "invalid",
        "smtp_server": status != "invalid",
        "smtp_check": status == "valid",
        "accept_all": status == "accept_all",
        "block": False,
        "sources": [],
    }
    return _answer(data, 0.5, params={"email": email})


def people_find(asked: Asked) -> Answer:
    person = _owner(asked)
    if person is not None and person.objected:
        return _claimed()
    if person is None or not knows(asked.world, "hunter", person.id, PROFILES):
        return _nobody()
    return _answer(person_profile(person), 1.0, email=person.email)


def companies_find(asked: Asked) -> Answer:
    company = company_at(asked.world, asked.first("domain") or "")
    if company is None or not knows(asked.world, "hunter", company.lei, COMPANIES):
        return _nobody()
    return _answer(company_profile(asked.world, company), 1.0, domain=company.domain)


def combined_find(asked: Asked) -> Answer:
    person = _owner(asked)
    if person is not None and person.objected:
        return _claimed()
    company = company_at(asked.world, (asked.first("email") or "").rpartition("@")[2])
    who = person_profile(person) if person and knows(asked.world, "hunter", person.id, PROFILES) else None
    where = (
        company_profile(asked.world, company)
        if company and knows(asked.world, "hunter", company.lei, COMPANIES)
        else None
    )
    if who is None and where is None:
        return _nobody()
    return _answer({"person": who, "company": where}, 1.0, email=asked.first("email"))


def _meant(asked: Asked) -> tuple[Person | None, bool]:
    """Whom the finder is asked for, and whether it was told enough."""
    handle = asked.first("linkedin_handle")
    if handle:
        staff = [p for c in asked.world.companies(None) for p in people_of(asked.world, c)]
        return next((p for p in staff if p.linkedin.endswith(f"/{handle}")), None), True
    names = [asked.first("full_name"), " ".join(filter(None, (asked.first("first_name"), asked.first("last_name"))))]
    name, domain = next((each for each in names if each), None), asked.first("domain")
    if not name or not (domain or asked.first("company")):
        return None, False
    company = company_at(asked.world, domain or "")
    staff = people_of(asked.world, company) if company else []
    return next((p for p in staff if p.name.casefold() == name.casefold()), None), True


def _owner(asked: Asked) -> Person | None:
    return person_by_email(asked.world, asked.first("email") or "")


def _email(asked: Asked, person: Person) -> dict[str, Any]:
    return {
        "value": person.email,
        "type": "personal",
        "confidence": 70 + int(asked.world.luck("confidence", person.id) * 30),
        "first_name": person.first,
        "last_name": person.last,
        "position": person.title,
        "seniority": _SENIORITY.get(person.seniority, "junior"),
        "department": person.department,
        "linkedin": person.linkedin,
        "phone_number": None,
        "verification": _verification(asked, person.email),
        "sources": _sources(person),
    }


def _verification(asked: Asked, email: str) -> dict[str, Any]:
    return {"date": "2026-10-01", "status": _STATUS[mailbox(asked.world, email)]}


def _sources(person: Person) -> list[dict[str, Any]]:
    domain = person.company.domain
    return [
        {
            "domain": domain,
            "uri": f"https://{domain}/team",
            "extracted_on": "2026-02-01",
            "last_seen_on": "2026-09-01",
            "still_on_page": True,
        }
    ]


def _pattern(staff: list[Person]) -> str | None:
    if not staff:
        return None
    return "{first}.{last}" if "." in staff[0].email.partition("@")[0] else "{f}{last}"


def _claimed() -> Answer:
    return _error(451, "claimed_email", "The person owning this email asked us not to process it")


def _nobody() -> Answer:
    return _error(404, "not_found", "No record was found")


def throttled(_asked: Asked, _wait_s: float) -> Answer:
    return _error(403, "rate_limit_exceeded", "You have reached the limit of requests per second")


def exhausted(_asked: Asked) -> Answer:
    return _error(429, "usage_limit_exceeded", "You have used up the credits of your billing period")


def _offer(operation: str, path: str, handler: Callable[[Asked], Answer], *, repeats_free: bool = False) -> Offer:
    return Offer(
        "hunter",
        operation,
        "GET",
        f"/hunter/v2/{path}",
        _keyed(handler),
        throttled,
        exhausted,
        repeats_free=repeats_free,
    )


OFFERS = (
    _offer("domain_search", "domain-search", domain_search, repeats_free=True),
    _offer("find", "email-finder", email_finder, repeats_free=True),
    _offer("verify", "email-verifier", email_verifier, repeats_free=True),
    _offer("person", "people/find", people_find),
    _offer("company", "companies/find", companies_find),
    _offer("combined", "combined/find", combined_find),
)
