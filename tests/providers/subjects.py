"""Who sits the exam of `test_exam.py`: every look-up of every vendor, described and not programmed.

To add a look-up, add a `Subject` to `SUBJECTS`:
- `name` is "vendor.operation"; `make` the maker of its module; `setting` the key or switch without which it is absent.
- `hits` are at least two queries that find something at the sandbox, or a function that picks them from the world;
  `misses` find nothing (or are known not to exist). For a look-up without misses (a message, an alert) leave them empty.
- `address` is the setting of its base URL: the exam points it at a closed door.
- `statuses` says what its vendor means by a status, where that differs from `test_exam.STATUSES`.
- `exhausted` is how its stand-in's "no credits left" ends: None where the stand-in knows no credits.
- `units` is what a hit costs, in the operation's unit; None when it depends.
Faults are ordered by `sandbox`, the vendor's name at the sandbox.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from pydantic import BaseModel, SecretStr

from contracts.findings import CompanyQuery, EmailQuery, PeopleAt, PersonQuery
from contracts.providers import Operation
from contracts.settings import Settings
from tests.providers.sandbox_fixture import RunningSandbox
from worker.providers import hunter
from worker.providers.sandbox.people import Person, mailbox, people_of
from worker.providers.sandbox.profiles import knows
from worker.providers.sandbox.world import Company, World

#: What every vendor is given as its key: it must be found nowhere else. As long and as plain as a real one.
SECRET = "tvly-exam-0f9e8d7c6b5a4938"
Queries = Callable[[], Sequence[BaseModel]]


@dataclass(frozen=True)
class Subject:
    """One look-up and what the exam has to know of it."""

    name: str
    make: Callable[[Settings], Sequence[Operation[Any, Any]]]
    setting: str
    address: str
    hits: Queries
    misses: Queries = tuple
    units: float | None = 1.0
    statuses: Mapping[str, str] = field(default_factory=dict)
    exhausted: str | None = "vendor_quota"
    #: Settings that it needs beside what `RunningSandbox.settings` gives.
    also: Mapping[str, Any] = field(default_factory=dict)
    #: How its vendor is called at the sandbox, when that is not the first half of `name`.
    at: str | None = None
    #: False where an answer of any JSON shape is read (a webhook that only says 200).
    shape_matters: bool = True
    #: False where a 2xx need not be JSON.
    json_matters: bool = True

    @property
    def sandbox(self) -> str:
        return self.at or self.name.partition(".")[0]

    def settings(self, sandbox: RunningSandbox, **more: Any) -> Settings:
        """The sandbox's settings with the exam's secret for a key."""
        return sandbox.settings(**{self.setting: SecretStr(SECRET), **self.also, **more})

    def operation(self, settings: Settings) -> Operation[Any, Any]:
        """The look-up itself. Raises VendorRefused when it is absent."""
        made = {f"{op.spec.vendor}.{op.spec.operation}": op for op in self.make(settings)}
        return made[self.name]


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


SUBJECTS: tuple[Subject, ...] = (
    _hunter_subject(
        "domain_search",
        lambda: [PeopleAt(domain=p.company.domain) for p in known_people("hunter", 0.6)[:3]],
        lambda: [PeopleAt(domain="quokka.example")],
        units=None,
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
)  # fmt: skip
