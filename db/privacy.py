"""A person across every table: shown, or erased so that only keyed hashes on the suppression list are left (B.09).

`contracts/personal_data.py` says where people may stand. Erasing acts as the owner of the tables: nobody else may change
history and audit. Every statement names the tenant, as the owner sees all. Locks: the suppression list first, then rows.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from contracts.errors import Conflict
from contracts.events import CrmErasureRequested
from contracts.persons import ERASED, GONE, Person, parts_about, without
from contracts.privacy import Erased, PersonExport, Who
from db import outbox, persons, suppressions
from db.access import audit
from db.sql import load
from db.transaction import DbRole, Pool, Tx, transaction

SQL = load("privacy")
#: Rows of these are found by whose they are, and handled by statements of their own.
_OWN = ("contacts", "entity_keys", "field_values", "vendor_items")
#: Part of a unique key: what takes their place has to differ.
_UNIQUE = {("source_records", "external_id"), ("discovery_queries", "text_key"), ("labels", "source_event")}


class _Undone(Exception):
    """A dry run has seen enough."""


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
        found = await persons.identify(tx, tenant, who)
        tables: dict[str, list[dict[str, Any]]] = {}
        for table, described in (await persons.personal_columns(tx)).items():
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


async def _erase(tx: Tx, tenant: UUID, who: Who, *, by: str, dry_run: bool) -> Erased:
    await suppressions.hold_alone(tx, tenant)
    found = await persons.identify(tx, tenant, who)
    busy = await tx.fetchval(SQL["under_way"], tenant, [str(lead) for lead in found.lead_ids])
    if busy is not None:
        raise Conflict(f"{busy} works on a lead of this person: repeat when it has ended", code="person_under_way")
    described, tally = await persons.personal_columns(tx), _Tally()
    sent, linked = await _own_rows(tx, tenant, found, tally)
    await _ledger(tx, tenant, found, described["vendor_items"], tally)
    for table, named in described.items():
        if table not in _OWN:
            tally.add(table, await _scrub(tx, tenant, table, named, found))
    entries = [suppressions.Entry("any", key, "erased") for key in found.person.keys()]  # noqa: SIM118 - no mapping
    await suppressions.add_many(tx, tenant, entries, by=by, source="privacy", erased=True)
    left = {t: len(await persons.naming(tx, tenant, t, named, found)) for t, named in described.items()}
    made = Erased(
        dry_run=dry_run,
        rows=dict(sorted(tally.rows.items())),
        suppressions=len(entries),
        left={t: n for t, n in left.items() if n},
        elsewhere={k: n for k, n in (("crm_records", linked), ("messages_sent", sent)) if n},
    )
    await audit(tx, tenant, by, "person.erased", "person", _subject(found), {"rows": made.rows, "left": made.left})
    return made


async def _own_rows(tx: Tx, tenant: UUID, found: persons.Found, tally: _Tally) -> tuple[int, int]:
    """What hangs on the person's own rows. Gives how many messages went out, and how many records stand in the CRM."""
    ids, leads, pattern = found.contact_ids, found.lead_ids, persons.pattern_of(found)
    messages = await tx.fetch(SQL["blank_messages"], tenant, ids, leads, pattern)
    tally.add("messages", len(messages))
    tally.add("message_events", await tx.execute(SQL["blank_events"], tenant, [m["id"] for m in messages]))
    tally.add("consents", await tx.execute(SQL["drop_consents"], tenant, ids))
    tally.add("field_values", await tx.execute(SQL["drop_facts"], tenant, ids, pattern))
    tally.add("entity_keys", await tx.execute(SQL["drop_keys"], tenant, ids, pattern))
    links = await tx.fetch(SQL["forget_links"], tenant, ids)
    tally.add("crm_links", len(links))
    theirs = await tx.fetch(SQL["lead_links"], tenant, leads)
    await _erase_in_crm(tx, tenant, [r["id"] for r in (*links, *theirs) if r["remote_id"] is not None])
    tally.add("leads", await tx.execute(SQL["unlink"], tenant, leads))
    tally.add("contacts", await tx.execute(SQL["blank"], tenant, ids))
    return sum(m["sent_at"] is not None for m in messages), sum(r["remote_id"] is not None for r in links)


async def _erase_in_crm(tx: Tx, tenant: UUID, there: Sequence[UUID]) -> None:
    """Records that stand in the CRM are erased there by a job, which this transaction asks for."""
    if there:
        cause = str(await tx.fetchval(SQL["new_id"]))
        await outbox.emit_many(tx, tenant, [CrmErasureRequested(link_id=link, cause=cause) for link in there])


async def _ledger(tx: Tx, tenant: UUID, found: persons.Found, described: persons.Table, tally: _Tally) -> None:
    """Vendors' answers: about them, emptied; about others too, without them. What was paid stays."""
    for row in await persons.naming(tx, tenant, "vendor_items", described, found):
        person = found.person_in(row)
        response, raw = without(row["response"], person), without(row["raw"], person)
        about_them = without(row["request"], person) != row["request"] or response is GONE
        if about_them:
            await tx.execute(SQL["empty_item"], tenant, row["at"])
        else:
            ref, note = (person.masked(row[c]) if row[c] else None for c in ("vendor_ref", "note"))
            await tx.execute(SQL["trim_item"], tenant, row["at"], response, None if raw is GONE else raw, ref, note)
        tally.add("vendor_items", 1)


async def _scrub(tx: Tx, tenant: UUID, table: str, described: persons.Table, found: persons.Found) -> int:
    """Cut the person out of a table's columns. Returns how many rows named them."""
    changed = 0
    for row in await persons.naming(tx, tenant, table, described, found):
        values = {c.name: _left(table, c, row[c.name], found.person_in(row)) for c in described.columns}
        news = {name: value for name, value in values.items() if value != row[name]}
        sets = ", ".join(f"{name} = ${n}" for n, name in enumerate(news, 3))
        await tx.execute(
            f"UPDATE {row['part']} SET {sets} WHERE tenant_id = $1 AND ctid = $2::text::tid",
            tenant, row["at"], *news.values(),
        )  # fmt: skip
        changed += 1
    return changed


def _left(table: str, column: persons.Column, value: Any, person: Person) -> Any:
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


async def _rows(
    tx: Tx, tenant: UUID, table: str, described: persons.Table, found: persons.Found
) -> list[Mapping[str, Any]]:
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
        f"SELECT to_jsonb(t) AS whole FROM app.{table} t WHERE tenant_id = $1 AND (({about}){theirs})",
        tenant, persons.pattern_of(found), found.contact_ids,
    )  # fmt: skip
    return [r["whole"] for r in rows]


def _shown(row: Mapping[str, Any], described: persons.Table, found: persons.Found) -> dict[str, Any]:
    """A row as the person may see it: of JSON only what is about them. Empty: nothing of it is."""
    theirs = {str(i) for i in found.contact_ids}
    whole = any(row.get(c) in theirs for c in ("contact_id", "entity_id", "id"))
    person = found.person_in({name: UUID(row[name]) for name in persons.TIES if row.get(name)})
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


def _subject(found: persons.Found) -> str:
    return ",".join(map(str, found.contact_ids))[:200] or "unknown"
