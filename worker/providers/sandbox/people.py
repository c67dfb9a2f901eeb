"""Who works where in the world, and which mailboxes take mail. Every vendor draws on these people; none knows them all."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

from worker.providers.sandbox.world import LANDS, Company, World

_FIRST = (
    "Thandi", "Sipho", "Lerato", "Johan", "Anika", "Naledi", "Kagiso", "Amina", "Chidi", "Wanjiru", "Mei", "Wei Ling", "Aisha",
    "Omar", "Priya", "Arjun", "Grace", "Daniel", "Fatima", "Liam", "Siti", "Ahmad", "Somchai", "Dewi", "Zoë", "José",
)  # fmt: skip
_LAST = (
    "Nkosi", "Dlamini", "van der Merwe", "Botha", "Molefe", "Khumalo", "Okafor", "Mwangi", "Tan", "Lim", "Khan", "Al Farsi",
    "Naidoo", "Patel", "Smith", "O'Brien", "Banda", "Moyo", "Rahman", "Suwannarat", "Wijaya", "Chen", "Müller", "Ncube",
)  # fmt: skip
#: (title, seniority in plain words, department)
_ROLES = (
    ("Managing Director", "owner", "executive"),
    ("Head of Procurement", "head", "procurement"),
    ("Operations Manager", "manager", "operations"),
    ("Sales Director", "director", "sales"),
    ("Marketing Manager", "manager", "marketing"),
    ("Financial Controller", "senior", "finance"),
    ("Facilities Coordinator", "junior", "operations"),
)

MailboxState = Literal["valid", "invalid", "catch_all", "unknown", "disposable", "spamtrap", "abuse", "role"]


_CALLING = {
    "ZA": "27", "BW": "267", "NG": "234", "KE": "254", "ZM": "260", "ZW": "263", "GB": "44", "SG": "65", "HK": "852",
    "AE": "971", "SA": "966", "MU": "230", "NZ": "64", "MY": "60", "TH": "66", "ID": "62",
}  # fmt: skip
#: Fortunes of an address that exists, as cumulative shares.
_MAILBOXES: tuple[tuple[float, MailboxState], ...] = (
    (0.86, "valid"),
    (0.93, "unknown"),
    (0.96, "abuse"),
    (0.97, "spamtrap"),
)


@dataclass(frozen=True)
class Person:
    """A person of the world. `email` is their real address, known to a vendor or not; `objected`: nobody may process them."""

    id: str
    first: str
    last: str
    title: str
    seniority: str
    department: str
    email: str
    phone: str
    do_not_call: bool
    linkedin: str
    objected: bool
    company: Company

    @property
    def name(self) -> str:
        return f"{self.first} {self.last}"


def people_of(world: World, company: Company) -> list[Person]:
    """The staff of `company` worth knowing, three to seven, most senior first. Empty for funds and shells."""
    if company.category != "GENERAL":
        return []
    count = 3 + int(world.luck("staff", company.lei) * 5)
    staff, taken = list[Person](), set[str]()
    for rank in range(count):
        staff.append(_person(world, company, rank, taken))
        taken.add(staff[-1].email.partition("@")[0])
    return staff


def person_by_email(world: World, email: str) -> Person | None:
    """The owner of an address, None when nobody has it."""
    _, _, domain = email.casefold().rpartition("@")
    company = company_at(world, domain)
    staff = people_of(world, company) if company else []
    return next((p for p in staff if p.email == email.casefold()), None)


def company_at(world: World, domain: str) -> Company | None:
    """The company whose site and mail are at `domain` (www. and a trailing dot are forgiven)."""
    wanted = domain.casefold().strip(".").removeprefix("www.")
    by_domain: dict[str, Company] | None = world.__dict__.get("_by_domain")
    if by_domain is None:
        by_domain = {c.domain: c for c in world.companies(None)}
        world.__dict__["_by_domain"] = by_domain
    return by_domain.get(wanted)


def mailbox(world: World, email: str) -> MailboxState:
    """What happens to mail for `email`: the one truth that every verifier reports on."""
    local, _, domain = email.casefold().rpartition("@")
    company = company_at(world, domain)
    if company is None:
        return "disposable" if domain in ("mailinator.com", "trashmail.example") else "invalid"
    if local in ("info", "sales", "contact", "enquiries"):
        return "role" if company.has_mail else "invalid"
    if world.luck("catch-all", company.lei) < 0.08:
        return "catch_all"
    owner = person_by_email(world, email)
    if owner is None:
        return "invalid"
    luck = world.luck("mailbox", email.casefold())
    return next((state for below, state in _MAILBOXES if luck < below), "invalid")


def employees(world: World, company: Company) -> int:
    """Head count, 3 to about 4,000, most of them small."""
    return int(3 + 4000 * world.luck("employees", company.lei) ** 4)


def phone(world: World, company: Company, *what: object) -> str:
    """A number in E.164 that is reserved for fiction where the country has such a range, else far too high to be dialled."""
    return f"+{_CALLING[company.country]}0000{int(world.luck('phone', company.lei, *what) * 100_000):05d}"


def _person(world: World, company: Company, rank: int, taken: set[str]) -> Person:
    def pick(what: str, options: tuple[str, ...]) -> str:
        return options[int(world.luck(what, company.lei, rank) * len(options))]

    first, last = pick("first", _FIRST), pick("last", _LAST)
    title, seniority, department = _ROLES[rank % len(_ROLES)]
    label = (
        f"{_plain(first)}.{_plain(last)}"
        if world.luck("pattern", company.lei) < 0.7
        else f"{_plain(first)[0]}{_plain(last)}"
    )
    return Person(
        id=f"{company.lei[-10:].lower()}{rank:02d}",
        first=first,
        last=last,
        title=title,
        seniority=seniority,
        department=department,
        email=f"{label if label not in taken else f'{label}{rank}'}@{company.domain}",
        phone=phone(world, company, rank),
        do_not_call=world.luck("dnc", company.lei, rank) < 0.1,
        linkedin=f"https://www.linkedin.com/in/{_plain(first)}-{_plain(last)}-{company.lei[-6:].lower()}{rank}",
        objected=world.luck("objected", company.lei, rank) < 0.03,
        company=company,
    )


def _plain(text: str) -> str:
    bare = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z]", "", bare)


def country_name(code: str) -> str:
    """The English name of a country of the world."""
    return LANDS[code][0]
