"""What goes wrong slowly and in silence: keys held for nothing, ordered deliveries behind one that fails, dead rows, plans that
read whole tables, a queue schema that somebody changed, walls and retention that nobody has looked after."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib import resources
from importlib.metadata import version
from typing import Any
from uuid import UUID

from contracts.checkups import Finding, fine, note, wrong
from contracts.settings import Settings
from contracts.tenants import SYSTEM_TENANT
from contracts.webhook_endpoints import SINK
from db import isolation, jobs, outbox, queue, queue_mends, retention, runs, streams, turns, webhooks
from db.access import audit
from db.sql import load
from db.transaction import DbRole, Pool, Tx, transaction

SQL = load("drift")
#: Deliveries and redeliveries are committed with what they deliver: one that is missing for a minute is not coming.
LOST_S = 60.0
#: Ordered deliveries behind a failing one are told of after this long, in seconds.
BLOCKED_S = 900.0
#: Dead rows that are worth a word, and pages (8 kB each) from which reading a whole table on the hot path is one.
DEAD_ROWS = 20_000
MANY_PAGES = 1000
#: So many objects that somebody changed are told of one by one.
FEW = 5
#: The canary and the retention are daily; an hour for each that a day may be late.
LATE_H = 36.0
#: A batch of nobody's: as many as the planner must expect.
_WHO, _MANY = [SYSTEM_TENANT] * 100, [0] * 100
_EXECUTIONS = (_WHO, _WHO, _MANY)
#: Statements that run all day -> their arguments, and who sends them. Without a job's done mark, a CALL, of which
#: no plan is shown: its one UPDATE finds its row as `put off` does.
HOT: Mapping[str, tuple[str, Sequence[object], DbRole]] = {
    "outbox claim": (outbox.SQL["claim"], (200, 200, 1, None, None), DbRole.SYSTEM),
    "outbox heads": (outbox.SQL["heads"], (), DbRole.SYSTEM),
    "outbox handoff": (
        outbox.SQL["handoff"],
        ([(0, 0)] * 100, _MANY, _MANY, _MANY, ["x"] * 100, _MANY, [{}] * 100, [None] * 100, ["x"], ["x"], ["once"]),
        DbRole.SYSTEM,
    ),
    "outbox absorb": (outbox.SQL["absorb"], (_WHO, ["x"] * 100, ["x"] * 100, _WHO), DbRole.SYSTEM),
    "outbox redeliver": (outbox.SQL["redeliver"], (_WHO, _WHO), DbRole.SYSTEM),
    "outbox settle": (outbox.SQL["settle"], (SYSTEM_TENANT,) * 3, DbRole.SYSTEM),
    "outbox refuse": (outbox.SQL["refuse"], (*(SYSTEM_TENANT,) * 3, "x", "x", 1, 1.0, 1.0), DbRole.SYSTEM),
    "outbox reclaim": (outbox.SQL["reclaim"], (), DbRole.SYSTEM),
    "ordered turns": (turns.SQL["advance"], (SYSTEM_TENANT, "", turns.KEYS), DbRole.SYSTEM),
    "queue fetch": (queue.SQL["fetch"], (["probe"], 0, 10), DbRole.SYSTEM),
    "queue finish": (queue.SQL["finish"], (*_EXECUTIONS, _MANY, _MANY), DbRole.SYSTEM),
    "queue reconcile": (queue.SQL["reconcile"], (0, _MANY), DbRole.SYSTEM),
    "cancel requests": (queue.SQL["cancel_requests"], (_WHO, _WHO), DbRole.SYSTEM),
    "the look for the dead": (queue.SQL["stranded"], (3.0,), DbRole.SYSTEM),
    "rescue": (queue.SQL["rescue"], (_WHO, _WHO, _MANY, _MANY), DbRole.SYSTEM),
    "who came back": (jobs.SQL["came_back"], _EXECUTIONS, DbRole.SYSTEM),
    "put off": (jobs.SQL["put_off"], (SYSTEM_TENANT, SYSTEM_TENANT, 1, 1, "x", "x"), DbRole.APP),
    "a job's end": (jobs.SQL["end"], (SYSTEM_TENANT, SYSTEM_TENANT, 1, "dead", "x", "x"), DbRole.APP),
    "webhook lease": (webhooks.SQL["lease"], (32, SYSTEM_TENANT, [], 30.0, 8), DbRole.SYSTEM),
    "stream lease": (streams.SQL["lease"], (256, SYSTEM_TENANT, 30.0), DbRole.SYSTEM),
    "stream settle": (streams.SQL["settle"], (_WHO, _WHO, SYSTEM_TENANT), DbRole.SYSTEM),
    "a run's jobs": (jobs.SQL["request_cancel_run"], (SYSTEM_TENANT, SYSTEM_TENANT), DbRole.SYSTEM),
    "a job's state": (jobs.SQL["state"], (SYSTEM_TENANT, SYSTEM_TENANT), DbRole.APP),
    "a run's occurrence": (runs.SQL["by_occurrence"], (SYSTEM_TENANT, "discovery", "x"), DbRole.APP),
}
_INDEX = re.compile(r"^(CREATE (?:UNIQUE )?INDEX (\w+) ON (?:app|queue)\.[^;]+);$", re.MULTILINE)
GUARDED = (
    "outbox_events",
    "procrastinate_jobs",
    "job_executions",
    "job_attempts",
    "absorbed_events",
    "dead_letters",
    "runs",
)


async def stuck_keys(tx: Tx, _settings: Settings) -> list[Finding]:
    """Jobs that nothing delivers; ordered deliveries, and events of our own queue, behind one of their key that fails."""
    found = [
        wrong(
            "stuck keys",
            f"{r['job']} {r['id']} is {r['state']}, and nothing delivers it",
            f"headwater jobs retry {r['id']}",
        )
        for r in await tx.fetch(SQL["lost"], LOST_S)
    ]
    found += [
        wrong(
            "stuck keys",
            f"{r['behind']} deliveries of one ordering key wait behind event {r['event_id']} ({r['sink']}, {r['attempts']} tries)",
            f"headwater outbox explain {r['event_id']} says why"
            + (
                f"; headwater webhooks change {r['aggregate_id']} --tenant {r['slug']} --ordering park lets the others pass"
                if r["sink"] == SINK
                else ""
            ),
        )
        for r in await tx.fetch(SQL["blocked"], BLOCKED_S)
    ]
    found += [_behind(r) for r in await tx.fetch(SQL["behind_their_turn"], BLOCKED_S)]
    return found or [fine("stuck keys", "every waiting job has its delivery")]


def _behind(row: Any) -> Finding:
    """Events of our own queue that wait for their turn. What ends the one before them lets them go."""
    event, job = row["event_id"], row["job_id"]
    who = f"{row['behind']} events of one ordering key wait behind event {event}"
    if row["given_up"]:
        mend = f"headwater jobs retry {job}; headwater jobs dismiss {event} lets the others go without it"
        return wrong("stuck keys", f"{who}: its {row['job']} {job} was given up", mend)
    if job is not None:
        mend = f"headwater jobs show {job} says why; headwater jobs cancel {job} lets the others go once its next try is due"
        return wrong("stuck keys", f"{who}: its {row['job']} {job} has failed {row['failures']} times", mend)
    if row["never_left"]:
        mend = f"headwater outbox replay {event}; headwater jobs dismiss {event} lets the others go without it"
        return wrong("stuck keys", f"{who}, which was given up", mend)
    mend = f"headwater outbox explain {event} says why; what is not mended becomes a dead letter, to be replayed or dismissed"
    return wrong("stuck keys", f"{who}: {row['attempts']} tries to hand it off failed", mend)


async def restore(tx: Tx, tenants: Sequence[UUID], execution_id: UUID, *, by: str) -> bool:
    """Let a job that lost its delivery be delivered again, now (system role). Audited. False: it has one, or needs none."""
    owner = await tx.fetchval(SQL["restore"], list(tenants), execution_id)
    if owner is None:
        row = await tx.fetchrow(SQL["abandoned"], list(tenants), execution_id)
        if row is None:
            return False
        owner = row["tenant_id"]
        await outbox.redeliver_at(tx, owner, execution_id, None, correlation_id=row["correlation_id"])
    await audit(tx, owner, by, "job.delivery_restored", "job", str(execution_id))
    return True


async def bloat(tx: Tx, _settings: Settings) -> list[Finding]:
    """Dead rows that nobody clears away: something holds a snapshot, or autovacuum does not keep up."""
    return [
        note(
            "bloat",
            f"{r['name']} has {r['dead']:,} dead rows beside {r['living']:,} living ones ({r['bytes'] >> 20} MB), "
            + (f"last vacuumed {r['vacuumed_at']:%F %R}" if r["vacuumed_at"] else "never vacuumed"),
            f"VACUUM (ANALYZE) {r['name']}; if that does not help, end what holds a snapshot (named under snapshots)",
        )
        for r in await tx.fetch(SQL["bloat"], DEAD_ROWS)
    ] or [fine("bloat", "no table has more dead rows than living ones")]


async def queue_schema(tx: Tx, _settings: Settings) -> list[Finding]:
    """Is the queue's schema what this version was written for?"""
    there, known = await queue_shape(tx), expected_shape()
    if calls := lacking(installed_calls(), {*there, *known}):
        words = f"the installed Procrastinate {version('procrastinate')} calls {', '.join(calls)}, which this database lacks"
        return [wrong("queue schema", words, "pip install -r requirements.lock (or start the image of this release)")]
    wrongs = [(name, word) for word, names in (
        ("missing", known.keys() - there.keys()), ("unknown", there.keys() - known.keys()),
        ("changed", {n for n in known.keys() & there.keys() if known[n] != there[n]}),
    ) for name in sorted(names)]  # fmt: skip
    if not wrongs:
        return [fine("queue schema", f"{len(known)} objects, as they should be")]
    tables = {r["name"]: r["columns"] for r in await tx.fetch(SQL["queue_columns"])}
    triggers = {r["name"]: r["of"] for r in await tx.fetch(SQL["queue_triggers"])}
    found = []
    for name, word in wrongs[:FEW]:
        kind, _, bare = name.partition(" ")
        found.append(wrong("queue schema", f"{name} is {word}", queue_mends.mend(kind, bare, word, tables, triggers)))
    if len(wrongs) > FEW:
        more = f"and {len(wrongs) - FEW} more"
        found.append(wrong("queue schema", more, "headwater doctor, once these are mended, names them"))
    return found


def lacking(calls: frozenset[str], names: Iterable[str]) -> list[str]:
    """Functions that are called, and neither there nor of this version: this was written for another Procrastinate."""
    return sorted(calls - {name.partition(" ")[2].partition("/")[0] for name in names})


async def queue_shape(tx: Tx) -> dict[str, str]:
    """Digest of every object in schema `queue`, by kind and name."""
    return {r["name"]: r["digest"] for r in await tx.fetch(SQL["queue_shape"])}


@cache
def expected_shape() -> dict[str, str]:
    """The same as this version made it."""
    known: dict[str, str] = json.loads(resources.files("db").joinpath("data/queue_shape.json").read_text())
    return known


async def plans(pool: Pool) -> list[Finding]:
    """Do the statements of all day still find what they need without reading whole tables?"""
    found = []
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        broken = [r["name"] for r in await tx.fetch(SQL["broken_indexes"])]
        there = {r["name"] for r in await tx.fetch(SQL["indexes"])}
        pages = {r["name"]: r["pages"] for r in await tx.fetch(SQL["sizes"])}
    found += [wrong("plans", f"index {each} cannot be used", f"REINDEX INDEX CONCURRENTLY {each}") for each in broken]
    found += [
        wrong("plans", f"index {name} is missing", made.replace("INDEX", "INDEX CONCURRENTLY", 1))
        for name, made in _expected_indexes().items()
        if name not in there
    ]
    for name, (query, arguments, role) in HOT.items():
        for forced in (True, False):
            read = await _read_whole(pool, query, arguments, role, forced=forced)
            large = sorted(t for t in read if forced or pages.get(t, 0) >= MANY_PAGES)
            if large and forced:
                mend = f"an index is missing: make the one that db/schema.sql has on {', '.join(large)}, CONCURRENTLY"
            elif large:
                mend = f"statistics are old: ANALYZE {', '.join(_qualified(t) for t in large)}"
            if large:
                found.append(wrong("plans", f"{name} reads the whole of {', '.join(large)}", mend))
                break
    return found or [fine("plans", f"{len(HOT)} statements of the hot path use their indexes")]


@cache
def installed_calls() -> frozenset[str]:
    """Functions of the database that the installed Procrastinate calls."""
    return frozenset(re.findall(r"\b(procrastinate_\w+_v\d+)\(", queue_mends.package_file("queries.sql") or ""))


@cache
def _expected_indexes() -> dict[str, str]:
    """Indexes of this version's schema that no constraint makes -> the statement that does."""
    schema = resources.files("db").joinpath("schema.sql").read_text(encoding="utf-8")
    return {found[2]: found[1] for found in _INDEX.finditer(schema)}


async def _read_whole(pool: Pool, query: str, arguments: Sequence[object], role: DbRole, *, forced: bool) -> set[str]:
    """Guarded tables that a plan reads from end to end; `forced`: only where it has no other way."""
    async with transaction(pool, SYSTEM_TENANT, role=role) as tx:
        if forced:
            await tx.execute("SET LOCAL enable_seqscan = off")
        row = await tx.fetchval(f"EXPLAIN (FORMAT JSON) {query}", *arguments)
    plan = json.loads(row) if isinstance(row, str) else row
    return {
        n["Relation Name"]
        for n in _nodes(plan[0]["Plan"])
        if n["Node Type"] == "Seq Scan" and n["Relation Name"] in GUARDED
    }


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from _nodes(below)


def _qualified(table: str) -> str:
    return f"queue.{table}" if table.startswith("procrastinate_") else f"app.{table}"


async def walls(tx: Tx, _settings: Settings) -> list[Finding]:
    """What the last search for a planted secret found."""
    last = await isolation.latest(tx)
    if last is None:
        return [fine("isolation", "the canary has not been sent yet: a worker does so once a day")]
    when = f"{last.at:%F %R}"
    found = [
        wrong("isolation", f"{leak.where} shows {leak.tenants} tenants rows of others ({when})",
              f"{_wall(leak.where, await tx.fetch(SQL['policies'], leak.where))}; headwater tenants isolation")
        for leak in last.leaks
    ]  # fmt: skip
    if last.unplanted:
        mend = "headwater tenants isolation, once db/planting.py says what a row of these needs (standing rows are looked for)"
        found.append(note("isolation", f"no secret could be planted in {', '.join(last.unplanted[:5])}", mend))
    places = f"{last.relations} tables and views and {last.functions} functions"
    looked = f"{last.tenants} tenants see nothing of others in {places} ({when})"
    return found or [fine("isolation", looked)]


def _wall(place: str, standing: Sequence[Any]) -> str:
    """SQL that puts the policies of a table, or the text of a view or function, back as this version has them.

    `standing`: the policies that the table has. At once: without a policy nobody sees a row, and a worker would take jobs for gone.
    """
    schema = resources.files("db").joinpath("schema.sql").read_text(encoding="utf-8")
    name = re.escape(place.partition("(")[0])
    policies = re.findall(rf"^CREATE POLICY (\w+) (ON {name} [^;]+);$", schema, re.MULTILINE)
    if policies:
        drop = "; ".join(f"DROP POLICY {p['name']} ON {place}" for p in standing)
        put = "; ".join(f"CREATE POLICY {p} {rest}" for p, rest in policies)
        law = f"ALTER TABLE {place} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY"
        return f"BEGIN; SET LOCAL ROLE headwater_owner; {drop + '; ' if drop else ''}{put}; {law}; COMMIT"
    made = re.search(rf"^CREATE (VIEW|FUNCTION) ({name}\b.*?;)\n\nALTER ", schema, re.MULTILINE | re.DOTALL)
    if made:
        return f"SET ROLE headwater_owner; CREATE OR REPLACE {made[1]} {made[2]} RESET ROLE"
    return f"""psql "$(headwater db url)" -c '\\d+ {place}', and what db/schema.sql has on it"""


async def daily(tx: Tx, _settings: Settings) -> list[Finding]:
    """Is what should happen once a day done?"""
    behind = await retention.late(tx, LATE_H)
    if behind:
        mend = "headwater worker --only maintain does it once a day; headwater retention run does it now"
        return [note("retention", f"{behind} daily passes are more than {LATE_H:.0f} h old", mend)]
    return [fine("retention", "nothing is late")]
