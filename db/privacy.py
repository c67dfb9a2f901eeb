"""A person across every table: shown, or erased so that only keyed hashes on the suppression list are left (B.09).

`contracts/personal_data.py` says where people may stand. Erasing acts as the owner of the tables: nobody else may change
history and audit. Every statement names the tenant, as the owner sees all. Locks: the suppression list first, then rows.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from contracts.errors import Conflict, NotFound
from contracts.personal_data import columns
from contracts.persons import ERASED, GONE, Person, parts_about, without
from contracts.privacy import Erased, Known, PersonExport, Who
from contracts.suppressions import email_of, phone_of
from db import suppressions
from db.access import audit
from db.sql import load
from db.transaction import DbRole, Pool, Tx, transaction

SQL = load("privacy")
#: Rows of these are found by whose they are, and handled by statements of their own.
_OWN = ("contacts", "entity_keys", "field_values", "vendor_items")
#: Part of a unique key: what takes their place has to differ.
_UNIQUE = {("source_records", "external_id"), ("discovery_queries", "text_key"), ("labels", "source_event")}
#: Columns that say whose a row is.
_TIES = ("contact_id", "lead_id", "company_id", "entity_id", "local_id")
_FIELDS = {"email": "emails", "phone": "phones", "linkedin": "profiles", "name": "names"}


class _Undone(Exception):
    """A dry run has seen enough."""


@dataclass(slots=True)
class Found:
    """Who it is, and which rows are theirs."""

    person: Person
    contact_ids: list[UUID]
    lead_ids: list[UUID]
    company_ids: list[UUID]

    def person_in(self, row: Mapping[str, Any]) -> Person:
        """By what to look for them in a row: one that belongs to another company, lead or contact is a namesake's."""
        ties = [row[name] for name in _TIES if row.get(name) is not None]
        theirs = {*self.contact_ids, *self.lead_ids, *self.company_ids}
        return self.person if not ties or theirs.intersection(ties) else self.person.nameless

    def known(self) -> Known:
        p = self.person
        return Known(
            contact_ids=self.contact_ids, emails=sorted(p.emails), phones=sorted(p.phones), profiles=sorted(p.profiles),
            names=sorted(p.names),
        )  # fmt: skip


@dataclass(slots=True)
class _Column:
    name: str
    json: bool
    needed: bool


@dataclass(slots=True)
class _Table:
    """The columns in which people may stand, and those that say whose a row is."""

    columns: list[_Column]
    ties: list[str]


@dataclass(slots=True)
class _Tally:
    """Rows changed, by table."""

    rows: dict[str, int] = field(default_factory=dict)

    def add(self, table: str, said: str | int) -> None:
        count = said if isinstance(said, int) else int(said.rsplit(" ", 1)[-1])
        if count:
            self.rows[table] = self.rows.get(table, 0) + count


async def export(pool: Pool, tenant: UUID, who: Who, *, by: str) -> PersonExport:
    """All that is stored about a person, as one document. Audited without the data. Raises: NotFound (`contact_not_found`)."""
    async with transaction(pool, tenant) as tx:
        found = await identify(tx, tenant, who)
        tables: dict[str, list[dict[str, Any]]] = {}
        for table, described in (await _columns(tx)).items():
            rows = await _rows(tx, tenant, table, described, found)
            shown = [row for row in (_shown(row, described, found) for row in rows) if row]
            if shown:
                tables[table] = shown
        keys = found.person.keys()
        hit = bool(await suppressions.hits(tx, tenant, "any", keys)) if keys else False
        counts = {name: len(rows) for name, rows in tables.items()}
        await audit(tx, tenant, by, "person.exported", "person", _subject(found), {"rows": sum(counts.values())})
        now = await tx.fetchval(SQL["now"])
    return PersonExport(person=found.known(), generated_at=now, suppressed=hit, counts=counts, tables=tables)


async def erase(pool: Pool, tenant: UUID, who: Who, *, by: str, dry_run: bool = False) -> Erased:
    """Erase a person everywhere, in one transaction. `dry_run`: count, and change nothing. Audited without the data.

    Raises: NotFound (`contact_not_found`); Conflict (`person_under_way`) while a job works on a lead of theirs.
    """
    made: Erased | None = None
    try:
        async with transaction(pool, tenant, role=DbRole.OWNER) as tx:
            made = await _erase(tx, tenant, who, by=by, dry_run=dry_run)
            if dry_run:
                raise _Undone
    except _Undone:
        pass
    assert made is not None
    return made


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


async def _own_numbers(tx: Tx, tenant: UUID, ids: list[UUID], phones: list[str], *, asked: str) -> list[str]:
    """Numbers that name the person: those that nobody else has, and the one that was asked about."""
    tails = {re.sub(r"\D", "", phone)[-9:]: phone for phone in phones}
    shared = {r["tail"] for r in await tx.fetch(SQL["shared"], tenant, ids, list(tails))} if tails else set()
    return [phone for tail, phone in tails.items() if tail == asked or tail not in shared]


async def _erase(tx: Tx, tenant: UUID, who: Who, *, by: str, dry_run: bool) -> Erased:
    await suppressions.hold_alone(tx, tenant)
    found = await identify(tx, tenant, who)
    busy = await tx.fetchval(SQL["under_way"], tenant, [str(lead) for lead in found.lead_ids])
    if busy is not None:
        raise Conflict(f"{busy} works on a lead of this person: repeat when it has ended", code="person_under_way")
    described, tally = await _columns(tx), _Tally()
    sent, linked = await _own_rows(tx, tenant, found, tally)
    await _ledger(tx, tenant, found, described["vendor_items"], tally)
    for table, named in described.items():
        if table not in _OWN:
            tally.add(table, await _scrub(tx, tenant, table, named, found))
    entries = [suppressions.Entry("any", key, "erased") for key in found.person.keys()]  # noqa: SIM118 - no mapping
    await suppressions.add_many(tx, tenant, entries, by=by, source="privacy", erased=True)
    left = {t: len(await _named(tx, tenant, t, named, found)) for t, named in described.items()}
    made = Erased(
        dry_run=dry_run,
        rows=dict(sorted(tally.rows.items())),
        suppressions=len(entries),
        left={t: n for t, n in left.items() if n},
        elsewhere={k: n for k, n in (("crm_records", linked), ("messages_sent", sent)) if n},
    )
    await audit(tx, tenant, by, "person.erased", "person", _subject(found), {"rows": made.rows, "left": made.left})
    return made


async def _own_rows(tx: Tx, tenant: UUID, found: Found, tally: _Tally) -> tuple[int, int]:
    """What hangs on the person's own rows. Gives how many messages went out, and how many records stand in the CRM."""
    ids, leads, pattern = found.contact_ids, found.lead_ids, _pattern(found)
    messages = await tx.fetch(SQL["blank_messages"], tenant, ids, leads, pattern)
    tally.add("messages", len(messages))
    tally.add("message_events", await tx.execute(SQL["blank_events"], tenant, [m["id"] for m in messages]))
    tally.add("consents", await tx.execute(SQL["drop_consents"], tenant, ids))
    tally.add("field_values", await tx.execute(SQL["drop_facts"], tenant, ids, pattern))
    tally.add("entity_keys", await tx.execute(SQL["drop_keys"], tenant, ids, pattern))
    links = await tx.fetch(SQL["forget_links"], tenant, ids)
    tally.add("crm_links", len(links))
    tally.add("leads", await tx.execute(SQL["unlink"], tenant, leads))
    tally.add("contacts", await tx.execute(SQL["blank"], tenant, ids))
    return sum(m["sent_at"] is not None for m in messages), sum(r["remote_id"] is not None for r in links)


async def _ledger(tx: Tx, tenant: UUID, found: Found, described: _Table, tally: _Tally) -> None:
    """Vendors' answers: about them, emptied; about others too, without them. What was paid stays."""
    for row in await _named(tx, tenant, "vendor_items", described, found):
        person = found.person_in(row)
        response, raw = without(row["response"], person), without(row["raw"], person)
        about_them = without(row["request"], person) != row["request"] or response is GONE
        if about_them:
            await tx.execute(SQL["empty_item"], tenant, row["at"])
        else:
            ref, note = (person.masked(row[c]) if row[c] else None for c in ("vendor_ref", "note"))
            await tx.execute(SQL["trim_item"], tenant, row["at"], response, None if raw is GONE else raw, ref, note)
        tally.add("vendor_items", 1)


async def _scrub(tx: Tx, tenant: UUID, table: str, described: _Table, found: Found) -> int:
    """Cut the person out of a table's columns. Returns how many rows named them."""
    changed = 0
    for row in await _named(tx, tenant, table, described, found):
        values = {c.name: _left(table, c, row[c.name], found.person_in(row)) for c in described.columns}
        news = {name: value for name, value in values.items() if value != row[name]}
        sets = ", ".join(f"{name} = ${n}" for n, name in enumerate(news, 3))
        await tx.execute(
            f"UPDATE {row['part']} SET {sets} WHERE tenant_id = $1 AND ctid = $2::text::tid",
            tenant, row["at"], *news.values(),
        )  # fmt: skip
        changed += 1
    return changed


def _left(table: str, column: _Column, value: Any, person: Person) -> Any:
    if value is None:
        return None
    left = without(value, person)
    if left is GONE:
        return {}
    if isinstance(value, str) and left != value:
        if (table, column.name) in _UNIQUE:
            return f"{left[:100]} {secrets.token_hex(8)}"
        return None if left == ERASED and not column.needed and not column.json else left
    return left


async def _named(tx: Tx, tenant: UUID, table: str, described: _Table, found: Found) -> list[dict[str, Any]]:
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


async def _rows(tx: Tx, tenant: UUID, table: str, described: _Table, found: Found) -> list[Mapping[str, Any]]:
    """Rows of the person, for their eyes: those that name them, and those that hang on their rows."""
    own = {
        "contacts": "id",
        "consents": "contact_id",
        "messages": "contact_id",
        "field_values": "entity_id",
        "entity_keys": "entity_id",
    }
    theirs = f" OR {own[table]} = ANY($3::uuid[])" if table in own else " AND $3::uuid[] IS NOT NULL"
    about = " OR ".join(f"{c.name}::text ~* $2" for c in described.columns)
    rows = await tx.fetch(
        f"SELECT to_jsonb(t) AS whole FROM app.{table} t WHERE tenant_id = $1 AND (({about}){theirs}) LIMIT 10000",
        tenant, _pattern(found), found.contact_ids,
    )  # fmt: skip
    return [r["whole"] for r in rows]


def _shown(row: Mapping[str, Any], described: _Table, found: Found) -> dict[str, Any]:
    """A row as the person may see it: of JSON only what is about them. Empty: nothing of it is."""
    theirs = {str(i) for i in found.contact_ids}
    whole = any(row.get(c) in theirs for c in ("contact_id", "entity_id", "id"))
    person = found.person_in({name: UUID(row[name]) for name in _TIES if row.get(name)})
    shown = {
        c.name: row[c.name] if whole and not c.json else parts_about(row[c.name], person) for c in described.columns
    }
    if whole:
        shown |= {c.name: row[c.name] for c in described.columns if c.json}
    shown = {name: value for name, value in shown.items() if value not in (None, [], {})}
    if not shown:
        return {}
    about = (
        "id",
        "channel",
        "state",
        "basis",
        "field",
        "vendor",
        "operation",
        "source",
        "created_at",
        "sent_at",
        "given_at",
        "observed_at",
    )
    return {**{name: row[name] for name in about if row.get(name) is not None}, **shown}


async def _columns(tx: Tx) -> dict[str, _Table]:
    """The columns in which people may stand, by table."""
    wanted = columns("people")
    found = {name: _Table([], []) for name in wanted}
    for row in await tx.fetch(SQL["columns"], list(wanted)):
        if row["column"] in wanted[row["name"]]:
            found[row["name"]].columns.append(_Column(row["column"], row["type"] == "jsonb", row["needed"]))
        elif row["column"] in _TIES:
            found[row["name"]].ties.append(row["column"])
    return {name: described for name, described in found.items() if described.columns}


def _pattern(found: Found) -> str:
    """A pattern that nothing fits stands for somebody without a name."""
    return found.person.sql_pattern() if found.person else "(?=a)b"


def _subject(found: Found) -> str:
    return ",".join(map(str, found.contact_ids))[:200] or "unknown"
