"""Who sits the exam of `test_exam.py`: every look-up of every vendor, described and not programmed.

To add a look-up, add a `Subject` to `SUBJECTS`; what its members mean stands in `exam.py`.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from functools import cache, partial
from typing import Any

from contracts.errors import VendorRefused
from contracts.findings import (
    CompanyQuery,
    EmailQuery,
    OpportunityQuery,
    PageUrl,
    PeopleAt,
    PersonQuery,
    Prompt,
    RegisterCatalogQuery,
    RegisterFileQuery,
    RegisterQuery,
    WebQuery,
)
from contracts.providers import Operation
from contracts.settings import Settings
from tests.providers.exam import Queries, Subject
from tests.providers.outgoing_subjects import OUTGOING
from worker.providers import (
    acra,
    apollo_lookups,
    brightdata,
    clearbit,
    companies_house,
    hunter,
    linkedin_profile,
    llm,
    lusha,
    pdl_lookups,
    sam,
    tavily_web,
    zerobounce,
)
from worker.providers.sandbox.brightdata import SLOW
from worker.providers.sandbox.clearbit import QUEUED
from worker.providers.sandbox.companies_house import number_of
from worker.providers.sandbox.data_gov_sg import DATASETS
from worker.providers.sandbox.people import Person, mailbox, people_of
from worker.providers.sandbox.profiles import knows
from worker.providers.sandbox.world import Company, World


@cache
def world() -> World:
    """The sandbox's world."""
    return World(7)


@cache
def clothiers() -> tuple[Company, ...]:
    """Companies of the world worth asking for."""
    return tuple(company for company in world().companies("ZA") if company.trades)


@cache
def people() -> tuple[Person, ...]:
    """Their people, without those who objected."""
    return tuple(p for company in clothiers() for p in people_of(world(), company) if not p.objected)


def known_people(vendor: str, share: float) -> list[Person]:
    """People whom `vendor` knows, at most one a company."""
    known = [p for p in people() if knows(world(), vendor, p.id, share)]
    return list({p.company.lei: p for p in reversed(known)}.values())


def known_companies(vendor: str, share: float) -> list[Company]:
    return [c for c in clothiers() if knows(world(), vendor, c.lei, share)]


def named(person: Person) -> PersonQuery:
    """A person by name and company."""
    return PersonQuery(
        first_name=person.first, last_name=person.last, name=person.name, company_domain=person.company.domain
    )


@cache
def mailboxes(state: str) -> list[str]:
    """Addresses of the world whose mailbox is in `state`."""
    return [p.email for p in people() if mailbox(world(), p.email) == state]


NOBODY = PersonQuery(first_name="Zyz", last_name="Quokka", name="Zyz Quokka", company_domain="quokka.example")
_HUNTER = {"403": "vendor_busy", "429": "vendor_quota", "451": "suppressed"}


def _hunter_subject(operation: str, hits: Queries, misses: Queries, **more: Any) -> Subject:
    name = f"hunter.{operation}"
    profile = {"404": "miss"} if operation in ("person", "company", "combined") else {}
    return Subject(
        name, hunter.make, "hunter_api_key", "hunter_base_url", hits, misses, statuses=_HUNTER | profile, **more
    )


def _lusha_subject(operation: str, hits: Queries, misses: Queries, **more: Any) -> Subject:
    name, statuses = f"lusha.{operation}", {"451": "suppressed"}
    return Subject(name, lusha.make, "lusha_api_key", "lusha_base_url", hits, misses, statuses=statuses, **more)


def _answered_at_once(person: Person) -> bool:
    return world().luck("clearbit-queue", person.email) >= QUEUED


def _reachable() -> list[Person]:
    """Owners whom Lusha knows and lets be called."""
    return [p for p in people() if p.seniority == "owner" and not p.do_not_call and knows(world(), "lusha", p.id, 0.55)]


def _zerobounce_subject(operation: str, address: str) -> Subject:
    return Subject(
        f"zerobounce.{operation}", zerobounce.make, "zerobounce_api_key", address,
        lambda: [EmailQuery(email=e) for e in mailboxes("valid")[:3]],
        lambda: [EmailQuery(email=mailboxes("unknown")[0])],
    )  # fmt: skip


def _on_linkedin() -> list[PersonQuery]:
    """People whose public page can be read at once."""
    known = [p.linkedin for p in known_people("brightdata", 0.8)]
    return [PersonQuery(linkedin_url=url) for url in known if world().luck("brightdata-slow", url) >= SLOW]


#: Who says what is known under a name, a domain, a number or an address.
SOURCES: tuple[Subject, ...] = (
    Subject(
        "apollo.match", apollo_lookups.make, "apollo_api_key", "apollo_base_url",
        lambda: [named(p) for p in known_people("apollo", 0.7)[:3]], lambda: [NOBODY],
    ),
    Subject(
        "apollo.organization", apollo_lookups.make, "apollo_api_key", "apollo_base_url",
        lambda: [CompanyQuery(domain=c.domain) for c in known_companies("apollo", 0.75)[:3]],
        lambda: [CompanyQuery(domain="quokka.example")],
    ),
    Subject(
        "apollo.people", apollo_lookups.make, "apollo_api_key", "apollo_base_url",
        lambda: [PeopleAt(domain=p.company.domain) for p in known_people("apollo", 0.7)[:3]],
        lambda: [PeopleAt(domain="quokka.example")], units=0.0, pages=lambda: _crowd("apollo", 0.7),
    ),
    Subject(
        "pdl.person", pdl_lookups.make, "pdl_api_key", "pdl_base_url",
        lambda: [named(p) for p in known_people("pdl", 0.6)[:3]], lambda: [NOBODY],
    ),
    Subject(
        "pdl.company", pdl_lookups.make, "pdl_api_key", "pdl_base_url",
        lambda: [CompanyQuery(domain=c.domain) for c in known_companies("pdl", 0.7)[:3]],
        lambda: [CompanyQuery(domain="quokka.example")],
    ),
    Subject(
        "companies_house.company", companies_house.make, "companies_house_api_key", "companies_house_base_url",
        lambda: [CompanyQuery(registry_id=f"gb-coh:{number_of(c)}") for c in world().companies("GB")[:3]],
        lambda: [CompanyQuery(registry_id="gb-coh:ZZ999999")], units=0.0, exhausted=None,
    ),
    Subject(
        "brightdata.profile", brightdata.make, "brightdata_api_key", "brightdata_base_url",
        lambda: _on_linkedin()[:3], lambda: [PersonQuery(linkedin_url="https://www.linkedin.com/in/zyz-quokka")],
    ),
)  # fmt: skip


def _acra_subject(operation: str, address: str, hits: Queries, misses: Queries = tuple, **more: Any) -> Subject:
    name, key = f"acra.{operation}", "data_gov_sg_api_key"
    keyless = {"keyless": "tests/providers/test_acra.py::test_a_key_only_raises_the_limits"}
    apart = keyless | more.pop("apart", {})
    common: dict[str, Any] = {"units": 0.0, "exhausted": None, "at": "data_gov_sg"}
    return Subject(name, acra.make, key, address, hits, misses, apart=apart, **common, **more)


#: Singapore's register: free, and without a key as well.
REGISTER: tuple[Subject, ...] = (
    _acra_subject(
        "page", "data_gov_sg_base_url", lambda: [RegisterQuery(dataset=DATASETS[letter]) for letter in "SCZ"],
        lambda: [RegisterQuery(dataset=DATASETS["S"], offset=9_999)],
        pages=lambda: RegisterQuery(dataset=DATASETS["S"], limit=7),
    ),
    _acra_subject(
        "catalog", "data_gov_sg_catalog_url", lambda: [RegisterCatalogQuery(collection=each) for each in (2, 3)],
        lambda: [RegisterCatalogQuery(collection=4)],
    ),
    _acra_subject(
        "download", "data_gov_sg_download_url", lambda: [RegisterFileQuery(dataset=DATASETS[letter]) for letter in "SC"],
        apart={"empty": "a data set that is not there is refused, and one without rows is a file all the same"},
    ),
)  # fmt: skip


def _chosen(settings: Settings) -> list[Operation[Any, Any]]:
    """Who answers for LinkedIn addresses, as the registry chooses."""
    known: dict[str, Operation[Any, Any]] = {}
    for make in (pdl_lookups.make, lusha.make, apollo_lookups.make, brightdata.make):
        with suppress(VendorRefused):
            known |= {f"{op.spec.vendor}.{op.spec.operation}": op for op in make(settings)}
    return [linkedin_profile.choose(settings, known)]


def _profile_subject(source: str, vendor: str, share: float) -> Subject:
    keys = {f"{name.partition('.')[0]}_api_key": None for name in linkedin_profile.SOURCES}
    hits = partial(_by_address, vendor, share) if vendor != "brightdata" else lambda: _on_linkedin()[:3]
    also = keys | {"linkedin_profile_enabled": True}
    del also[f"{vendor}_api_key"]
    return Subject(
        linkedin_profile.NAME, _chosen, f"{vendor}_api_key", f"{vendor}_base_url", hits,
        lambda: [PersonQuery(linkedin_url="https://www.linkedin.com/in/zyz-quokka")],
        statuses={"451": "suppressed"} if vendor == "lusha" else {}, also=also, at=vendor, asks=source,
    )  # fmt: skip


def _by_address(vendor: str, share: float) -> list[PersonQuery]:
    return [PersonQuery(linkedin_url=p.linkedin) for p in known_people(vendor, share)[:3]]


#: Everybody who may stand behind the look-up by LinkedIn address.
PROFILES: tuple[Subject, ...] = (
    _profile_subject("pdl.person", "pdl", 0.6),
    _profile_subject("lusha.people", "lusha", 0.55),
    _profile_subject("apollo.match", "apollo", 0.7),
    _profile_subject("brightdata.profile", "brightdata", 0.8),
)


def _crowd(vendor: str, share: float) -> PeopleAt:
    """Two at a time of a company with the most people whom `vendor` knows."""
    known = Counter(p.company.domain for p in people() if knows(world(), vendor, p.id, share))
    return PeopleAt(domain=known.most_common(1)[0][0], limit=2)


def _posted_under(code: str) -> OpportunityQuery:
    return OpportunityQuery(naics=code, posted_from="2026-01-01", posted_to="2026-03-31")


SUBJECTS: tuple[Subject, ...] = (
    *OUTGOING,
    *SOURCES,
    Subject(
        "clearbit.combined", clearbit.make, "clearbit_api_key", "clearbit_base_url",
        lambda: [EmailQuery(email=p.email) for p in known_people("clearbit", 0.4) if _answered_at_once(p)][:3],
        lambda: [EmailQuery(email="zyz@quokka.example")], statuses={"404": "miss"},
    ),
    _hunter_subject(
        "domain_search",
        lambda: [PeopleAt(domain=p.company.domain) for p in known_people("hunter", 0.6)[:3]],
        lambda: [PeopleAt(domain="quokka.example")],
        units=None,
        pages=lambda: _crowd("hunter", 0.6),
    ),
    _hunter_subject("find", lambda: [named(p) for p in known_people("hunter", 0.6)[:3]], lambda: [NOBODY]),
    _hunter_subject(
        "verify", lambda: [EmailQuery(email=e) for e in mailboxes("valid")[:3]],
        lambda: [EmailQuery(email=mailboxes("unknown")[0])], units=0.5,
    ),
    _hunter_subject(
        "person", lambda: [PersonQuery(email=p.email) for p in known_people("hunter", 0.5)[:3]],
        lambda: [PersonQuery(email="zyz@quokka.example")],
    ),
    _hunter_subject(
        "company", lambda: [CompanyQuery(domain=c.domain) for c in known_companies("hunter", 0.75)[:3]],
        lambda: [CompanyQuery(domain="quokka.example")],
    ),
    _hunter_subject(
        "combined", lambda: [EmailQuery(email=p.email) for p in known_people("hunter", 0.5)[:3]],
        lambda: [EmailQuery(email="zyz@quokka.example")],
    ),
    _lusha_subject("people", lambda: [named(p) for p in known_people("lusha", 0.55)[:3]], lambda: [NOBODY]),
    _lusha_subject(
        "find", lambda: [PeopleAt(domain=p.company.domain) for p in _reachable()[:3]],
        lambda: [PeopleAt(domain="quokka.example")],
        apart={"paging": "tests/providers/test_lusha.py::test_more_people_than_a_page_holds_come_to_the_end"},
    ),
    _lusha_subject(
        "company", lambda: [CompanyQuery(domain=c.domain) for c in known_companies("lusha", 0.7)[:3]],
        lambda: [CompanyQuery(domain="quokka.example")],
    ),
    _zerobounce_subject("verify", "zerobounce_base_url"),
    _zerobounce_subject("verify_batch", "zerobounce_bulk_url"),
    Subject(
        "sam.opportunities", sam.make, "sam_api_key", "sam_base_url",
        lambda: [_posted_under(code) for code in ("561720", "561730", "315210")], lambda: [_posted_under("999999")],
        statuses={"404": "miss"}, pages=lambda: _posted_under("561720").model_copy(update={"limit": 7}),
    ),
    Subject(
        "llm.complete", llm.make, "openai_api_key", "openai_base_url",
        lambda: [Prompt(system="Say what it sells.", user=f"It is {c.name}.") for c in clothiers()[:3]],
        units=None, at="openai", apart={"empty": "a model always says something; what it refuses is `invalid`"},
    ),
    Subject(
        "tavily.search", tavily_web.make, "tavily_api_key", "tavily_base_url",
        lambda: [WebQuery(words=f"about {c.name}", sites=(c.domain,), want_text=True) for c in clothiers()[:3]],
        lambda: [WebQuery(words="zyzzyva quokka")],
    ),
    Subject(
        "tavily.extract", tavily_web.make, "tavily_api_key", "tavily_base_url",
        lambda: [PageUrl(url=f"https://www.{c.domain}/") for c in clothiers()[:3]],
        lambda: [PageUrl(url="https://www.quokka.example/")], units=None,
    ),
    *REGISTER,
    *PROFILES,
)  # fmt: skip
