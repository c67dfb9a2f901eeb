"""Ids are RFC 9562 version 7: they tell their time, come in its order, and are nobody's twice."""

from __future__ import annotations

import os
import time
from uuid import RFC_4122, UUID

import asyncpg

from db.ids import new_id
from tests.conftest import Connection

MANY = 50_000


async def test_an_id_is_of_version_7_and_tells_when_it_was_made(conn: Connection) -> None:
    # R24
    row = await conn.fetchrow("SELECT extract(epoch FROM clock_timestamp()) * 1000 AS before, app.uuidv7() AS id")
    assert row is not None
    made = UUID(bytes=row["id"].bytes)
    assert (made.version, made.variant) == (7, RFC_4122)
    after = await conn.fetchval("SELECT extract(epoch FROM clock_timestamp()) * 1000")
    assert float(row["before"]) - 2 <= made.int >> 80 <= float(after) + 2


async def test_ids_of_one_session_come_in_the_order_of_time(conn: Connection) -> None:
    ids = [UUID(bytes=(await conn.fetchval("SELECT app.uuidv7()")).bytes) for _ in range(200)]
    assert ids == sorted(ids)


async def test_many_ids_of_many_sessions_are_different_and_all_of_their_kind(db_url: str, conn: Connection) -> None:
    others = [await asyncpg.connect(db_url) for _ in range(3)]
    every: set[str] = set()
    for session in (conn, *others):
        rows = await session.fetch(f"SELECT app.uuidv7()::text AS id FROM generate_series(1, {MANY})")
        every |= {row["id"] for row in rows}
    for session in others:
        await session.close()
    assert len(every) == 4 * MANY
    assert {each[14] for each in every} == {"7"}
    assert {each[19] for each in every} == set("89ab")
    # The last digit takes every value about equally often: nothing is cut off or rounded.
    counts = [sum(each.endswith(digit) for each in every) for digit in "0123456789abcdef"]
    assert min(counts) > 0.9 * 4 * MANY / 16


def test_ids_made_here_are_of_the_same_kind() -> None:
    before = time.time_ns() // 1_000_000
    every = [new_id() for _ in range(MANY)]
    assert len(set(every)) == MANY
    assert [each.int >> 64 for each in every] == sorted(each.int >> 64 for each in every)
    assert {(each.version, each.variant) for each in every} == {(7, RFC_4122)}
    assert before <= every[0].int >> 80 <= every[-1].int >> 80 <= time.time_ns() // 1_000_000
    assert {str(each)[19] for each in every} == set("89ab")
    for place in (15, 17, 20, 22, 24, 35):
        assert {str(each)[place] for each in every} == set("0123456789abcdef")


def test_a_forked_process_does_not_repeat_its_parents_ids() -> None:
    theirs, ours = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(ours, (new_id().int & (1 << 62) - 1).to_bytes(8, "big"))
        os._exit(0)
    mine = new_id().int & (1 << 62) - 1
    os.waitpid(child, 0)
    assert int.from_bytes(os.read(theirs, 8), "big") != mine
    os.close(theirs)
    os.close(ours)
