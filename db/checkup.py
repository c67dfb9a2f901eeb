"""What is wrong with a database and what works on it, each finding with the step that mends it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg

from contracts.checkups import Finding, fine, note, wrong
from contracts.errors import HeadwaterError
from contracts.settings import Settings
from db import drift, migrate, queue, retention, standstill
from db.address import direct_url
from db.direct import direct
from db.pool import open_pool
from db.sql import load
from db.transaction import DbRole, Pool, Tx, transaction

SQL = load("checkup")
#: How long a notification may be on its way, in seconds.
HEARD_S = 3.0
#: A dispatcher looks at least every 5 s; events due, or deliveries not taken, for longer than this are stuck.
STUCK_S = 30.0
#: A dispatcher that is silent for longer than this is stale, in seconds.
STALE_S = 15.0
#: A slot that is read, or a standby, is behind as a rule: from so many transactions on it is told of.
HELD_XIDS = 100_000
CHANNEL = "headwater_doctor"
_DIRECTLY = "export DATABASE_DIRECT_URL=postgresql://USER:PASSWORD@SERVER:5432/DATABASE for workers and this command, where SERVER"


async def examine(url: str, settings: Settings, *, held_s: float = 60.0) -> list[Finding]:
    """Look at everything. A transaction open for longer than `held_s` seconds counts as held."""
    try:
        found = await _ground(url)
    except HeadwaterError as error:
        return [wrong("database", error.detail, "start it, or correct DATABASE_URL")]
    if any(f.level == "wrong" for f in found):
        return found
    pool = await open_pool(url, name="headwater doctor", size=2)
    try:
        found.append(await _notification(direct_url(settings, url), pool))
        checks = (drift.stuck_keys, drift.bloat, drift.queue_schema, drift.walls, drift.daily)
        stands = (standstill.behind_the_dead, standstill.overlong, standstill.stream)
        for check in (_workers, _waiting, _stuck, _history, *stands, *checks):
            found += await _asked(pool, check, settings)
        found += await drift.plans(pool)
        found += await held(pool, held_s)
        return found
    finally:
        await pool.close()


async def _ground(url: str) -> list[Finding]:
    async with direct(url) as connection:
        row = await connection.fetchrow(SQL["server"])
        assert row is not None
        found = [
            fine("database", f"PostgreSQL {row['version']}, as {row['login']}, up since {row['started_at']:%F %T}")
        ]
        verb = "SET" if row["number"] >= 160_000 else "MEMBER"
        found += _roles(await connection.fetch(SQL["roles"], [role.value for role in DbRole], verb), row["login"])
    states = await migrate.status(url)
    bad = [f"{s.name} {s.state}" for s in states if s.state != "applied"]
    mends = {
        "pending": "headwater db migrate",
        "changed": "restore the file, and put the change into a new migration",
        "unknown": "deploy the version that brought it",
    }
    worst = next((s.state for s in states if s.state in ("unknown", "changed")), "pending")
    newest = states[-1].name if states else "none"
    found.append(
        wrong("migrations", ", ".join(bad), mends[worst])
        if bad
        else fine("migrations", f"{len(states)} applied, the newest is {newest}")
    )
    return found


def _roles(rows: list[Any], login: str) -> list[Finding]:
    found = []
    for row in rows:
        if not row["known"]:
            found.append(wrong("roles", f"role {row['name']} is missing", "headwater db migrate"))
        elif not row["granted"]:
            mend = f'as an administrator: GRANT {row["name"]} TO "{login}"'
            found.append(wrong("roles", f"{login} may not act as {row['name']}", mend))
        elif row["above_the_law"]:
            mend = f"as an administrator: ALTER ROLE {row['name']} NOSUPERUSER NOBYPASSRLS"
            found.append(wrong("roles", f"{row['name']} sees every tenant's rows", mend))
    return found or [fine("roles", f"{len(rows)} roles, none above row-level security")]


async def _notification(url: str | None, pool: Pool) -> Finding:
    """Does a notification arrive? Not through a pooler that shares sessions between transactions."""
    if url is None:
        return note("notifications", "there is only a pooler, so workers poll", f"{_DIRECTLY} is the server itself")
    heard = asyncio.Event()
    async with direct(url) as listening:
        await listening.add_listener(CHANNEL, lambda *_: heard.set())
        async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
            await queue.wake(tx, CHANNEL)
        try:
            await asyncio.wait_for(heard.wait(), HEARD_S)
        except TimeoutError:
            mend = f"{_DIRECTLY} is Postgres itself or a session pool: LISTEN does not work through others"
            return wrong("notifications", f"a NOTIFY was not heard within {HEARD_S:.0f} s", mend)
    return fine("notifications", "a NOTIFY is heard")


async def _asked(pool: Pool, check: Callable[[Tx, Settings], Awaitable[list[Finding]]], of: Settings) -> list[Finding]:
    try:
        async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
            return await check(tx, of)
    except asyncpg.PostgresError as error:
        return [
            wrong(
                check.__name__.strip("_").replace("_", " "), f"could not be looked at: {error}", "headwater db status"
            )
        ]


async def _workers(tx: Tx, settings: Settings) -> list[Finding]:
    workers, ago = await queue.alive(tx, settings.worker_dead_after_s)
    listening = await tx.fetchrow(SQL["listeners"], settings.worker_dead_after_s)
    assert listening is not None
    if not workers:
        return [
            wrong("workers", "no worker is alive: nothing moves", "headwater worker, or headwater up for everything")
        ]
    if ago is None:
        return [wrong("workers", f"{workers} are alive, none dispatches", "headwater worker --only dispatch")]
    if ago > STALE_S:
        return [wrong("workers", f"nothing was dispatched for {ago:.0f} s", "restart the worker; its log says why")]
    deaf = [
        name
        for name, is_deaf in (
            ("dispatchers", not listening["dispatching"]),
            ("job workers", listening["workers"] and not listening["working"]),
        )
        if is_deaf
    ]
    if deaf:
        mend = "nothing urgent: they poll; the worker's log says why (listener_lost). Behind a pooler: docs/scaling.md"
        return [note("workers", f"{' and '.join(deaf)} are alive, but none listens", mend)]
    heard = listening["dispatching"] + listening["working"]
    return [fine("workers", f"alive, dispatched {ago:.1f} s ago, {heard} listening")]


async def _waiting(tx: Tx, _settings: Settings) -> list[Finding]:
    row = await tx.fetchrow(SQL["waiting"])
    assert row is not None
    due, letters = row["oldest_due_s"], row["dead_letters"]
    found = [fine("outbox", "nothing has been due for long")]
    if due is not None and due > STUCK_S:
        mend = "headwater outbox explain EVENT says why; headwater outbox list --status pending names them"
        found = [wrong("outbox", f"the oldest event has been due for {due:.0f} s", mend)]
    if letters:
        mend = "headwater jobs list --dead-letters, then headwater jobs retry ID or headwater outbox replay"
        found.append(note("dead letters", f"{letters} wait for an answer", mend))
    return found


async def _stuck(tx: Tx, settings: Settings) -> list[Finding]:
    row = await tx.fetchrow(SQL["stuck"], max(STUCK_S, 10 * settings.worker_dead_after_s))
    assert row is not None
    found = []
    if n := row["held_by_the_dead"]:
        mend = "headwater worker --only maintain: the rescue gives them back"
        found.append(wrong("queue", f"{n} jobs are held by workers that are dead", mend))
    if n := row["not_taken"]:
        mend = "headwater worker --only jobs: more workers, or find out what the busy ones do (headwater jobs list)"
        found.append(wrong("queue", f"{n} jobs have not been taken for long", mend))
    return found or [fine("queue", "nothing is stuck")]


async def _history(tx: Tx, _settings: Settings) -> list[Finding]:
    if astray := await retention.astray(tx):
        return [
            wrong("history", f"{astray} rows stand in the DEFAULT partition", "headwater db migrate: makes their month")
        ]
    return [fine("history", "every row has its month")]


async def held(pool: Pool, held_s: float, held_xids: int = HELD_XIDS) -> list[Finding]:
    """Old snapshots keep dead rows alive; the queue's tables suffer first. Seen by the login user, as far as it may look."""
    async with pool.acquire() as connection:
        rows = await connection.fetch(SQL["holders"], held_s, held_xids)
        hidden = await connection.fetchrow(SQL["hidden"])
    found = [_holder(row) for row in rows]
    if hidden is not None and (hidden["sessions"] or hidden["standbys"]):
        whose = f"{hidden['sessions']} connections here of {', '.join(hidden['users'] or ['nobody'])}"
        text = (
            f"{whose} and {hidden['standbys']} standbys cannot be looked into: whether they hold a snapshot is unknown"
        )
        found.append(note("snapshots", text, f'as an administrator: GRANT pg_read_all_stats TO "{hidden["login"]}"'))
    return found or [fine("snapshots", f"no transaction is older than {held_s:.0f} s")]


def _holder(row: Any) -> Finding:
    what, name, pid = row["what"], row["name"], row["pid"]
    drop = f"SELECT pg_drop_replication_slot('{name}')"
    mends = {
        "session": f"end it where it began, or: SELECT pg_terminate_backend({name})",
        "prepared": f"COMMIT PREPARED '{name}' or ROLLBACK PREPARED '{name}'",
        "slot": f"start its reader, or: {drop}",
        "active slot": f"end what is long at its reader; stop it to do without it: SELECT pg_terminate_backend({pid}); {drop}",
        "standby": "end the long query there; or there: ALTER SYSTEM SET hot_standby_feedback = off; SELECT pg_reload_conf()",
    }
    names = {
        "session": "pid",
        "prepared": "prepared transaction",
        "slot": "slot",
        "active slot": "slot",
        "standby": "standby",
    }
    age = f" for {row['age_s']:.0f} s" if row["age_s"] is not None else ""
    if row["age_xids"] is not None:
        age = f", {row['age_xids']:,} transactions old"
    return wrong("snapshots", f"{names[what]} {name} holds a snapshot{age} ({row['detail']})", mends[what])
