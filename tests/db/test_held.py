"""The doctor's look at held snapshots: standbys and slots that are read, and what it may not look into."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from db import checkup, server
from db.pool import open_pool
from tests.conftest import Connection, Databases
from tests.queue.working import until

pytestmark = pytest.mark.slow


class Standby:
    """A walsender's other end, as far as it says that it has a long query (hot_standby_feedback)."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    @asynccontextmanager
    async def of(cls, url: str, name: str, slot: str | None, lsn: str) -> AsyncIterator[Standby]:
        at = urlsplit(url)
        reader, writer = await asyncio.open_connection(at.hostname, at.port)
        one = cls(reader, writer)
        said = {"user": at.username or "", "replication": "true", "application_name": name}
        words = b"".join(f"{k}\0{v}\0".encode() for k, v in said.items()) + b"\0"
        writer.write(struct.pack("!ii", len(words) + 8, 196608) + words)
        await one._until(b"Z")
        one._send(b"Q", f"START_REPLICATION {f'SLOT {slot} ' if slot else ''}PHYSICAL {lsn}\0".encode())
        await one._until(b"W")
        try:
            yield one
        finally:
            writer.close()

    async def feed_back(self, xmin: int) -> None:
        self._send(b"d", b"h" + struct.pack("!qIIII", 0, xmin, 0, 0, 0))
        await self._writer.drain()

    def _send(self, kind: bytes, body: bytes) -> None:
        self._writer.write(kind + struct.pack("!i", len(body) + 4) + body)

    async def _until(self, wanted: bytes) -> None:
        while True:
            kind, length = struct.unpack("!ci", await self._reader.readexactly(5))
            body = await self._reader.readexactly(length - 4)
            assert kind != b"E", body
            if kind == wanted:
                return


async def _both_hold(conn: Connection) -> bool:
    standbys = await conn.fetchval("SELECT count(*) FROM pg_stat_replication WHERE backend_xmin IS NOT NULL")
    slots = await conn.fetchval("SELECT count(*) FROM pg_replication_slots WHERE xmin IS NOT NULL")
    return bool((standbys, slots) == (1, 1))


async def _dropped(conn: Connection, command: str) -> bool:
    try:
        await conn.execute(command)
    except asyncpg.ObjectInUseError:
        return False  # its session is ending
    return True


async def test_a_standby_and_a_slot_that_is_read_are_named_with_what_ends_it(tmp_path: Path) -> None:
    # B.10: what a standby's long query holds back here is no session's.
    replicating = {"wal_level": "replica", "max_wal_senders": "4", "max_replication_slots": "4"}
    with await asyncio.to_thread(server.start, tmp_path / "pg", durable=False, settings=replicating) as running:
        conn = await asyncpg.connect(running.url)
        await conn.execute("SELECT pg_create_physical_replication_slot('kept', true)")
        lsn = await conn.fetchval("SELECT pg_current_wal_lsn()::text")
        xmin = int(await conn.fetchval("SELECT pg_snapshot_xmin(pg_current_snapshot())::text"))
        pool = await open_pool(running.url, name="tests", size=1)
        async with (
            Standby.of(running.url, "far", None, lsn) as far,
            Standby.of(running.url, "near", "kept", lsn) as near,
        ):
            await far.feed_back(xmin)
            await near.feed_back(xmin)
            await until(lambda: _both_hold(conn))
            for _ in range(20):
                await conn.execute("SELECT pg_current_xact_id()")
            assert [f.level for f in await checkup.held(pool, 60)] == ["ok"], "to be a little behind is usual"
            found = {f.found.split(",")[0]: f for f in await checkup.held(pool, 60, held_xids=10)}
            assert set(found) == {"standby far holds a snapshot", "slot kept holds a snapshot"}
            assert {f.level for f in found.values()} == {"wrong"}
            assert "ALTER SYSTEM SET hot_standby_feedback = off" in (found["standby far holds a snapshot"].mend or "")
            commands = (found["slot kept holds a snapshot"].mend or "").split("without it: ")[1].split("; ")
            await conn.execute(commands[0])
            await until(lambda: _dropped(conn, commands[1]))
            assert len(await checkup.held(pool, 60, held_xids=10)) == 1
        await pool.close()
        await conn.close()


async def test_what_may_not_be_looked_into_is_said_with_the_grant_that_mends_it(
    conn: Connection, databases: Databases, db_url: str
) -> None:
    # B.10: to a login without pg_read_all_stats the sessions of others show nothing.
    name = f"{urlsplit(db_url).path[1:]}_narrow"
    databases.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'x'")
    parts = urlsplit(db_url)
    pool = await open_pool(
        urlunsplit(parts._replace(netloc=f"{name}:x@{parts.hostname}:{parts.port}")), name="tests", size=1
    )
    try:
        await conn.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM app.tenants")
        (hidden,) = await checkup.held(pool, 0)
        assert hidden.level == "note"
        assert hidden.found.startswith(f"1 connections here of {parts.username} and 0 standbys cannot be looked into")
        databases.execute((hidden.mend or "").removeprefix("as an administrator: "))
        (found,) = await checkup.held(pool, 0)
        assert found.level == "wrong"
        assert found.found.startswith(f"pid {await conn.fetchval('SELECT pg_backend_pid()')} holds a snapshot")
    finally:
        await pool.close()
        await conn.execute("ROLLBACK")
        databases.execute(f"DROP ROLE {name}")
