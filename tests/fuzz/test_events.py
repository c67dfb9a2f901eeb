"""Stored events and arguments that no code of ours wrote: each is parked and named by itself, its neighbours go through."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import strategies as st

from contracts.events import Event, Probed, payload_of
from db import outbox, queue, replays, verification
from db.transaction import DbRole, Pool, transaction
from tests.conftest import Connection
from tests.contracts.test_messages import facts
from tests.db.conftest import new_tenant
from tests.fuzz.drawn import drawn
from tests.worker.dispatching import dispatcher, emit, probes
from tests.worker.test_frame import Frame, raising

#: JSON as Postgres keeps it, but not as we write it.
JUNK = [
    "null", "true", "[]", "{}", '""', "-1", "1.5", "1e400", "-0.0", "1" * 5000, '"' + "x" * 100_000 + '"', "[" * 250 + "]" * 250,
    '{"a":' * 3000 + "1" + "}" * 3000, '"\\ud83d\\ude00\\u202e\\u001b[31m"', '"00000000-0000-0000-0000-000000000000"',
]  # fmt: skip
#: What may stand where a type stands, and a version.
TYPES = [
    "",
    " ",
    "probed",
    "Probed ",
    "NoSuchThing",
    "Fact",
    "x" * 100,
    "🙂" * 100,
    "'; DROP TABLE app.runs; --",
    "\x1b[31m",
]
VERSIONS = [0, -1, 2, 99, 32767, -32768]

Row = tuple[str, int, str]


def _spoilt_payload(payload: dict[str, Any], how: str, junk: str, place: int) -> str:
    """The JSON text of a payload with one thing wrong."""
    members = {name: json.dumps(value) for name, value in payload.items()}
    name = sorted(members)[place % len(members)]
    match how:
        case "drop":
            del members[name]
        case "retype":
            members[name] = junk
        case "add":
            members["added" if place % 2 else "x" * 5000] = junk
        case "rename":
            members[name.upper()] = members.pop(name)
        case "replace":
            return junk
    return "{" + ",".join(f"{json.dumps(name)}:{value}" for name, value in members.items()) + "}"


@st.composite
def rows(draw: st.DrawFn) -> Row:
    """Type, version and payload of an event with something wrong about it."""
    fact: Event = draw(facts)
    payload = json.loads(payload_of(fact).replace(b"\\u0000", b""))  # which no jsonb holds, so no row either
    how = draw(st.sampled_from(["drop", "retype", "retype", "add", "rename", "replace", "type", "version"]))
    if how == "type":
        return draw(st.sampled_from(TYPES)), 1, json.dumps(payload)
    if how == "version":
        return fact.type, draw(st.sampled_from(VERSIONS)), json.dumps(payload)
    return fact.type, 1, _spoilt_payload(payload, how, draw(st.sampled_from(JUNK)), draw(st.integers(0, 5)))


async def write(conn: Connection, tenant: UUID, row: Row) -> UUID:
    event_id: UUID = await conn.fetchval(
        "INSERT INTO app.outbox_events (tenant_id, aggregate_type, aggregate_id, type, version, payload, available_at, created_at)"
        " VALUES ($1, 'run', gen_random_uuid(), $2, $3, $4::text::jsonb, app.now(), app.now()) RETURNING event_id",
        tenant, *row,
    )  # fmt: skip
    return event_id


async def drain(pool: Pool) -> None:
    while (await dispatcher(pool, dispatch_tenant_buffer=0).dispatch_batch())[1]:
        pass


async def whole(pool: Pool) -> bool:
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        return (await verification.verify(tx, None, await verification.check_deliveries(tx, None))).ok


@pytest.mark.parametrize(
    "cases", [250, pytest.param(4000, marks=[pytest.mark.slow, pytest.mark.timeout(900)])], ids=["some", "many"]
)
async def test_spoilt_events_are_parked_and_named_and_their_neighbours_go_through(
    conn: Connection, pool: Pool, tenant: UUID, cases: int
) -> None:
    # S2.06 S2.04
    spoilt = {await write(conn, tenant, row): row for row in drawn(rows(), cases)}
    other = await new_tenant(pool)
    for mine in (tenant, other):
        await emit(pool, mine, *probes(20))
    await drain(pool)

    healthy = await conn.fetchval("SELECT count(*) FROM app.outbox_history WHERE NOT event_id = ANY($1)", list(spoilt))
    assert healthy == 40
    parked = await conn.fetch(  # on a slow machine some have been tried five times by now
        "SELECT event_id, state, error_class, last_error FROM app.outbox_events"
        " UNION ALL SELECT event_id, 'failed', error_class, error FROM app.dead_letters"
    )
    assert len(parked) > cases / 2
    for row in parked:
        assert row["state"] == "failed", spoilt[row["event_id"]]
        assert row["error_class"] in ("bad_payload", "unknown_event", "unknown_version"), spoilt[row["event_id"]]
        assert row["last_error"]
    assert await whole(pool)


@pytest.mark.parametrize("junk", JUNK, ids=range(len(JUNK)))
async def test_a_buried_event_can_be_seen_and_goes_out_once_it_is_corrected(
    conn: Connection, pool: Pool, tenant: UUID, junk: str
) -> None:
    # S2.06
    event_id = await write(conn, tenant, ("Probed", 1, junk))
    for _ in range(5):
        await drain(pool)
        await conn.execute("UPDATE app.outbox_events SET available_at = app.now()")
    letter = await conn.fetchrow("SELECT event_id, error_class FROM app.dead_letters")
    assert letter is not None
    assert tuple(letter) == (event_id, "bad_payload")

    right = json.dumps({"probeId": str(uuid4())})
    await conn.execute("UPDATE app.dead_letters SET event = jsonb_set(event, '{payload}', $1::text::jsonb)", right)
    async with transaction(pool, tenant) as tx:
        assert (await replays.replay_event(tx, [tenant], event_id, "tests")).event_id == event_id
    await drain(pool)
    assert await conn.fetchval("SELECT state FROM app.job_executions") == "queued"
    assert await whole(pool)


async def test_ids_of_another_tenant_in_a_payload_open_nothing(conn: Connection, pool: Pool, tenant: UUID) -> None:
    # S2.06
    other = await new_tenant(pool)
    await emit(pool, other, *probes(1))
    await drain(pool)
    theirs = await conn.fetchrow("SELECT id, token, state FROM app.job_executions")
    assert theirs is not None
    await conn.execute("UPDATE app.job_executions SET state = 'waiting'")
    await write(conn, tenant, ("Redelivery", 1, json.dumps({"executionId": str(theirs["id"])})))
    await drain(pool)
    after = await conn.fetchrow("SELECT id, token, state FROM app.job_executions")
    assert after is not None
    assert tuple(after) == (theirs["id"], theirs["token"], "waiting")


@pytest.mark.parametrize("junk", JUNK, ids=range(len(JUNK)))
async def test_arguments_that_fit_no_contract_are_given_up_and_named(
    conn: Connection, pool: Pool, tenant: UUID, junk: str
) -> None:
    # S2.06
    await emit(pool, tenant, *probes(3))
    await drain(pool)
    await conn.execute("UPDATE app.job_executions SET payload = $1::text::jsonb", junk)
    frame = Frame(pool, tenant)
    for _ in range(3):
        delivery = await frame.next()
        assert delivery is not None
        await frame.perform(delivery, "probe.run", raising(AssertionError("it ran")))
    letters = await conn.fetch("SELECT name, error_class, error FROM app.dead_letters")
    assert [(r["name"], r["error_class"]) for r in letters] == [("probe.run", "bad_payload")] * 3
    assert all("probe.run" in r["error"] for r in letters)


async def test_what_emit_takes_the_handoff_cannot_refuse(conn: Connection, pool: Pool, tenant: UUID) -> None:
    # S2.06
    texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=512)
    tracing = st.dictionaries(st.sampled_from(["traceparent", "tracestate"]), texts.map(lambda s: s.replace("\0", "")))
    events = drawn(st.tuples(facts, tracing), 400)
    taken = 0
    for event, headers in events:
        try:
            async with transaction(pool, tenant) as tx:
                await outbox.emit(tx, tenant, event, headers=headers)
                taken += 1
        except Exception:
            continue
    await drain(pool)
    assert taken > 350
    assert await conn.fetchval("SELECT count(*) FROM app.outbox_events") == 0
    assert await conn.fetchval("SELECT count(*) FROM app.outbox_history") == taken
    assert await whole(pool)


async def test_the_queue_survives_arguments_beyond_any_limit_of_json(
    conn: Connection, pool: Pool, tenant: UUID
) -> None:
    await emit(pool, tenant, Probed(probe_id=uuid4()), Probed(probe_id=uuid4()))
    await drain(pool)
    deep = "[" * 3000 + "]" * 3000
    await conn.execute(
        "UPDATE app.job_executions SET payload = $1::text::jsonb WHERE id = (SELECT min(id::text)::uuid FROM app.job_executions)",
        deep,
    )
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        worker = await queue.register(tx, "here", 1, ["jobs"])
        assert len(await queue.fetch(tx, worker, ["probe"], 10)) == 2
