"""Entity keys: the values by which two records are the same company or person. Pure; strongest first (R13)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import unquote
from uuid import UUID

from contracts.freemail import is_shared
from contracts.providers import FoundCompany, FoundContact

KeyType = Literal["registry", "domain", "linkedin", "email", "name_country"]

#: Legal forms that say nothing about who somebody is, as whole words after folding. Longest first where one contains another.
_LEGAL_FORMS = (
    "proprietary limited", "private limited", "public limited company", "limited liability company", "limited company",
    "sendirian berhad", "sdn bhd", "pty ltd", "pte ltd", "pvt ltd", "co ltd", "limited liability partnership",
    "soc ltd", "close corporation", "proprietary", "incorporated", "corporation", "company limited", "limited", "company",
    "berhad", "bhd", "gmbh", "llc", "llp", "ltd", "plc", "inc", "corp",
    "pty", "pte", "pvt", "rf", "npc", "cc", "co", "lp", "sa", "ag", "bv", "nv",
)  # fmt: skip
_FORMS = re.compile(r"(?:\s+(?:" + "|".join(re.escape(f) for f in _LEGAL_FORMS) + r"))+$")
_DOTTED = re.compile(r"\b[^\W\d](?:\.[^\W\d])+\b\.?")
_NOT_WORD = re.compile(r"[^\w]+", re.UNICODE)


_COMPANY_PAGE = re.compile(
    r"(?:https?://)?(?:[a-z]{2,3}\.)?linkedin\.com/(?:company|school|showcase)/([^/?#\s]+)", re.IGNORECASE
)
_PERSONS_PAGE = re.compile(r"(?:https?://)?(?:[a-z]{2,3}\.)?linkedin\.com/(?:in|pub)/([^/?#\s]+)", re.IGNORECASE)
#: Folding can lengthen a text many times over; what is kept fits the columns it goes to, in characters.
_MAX_CORE = 500
_MAX_EMAIL = 320


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """One key of a record. Ordering is (type, value): the order in which keys are locked."""

    type: KeyType
    value: str


def name_core(name: str) -> str:
    """Fold a company name to what identifies it: NFKD, no marks, lower case, `&` as and, no punctuation (S.A. is SA),
    no legal form at the end.

    "ACME Holdings (Pty) Ltd." -> "acme holdings". A name that is nothing but a legal form keeps it.
    """
    folded = unicodedata.normalize("NFKD", name.replace("&", " and "))
    folded = "".join(c for c in folded if not unicodedata.combining(c)).casefold()
    undotted = _DOTTED.sub(lambda found: found[0].replace(".", ""), folded)
    words = _NOT_WORD.sub(" ", undotted).strip()
    return (_FORMS.sub("", words).strip() or words)[:_MAX_CORE].strip()


def company_keys(company: FoundCompany) -> tuple[Key, ...]:
    """Keys of a company, strongest first: registry id, registrable domain, (core name, country).

    A mail provider's domain is everybody's, and no key.
    """
    keys: list[Key] = []
    if company.registry_id:
        keys.append(Key("registry", company.registry_id.strip().lower()))
    if company.domain and not is_shared(company.domain):
        keys.append(Key("domain", company.domain.strip().lower().rstrip(".")))
    core = name_core(company.name)
    if company.country and core:
        keys.append(Key("name_country", f"{core}|{company.country}"))
    return tuple(keys)


def contact_key(contact: FoundContact) -> Key | None:
    """The key of a person: the e-mail address as its provider reads it; None without one that could be real."""
    address = contact_address(contact)
    return Key("email", mailbox(address)) if address else None


def contact_keys(contact: FoundContact) -> tuple[Key, ...]:
    """All keys of a person, strongest first: the mailbox, the page at LinkedIn. Empty for one without an address: such a person is
    nobody that could be written to, and is not kept.
    """
    address = contact_key(contact)
    if address is None:
        return ()
    page = profile_key(contact.linkedin_url) if contact.linkedin_url else None
    return (address, page) if page is not None else (address,)


def contact_address(contact: FoundContact) -> str | None:
    """The address to write to, lower-cased; None without one that could be real."""
    address = (contact.email or "").strip().lower()
    return address if "@" in address and len(address) <= _MAX_EMAIL else None


def mailbox(address: str) -> str:
    """Which box an address means, for matching only: at Gmail dots and what follows a plus do not count."""
    local, _, domain = address.rpartition("@")
    if domain not in ("gmail.com", "googlemail.com"):
        return address
    plain = local.partition("+")[0].replace(".", "")
    return f"{plain or local}@gmail.com"


def linkedin_key(url: str) -> Key | None:
    """The key of a company's page there: linkedin.com/company/SLUG, in any country's spelling; None for another address."""
    found = _COMPANY_PAGE.match(url.strip())
    return Key("linkedin", unquote(found[1]).casefold()[:_MAX_CORE]) if found else None


def profile_key(url: str) -> Key | None:
    """The key of a person's page there: linkedin.com/in/SLUG, in any country's spelling; None for another address."""
    found = _PERSONS_PAGE.match(url.strip())
    return Key("linkedin", unquote(found[1]).casefold()[:_MAX_CORE]) if found else None


@dataclass(frozen=True, slots=True)
class Owner:
    """Who holds a key already. `registries`: the registry ids that entity is known by."""

    entity_id: UUID
    registries: frozenset[str] = frozenset()


@dataclass(slots=True)
class Group:
    """Hits that are one company. `entity` is its id when it exists already; `hits` are positions, first seen first."""

    first: FoundCompany
    keys: dict[Key, None]
    hits: list[int]
    entity: UUID | None = None
    registries: set[str] = field(default_factory=set)


def group(companies: Sequence[FoundCompany], taken: Mapping[Key, Owner]) -> list[Group]:
    """Sort hits into companies: by the strongest key that is shared and not contradicted.

    Two different registry ids are two companies, whatever weaker keys say.
    """
    groups: list[Group] = []
    by_key: dict[Key, Group] = {}
    by_entity: dict[UUID, Group] = {}
    for position, company in enumerate(companies):
        keys = company_keys(company)
        own = {k.value for k in keys if k.type == "registry"}
        found = _match(keys, own, taken, by_key, by_entity)
        if found is None or isinstance(found, Owner):
            found = Group(
                company, {}, [], found.entity_id if found else None, set(found.registries) if found else set()
            )
            groups.append(found)
            if found.entity is not None:
                by_entity[found.entity] = found
        found.hits.append(position)
        found.registries |= own
        for key in keys:
            if by_key.setdefault(key, found) is found:
                found.keys[key] = None
    return groups


def _match(
    keys: Sequence[Key],
    own: set[str],
    taken: Mapping[Key, Owner],
    by_key: Mapping[Key, Group],
    by_entity: Mapping[UUID, Group],
) -> Group | Owner | None:
    for key in keys:
        near = by_key.get(key)
        owner = taken.get(key)
        if near is None and owner is not None:
            near = by_entity.get(owner.entity_id)
        registries = near.registries if near is not None else set(owner.registries) if owner is not None else None
        if registries is None or (own and registries and not own & registries):
            continue
        return near if near is not None else owner
    return None
