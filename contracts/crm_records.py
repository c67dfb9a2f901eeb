"""A lead as records of Odoo: its company, its contact and, from a score on, a lead of the CRM. Pure.

Fields are Odoo's own (providers.md, 18.4). `SEEDED` ones are sent when a record is made and never again: they are the salesperson's
from then on. Countries go by Odoo's own name for them, `base.` and the code in lower case.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from pydantic_core import to_json

PARTNER, LEAD = "res.partner", "crm.lead"
Value = str | int | float | bool | None
Values = Mapping[str, Value]

SEEDED = frozenset({"type", "priority", "description"})
_PRIORITY = {"HIGH": "2", "MEDIUM": "1", "LOW": "0"}
#: Where Odoo's name of a country is not its code.
_COUNTRIES = {"GB": "uk"}


@dataclass(frozen=True, slots=True)
class Subject:
    """What is known of a lead, as the database gives it. `losers`: companies merged into this one that stand in the CRM;
    `merged_into`: the lead that stands for it since a merge.
    """

    lead_id: UUID
    company: Mapping[str, Any]
    contact: Mapping[str, Any] | None
    profile: str | None
    band: str | None
    score: float | None
    rationale: str | None
    losers: Sequence[UUID] = ()
    merged_into: UUID | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """A record as we want it to be. `parent` is the external id of the partner it belongs to."""

    model: str
    kind: str
    local_id: UUID
    values: dict[str, Value]
    parent: str | None = None
    seeded: frozenset[str] = field(default=SEEDED)

    @property
    def external_id(self) -> str:
        return external_id(self.kind, self.local_id)

    @property
    def hash(self) -> bytes:
        """Over what an update would send: equal for equal content."""
        kept = {name: value for name, value in sorted(self.values.items()) if name not in self.seeded}
        return hashlib.sha256(to_json([kept, self.parent])).digest()


def external_id(kind: str, local_id: UUID) -> str:
    """`headwater.company_<uuid>`: names the record for ever, whatever it is called."""
    return f"headwater.{kind}_{local_id}"


def wanted(subject: Subject, *, min_score: float) -> list[Wanted]:
    """The records of a lead, parents first."""
    company = _company(subject.company)
    made = [company]
    if subject.contact is not None:
        made.append(_contact(subject.contact, company))
    if subject.score is not None and subject.score >= min_score:
        made.append(_lead(subject, company))
    return made


def at_least(band: str | None, lowest: str, bands: Sequence[str]) -> bool:
    """Whether a band is that high. No band: not yet."""
    return band is not None and bands.index(band) >= bands.index(lowest)


def changes(record: Wanted, before: Values | None) -> list[str]:
    """Names of fields whose value is not what we last wanted; `before` None: all of them."""
    if before is None:
        return sorted(record.values)
    mine = {name: value for name, value in record.values.items() if name not in record.seeded}
    return sorted(name for name, value in mine.items() if name not in before or before[name] != value)


def _company(row: Mapping[str, Any]) -> Wanted:
    values: dict[str, Value] = {
        "name": row["name"],
        "is_company": True,
        "website": _website(row["domain"]),
        "phone": row["phone"],
        "city": row["city"],
        "country_id/id": _country(row["country"]),
    }
    return Wanted(PARTNER, "company", row["id"], _known(values))


def _contact(row: Mapping[str, Any], company: Wanted) -> Wanted:
    name = row["name"] or row["email"] or f"Contact at {company.values['name']}"
    # An address that bounces, or whose owner objected, is of no use to a salesperson.
    email = None if row["email_status"] in ("invalid", "suppress") else row["email"]
    values: dict[str, Value] = {"name": name, "email": email, "phone": row["phone"], "function": row["title"]}
    return Wanted(PARTNER, "contact", row["id"], _known(values), company.external_id)


def _lead(subject: Subject, company: Wanted) -> Wanted:
    contact = subject.contact or {}
    about = [str(company.values["name"]), subject.profile]
    score = f"Score {subject.score:.2f} ({subject.band}) by Headwater."
    values: dict[str, Value] = {
        "name": ": ".join(part for part in about if part)[:200],
        "type": "lead",
        "contact_name": contact.get("name"),
        "email_from": None if contact.get("email_status") in ("invalid", "suppress") else contact.get("email"),
        "phone": contact.get("phone") or company.values.get("phone"),
        "function": contact.get("title"),
        "website": company.values.get("website"),
        "priority": _PRIORITY.get(subject.band or "", "0"),
        "description": " ".join(part for part in (score, subject.rationale) if part),
    }
    return Wanted(LEAD, "lead", subject.lead_id, _known(values), company.external_id)


def _known(values: Mapping[str, Value]) -> dict[str, Value]:
    """What we do not know says nothing: it must not clear what somebody else knows."""
    return {name: value for name, value in values.items() if value not in (None, "")}


def _website(domain: str | None) -> str | None:
    return f"https://{domain}" if domain else None


def _country(code: str | None) -> str | None:
    return f"base.{_COUNTRIES.get(code, code.lower())}" if code else None


def plain(names: Iterable[str]) -> tuple[str, ...]:
    """Fields by which columns such as `country_id/id` are read."""
    return tuple(sorted({name.partition("/")[0] for name in names}))
