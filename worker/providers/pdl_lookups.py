"""PDL's look-ups: a person (`POST /person/bulk`, up to 100, told apart by `metadata`) and a company (`GET /company/enrich`).

A match costs a credit, no match none. One person is asked for in bulk as well: the body keeps people out of addresses and logs.
A match below `MIN_LIKELIHOOD` of 10 is somebody else too often, and would have to be paid.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel

from contracts.errors import BadAnswer
from contracts.findings import CompanyProfile, CompanyQuery, FoundPerson, PersonQuery
from contracts.providers import Operation, OperationSpec, Pace, Reply, Terms, Window
from contracts.settings import Settings
from worker.providers import lenient
from worker.providers.answers import Json, shaped
from worker.providers.batches import in_order
from worker.providers.http import Heard
from worker.providers.operation import LookUp, OneByOne, found, invalid, miss, patience
from worker.providers.pdl import CONFIDENCE, RULES, client, spent
from worker.providers.pdl_shape import PdlCompany, PdlPerson, titled
from worker.providers.places import country_called, country_names
from worker.providers.rules import Kind, Said, refusal

MIN_LIKELIHOOD = 6
PACE = Pace("pdl.enrich", (Window(80, 60),))
PERSON = OperationSpec(
    vendor="pdl",
    operation="person",
    answer=FoundPerson,
    terms=Terms.LICENSED,
    pace=PACE,
    batch=100,
    unit_price_usd=0.28,
)
COMPANY = OperationSpec(
    vendor="pdl", operation="company", answer=CompanyProfile, terms=Terms.LICENSED, pace=PACE, unit_price_usd=0.1
)
#: What one status of a batch means for the whole of it, when no item was served.
_ALL: dict[int, Kind] = {401: "auth", 402: "quota", 429: "rate"}


class _Item(BaseModel):
    status: int
    likelihood: Any = None
    data: Json | None = None
    metadata: Json


class _Items(BaseModel):
    items: list[_Item]


class PdlPeople(LookUp[PersonQuery, FoundPerson]):
    """Who somebody is, by LinkedIn URL, address, PDL's id, or name and company."""

    async def ask(self, queries: Sequence[PersonQuery], *, key: str) -> list[Reply[FoundPerson]]:  # noqa: ARG002
        return await in_order(queries, _person_asked, self._bulk)

    async def _bulk(self, asked: list[Json]) -> list[Reply[FoundPerson]]:
        requests = [{"metadata": {"ref": str(n)}, "params": params} for n, params in enumerate(asked)]
        heard = await self._http.ask("POST", "/person/bulk", json={"requests": requests})
        if heard.kind == "miss":
            return [miss() for _ in asked]
        answer = shaped(_Items, {"items": heard.json}, RULES.vendor)
        by_ref = {item.metadata.get("ref"): item for item in answer.items}
        _none_served(answer.items)
        price = _price(heard, answer.items)
        return [_person_reply(by_ref.get(str(n)), price) for n in range(len(asked))]


class PdlCompanies(OneByOne[CompanyQuery, CompanyProfile]):
    """What a company is, by domain, LinkedIn URL, PDL's id, or name."""

    async def one(self, query: CompanyQuery, *, key: str) -> Reply[CompanyProfile]:  # noqa: ARG002 - PDL knows no keys
        params = _company_asked(query)
        if not params:
            return invalid("pdl wants a domain, a LinkedIn URL, its own id, or a name")
        heard = await self._http.ask("GET", "/company/enrich", params=params)
        if heard.kind == "miss":
            return miss()
        raw = lenient.members(heard.json)
        each = PdlCompany.model_validate(raw)
        if not each.id:
            raise BadAnswer("pdl answered a company without an id: its API may have changed", vendor="pdl")
        return found(_profile(each, raw), units=spent(heard, 1), ref=each.id, raw=raw)


def make(settings: Settings) -> list[Operation[Any, Any]]:
    """PDL's look-ups. Raises VendorRefused (`vendor_absent`) without PDL_API_KEY."""
    return [
        PdlPeople(PERSON, client(settings, patience(settings, PERSON))),
        PdlCompanies(COMPANY, client(settings, patience(settings, COMPANY))),
    ]


def _person_asked(query: PersonQuery) -> Json | str:
    name = query.name or " ".join(filter(None, (query.first_name, query.last_name)))
    asked = {
        "pdl_id": query.vendor_id,
        "profile": query.linkedin_url,
        "email": query.email,
        "name": name,
        "company": query.company_domain or query.company_name,
    }
    if not (asked["pdl_id"] or asked["profile"] or asked["email"] or (name and asked["company"])):
        return "pdl wants its own id, a LinkedIn URL, an e-mail address, or a name with its company"
    return {**{name: value for name, value in asked.items() if value}, "min_likelihood": MIN_LIKELIHOOD}


def _company_asked(query: CompanyQuery) -> dict[str, str]:
    land = country_names().get(query.country or "")
    asked = {"website": query.domain, "profile": query.linkedin_url, "pdl_id": query.vendor_id, "name": query.name}
    params = {name: value for name, value in asked.items() if value}
    if params and query.name and land:
        params["country"] = land.lower()
    return params


def _none_served(items: list[_Item]) -> None:
    """A batch of which every item was refused for one reason is refused for it. Raises VendorRefused or VendorBusy."""
    statuses = {item.status for item in items}
    if len(statuses) == 1 and (kind := _ALL.get(next(iter(statuses)))) is not None:
        raise refusal(RULES, kind, Said(next(iter(statuses)), {}, b""), str)


def _price(heard: Heard, items: list[_Item]) -> float:
    served = sum(1 for item in items if item.status == 200)
    return spent(heard, served) / served if served else 0.0


def _person_reply(item: _Item | None, price: float) -> Reply[FoundPerson]:
    if item is None:
        # It may have been paid for.
        return invalid("pdl gave no answer to this item", units=1.0, estimated=True)
    if item.status == 404:
        return miss()
    if item.status != 200 or not item.data:
        return invalid(f"pdl turned this item down with {item.status}")
    each = PdlPerson.model_validate(item.data)
    likelihood = lenient.number(item.likelihood) or MIN_LIKELIHOOD
    return found(_person(each, min(likelihood / 10, 1.0)), units=price, ref=each.id, raw=item.data)


def _person(each: PdlPerson, confidence: float) -> FoundPerson:
    number = each.mobile_phone or next(iter(each.phone_numbers), None)
    number = number if number and re.fullmatch(r"\+?[\d ().-]{6,39}", number) else None
    return FoundPerson(
        name=titled(each.full_name),
        first_name=titled(each.first_name),
        last_name=titled(each.last_name),
        title=titled(each.job_title),
        seniority=next(iter(each.job_title_levels), None),
        departments=(each.job_title_role,) if each.job_title_role else (),
        email=each.email,
        email_confidence=0.7 * confidence if each.email else None,
        phone=number,
        phone_type=None if number is None else "mobile" if each.mobile_phone else "unknown",
        linkedin_url=each.linkedin_url,
        country=country_called(each.location_country),
        city=titled(each.location_locality),
        company_name=titled(each.job_company_name),
        company_domain=each.company_domain,
        vendor_id=each.id and each.id[:200],
        confidence=confidence,
    )


def _profile(each: PdlCompany, raw: Json) -> CompanyProfile:
    least, most = _range(each.size)
    likelihood = lenient.number(raw.get("likelihood"))
    founded = each.founded
    return CompanyProfile(
        name=each.shown_name,
        domain=each.domain,
        description=lenient.words(each.summary, 4000),
        industry=each.industry,
        naics=_codes(each.naics),
        employees=each.employee_count if (each.employee_count or 0) <= 50_000_000 else None,
        employees_min=least,
        employees_max=most,
        founded=founded if founded and 1000 <= founded <= 2200 else None,
        country=each.country,
        city=each.city,
        linkedin_url=each.linkedin_url,
        vendor_id=each.id and each.id[:200],
        confidence=min(max(likelihood / 10, 0.0), 1.0) if likelihood is not None else CONFIDENCE,
    )


def _range(size: str | None) -> tuple[int | None, int | None]:
    """ "201-500" -> (201, 500); "10001+" -> (10001, None)."""
    bounds = re.fullmatch(r"(\d{1,7})(?:-(\d{1,7})|\+)", size or "")
    return (int(bounds[1]), int(bounds[2]) if bounds[2] else None) if bounds else (None, None)


def _codes(value: Any) -> tuple[str, ...]:
    """NAICS codes, written as texts or as objects with a code each."""
    given = [each.get("naics_code") if isinstance(each, dict) else each for each in lenient.listed(value)]
    return tuple(
        dict.fromkeys(code for each in given if (code := lenient.words(each)) and re.fullmatch(r"\d{2,6}", code))
    )[:20]
