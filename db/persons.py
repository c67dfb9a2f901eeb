"""Whom we know by what, and which rows name them: for showing and erasing a person (`db/privacy.py`)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from contracts.errors import NotFound
from contracts.personal_data import columns
from contracts.persons import Person, without
from contracts.privacy import Known, Who
from contracts.suppressions import email_of, phone_of
from db.sql import load
from db.transaction import Tx

SQL = load("persons")
#: Columns that say whose a row is.
TIES = ("contact_id", "lead_id", "company_id", "entity_id", "local_id")
_FIELDS = {"email": "emails", "phone": "phones", "linkedin": "profiles", "name": "names"}


@dataclass(slots=True)
class Found:
    """Who it is, and which rows are theirs."""

    person: Person
    contact_ids: list[UUID]
    lead_ids: list[UUID]
    company_ids: list[UUID]

    def person_in(self, row: Mapping[str, Any]) -> Person:
        """By what to look for them in a row: one that belongs to another company, lead or contact is a namesake's."""
        ties = [row[name] for name in TIES if row.get(name) is not None]
        theirs = {*self.contact_ids, *self.lead_ids, *self.company_ids}
        return self.person if not ties or theirs.intersection(ties) else self.person.nameless

    def known(self) -> Known:
        p = self.person
        return Known(
            contact_ids=self.contact_ids, lead_ids=self.lead_ids, emails=sorted(p.emails), phones=sorted(p.phones),
            profiles=sorted(p.profiles),
            names=sorted(p.names),
        )  # fmt: skip


@dataclass(slots=True)
class Column:
    name: str
    json: bool
    needed: bool


@dataclass(slots=True)
class Table:
    """The columns in which people may stand, and those that say whose a row is."""

    columns: list[Column]
    ties: list[str]


async def identify(tx: Tx, tenant: UUID, who: Who) -> Found:
    """By what a person is known. Somebody of whom there is no row (any more) is known by what was given.

    Raises: NotFound (`contact_not_found`) for an unknown contact id.
    """
    emails = {e for e in (who.email and who.email.strip().lower(), who.email and email_of(who.email)) if e}
    digits = re.sub(r"\D", "", (phone_of(who.phone) or who.phone) if who.phone else "")
    rows = await tx.fetch(SQL["contacts"], tenant, who.contact_id, sorted(emails), [digits[-9:]] if digits else [])
    ids = [r["id"] for r in rows]
    if who.contact_id is not None and who.contact_id not in ids:
        raise NotFound(f"no contact {who.contact_id}", code="contact_not_found")
    named: dict[str, list[str]] = {"emails": sorted(emails), "phones": [], "profiles": [], "names": []}
    named["phones"] += [who.phone] if who.phone else []
    for row in rows:
        for column, kind in (("name", "names"), ("email", "emails"), ("phone", "phones"), ("linkedin_url", "profiles")):
            named[kind] += [row[column]] if row[column] else []
    named["emails"] += [r["value"] for r in await tx.fetch(SQL["addresses"], tenant, ids)]
    for fact in await tx.fetch(SQL["facts"], tenant, ids):
        for word, kind in _FIELDS.items():
            if word in fact["field"] and "status" not in fact["field"]:
                named[kind].append(fact["value"])
    named["phones"] = await _own_numbers(tx, tenant, ids, named["phones"], asked=digits[-9:])
    leads = await tx.fetch(SQL["leads"], tenant, ids)
    companies = {r["company_id"] for r in (*rows, *leads)}
    return Found(Person.of(**named), ids, [r["id"] for r in leads], sorted(companies))


async def personal_columns(tx: Tx) -> dict[str, Table]:
    """The columns in which people may stand, by table."""
    wanted = columns("people")
    found = {name: Table([], []) for name in wanted}
    for row in await tx.fetch(SQL["columns"], list(wanted)):
        if row["column"] in wanted[row["name"]]:
            found[row["name"]].columns.append(Column(row["column"], row["type"] == "jsonb", row["needed"]))
        elif row["column"] in TIES:
            found[row["name"]].ties.append(row["column"])
    return {name: described for name, described in found.items() if described.columns}


async def naming(tx: Tx, tenant: UUID, table: str, described: Table, found: Found) -> list[dict[str, Any]]:
    """Rows whose columns name the person, with where they stand."""
    if not found.person:
        return []
    names = [c.name for c in described.columns]
    about = " OR ".join(f"{name}::text ~* $2" for name in names)
    shown = ", ".join(["tableoid::regclass::text AS part", "ctid::text AS at", *dict.fromkeys(names + described.ties)])
    query = f"SELECT {shown} FROM app.{table} WHERE tenant_id = $1 AND ({about})"
    rows = [dict(r) for r in await tx.fetch(query, tenant, found.person.sql_pattern())]
    if table == "contacts":  # theirs are found by id: whoever else has the name is somebody else
        rows = [{**r, "contact_id": UUID(int=0)} for r in rows]
    return [r for r in rows if any(without(r[n], found.person_in(r)) != r[n] for n in names if r[n] is not None)]


def pattern_of(found: Found) -> str:
    """A pattern that nothing fits stands for somebody without a name."""
    return found.person.sql_pattern() if found.person else "(?=a)b"


async def _own_numbers(tx: Tx, tenant: UUID, ids: list[UUID], phones: list[str], *, asked: str) -> list[str]:
    """Numbers that name the person: those that nobody else has, and the one that was asked about."""
    tails = {re.sub(r"\D", "", phone)[-9:]: phone for phone in phones}
    shared = {r["tail"] for r in await tx.fetch(SQL["shared"], tenant, ids, list(tails))} if tails else set()
    return [phone for tail, phone in tails.items() if tail == asked or tail not in shared]
