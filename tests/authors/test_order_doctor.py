"""The doctor names what waits behind a key of our own queue that cannot go on, with the command that lets it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from contracts.checkups import Finding
from contracts.settings import Settings
from db import drift, outbox, turns
from db.transaction import DbRole, Pool, transaction
from tests.authors.stage import probe, said, worked, worker
from tests.authors.test_order import KEY, advanced, broken, failing
from tests.conftest import Connection
from tests.front.programs import run

pytestmark = pytest.mark.slow


async def looked(pool: Pool) -> list[Finding]:
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        return [f for f in await drift.stuck_keys(tx, Settings.model_construct()) if f.level != "ok"]


async def behind(conn: Connection, pool: Pool, choice: Any, body: Any) -> tuple[UUID, int]:
    """Three of one key, an hour ago, the first of which was run by `body`; gives that one, and a worker."""
    first, *_ = await said(pool, probe(), probe(), probe(), ordering_key=KEY, on_failure=choice)
    who = await worker(pool)
    await advanced(pool)
    assert await worked(pool, who, body) == 1
    await advanced(pool)
    assert await looked(pool) == [], "a moment is no reason for alarm"
    await conn.execute(
        "UPDATE app.outbox_events SET available_at = app.now() - interval '1 hour' WHERE sink = 'ordered'"
    )
    return first, who


def done(command: str, db_url: str) -> None:
    ran = run(*command.split()[1:], DATABASE_URL=db_url)
    assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize("nth", [0, 1], ids=["retry", "dismiss"])
async def test_a_key_behind_one_that_was_given_up_is_named(conn: Connection, pool: Pool, db_url: str, nth: int) -> None:
    # B.10
    first, who = await behind(conn, pool, "block", broken)
    (found,) = await looked(pool)
    job = await conn.fetchval("SELECT id FROM app.job_executions WHERE event_id = $1", first)
    assert found.found == f"2 events of one ordering key wait behind event {first}: its probe.run {job} was given up"
    commands = (found.mend or "").split("; ")
    assert [c.split(" lets")[0] for c in commands] == [f"headwater jobs retry {job}", f"headwater jobs dismiss {first}"]
    done(commands[nth].split(" lets")[0], db_url)
    made = await advanced(pool)
    if nth == 0:
        await worked(pool, who)
        made = await advanced(pool)
    assert made == 1, "the second goes"
    assert await looked(pool) == []


async def test_a_key_behind_one_that_keeps_failing_is_named(conn: Connection, pool: Pool, db_url: str) -> None:
    # B.10
    first, who = await behind(conn, pool, "park", failing)
    (found,) = await looked(pool)
    job = await conn.fetchval("SELECT id FROM app.job_executions WHERE event_id = $1", first)
    assert (
        found.found == f"2 events of one ordering key wait behind event {first}: its probe.run {job} has failed 1 times"
    )
    show, cancel = (found.mend or "").split("; ")
    done(show.split(" says")[0], db_url)
    done(cancel.split(" lets")[0], db_url)
    await conn.execute("UPDATE app.outbox_events SET available_at = app.now() WHERE type = 'Redelivery'")
    await advanced(pool)
    await worked(pool, who)
    assert await advanced(pool) == 1
    assert await looked(pool) == []


@pytest.mark.parametrize(("choice", "body"), [("park", broken), ("skip", failing)])
async def test_a_key_that_goes_on_is_not_named(conn: Connection, pool: Pool, choice: Any, body: Any) -> None:
    await behind(conn, pool, choice, body)
    assert await looked(pool) == []


async def not_handed_off(conn: Connection, pool: Pool, max_attempts: int) -> tuple[UUID, list[Finding]]:
    """The first of two cannot be handed off, and its key waits for it to the last."""
    first, _ = await said(pool, probe(), probe(), ordering_key=KEY, on_failure="block")
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        await turns.advance(tx, turns.Round())
        (event,) = await outbox.claim(tx, batch=10, tenant_buffer=200)
        buried = await outbox.park(tx, event, "nobody knows it", "unknown_event", max_attempts=max_attempts)
    assert buried == (max_attempts == 1)
    await conn.execute(
        "UPDATE app.outbox_events SET available_at = app.now() - interval '1 hour' WHERE sink = 'ordered'"
    )
    return first, await looked(pool)


async def test_a_key_behind_one_that_fails_to_be_handed_off_is_named(conn: Connection, pool: Pool, db_url: str) -> None:
    # B.10
    first, (found,) = await not_handed_off(conn, pool, 5)
    assert found.found == f"1 events of one ordering key wait behind event {first}: 1 tries to hand it off failed"
    done((found.mend or "").split(" says")[0], db_url)
    assert (found.mend or "").startswith(f"headwater outbox explain {first} says why")


@pytest.mark.parametrize("nth", [0, 1], ids=["replay", "dismiss"])
async def test_a_key_behind_one_that_was_never_handed_off_is_named(
    conn: Connection, pool: Pool, db_url: str, nth: int
) -> None:
    # B.10
    first, (found,) = await not_handed_off(conn, pool, 1)
    assert found.found == f"1 events of one ordering key wait behind event {first}, which was given up"
    done((found.mend or "").split("; ")[nth].split(" lets")[0], db_url)
    assert await advanced(pool) == 1, "this one, or the next"
    assert await looked(pool) == []
