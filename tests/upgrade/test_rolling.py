"""A worker of the version before goes on beside the new schema and the new workers; what was in flight is done, once."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from contracts.errors import Unavailable
from contracts.outbox import Verification
from db import migrate, soak, tenants, verification
from db.pool import open_pool
from db.transaction import DbRole, Pool, transaction
from front.soak import bodies
from tests.conftest import Connection
from tests.flows.installation import until
from tests.upgrade.previous import Previous, recorded
from worker.commands import _migrated

#: What a migration of the next version may do while workers of this one run: see the runbook.
EXPAND = """
ALTER TABLE app.job_executions ADD COLUMN shade text NOT NULL DEFAULT 'none';
ALTER TABLE app.outbox_events ADD COLUMN shade text;
ALTER TABLE queue.procrastinate_jobs ADD COLUMN shade text;
CREATE TABLE app.shades (tenant_id uuid NOT NULL REFERENCES app.tenants, name text NOT NULL, PRIMARY KEY (tenant_id, name));
"""
_PLANNED = ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH", "VALUES")


async def test_every_statement_of_the_version_before_fits_this_schema(conn: Connection) -> None:
    # S1.10: a migration may add; what a running worker reads and writes stays until nobody runs that version.
    _, statements = recorded()
    await soak.make_tables(conn)
    broken: dict[str, str] = {}
    for name, text in statements.items():
        words = "\n".join(line for line in text.splitlines() if not line.startswith("--")).split()
        if name.startswith("soak.") or words[0] not in _PLANNED:
            continue
        try:
            await conn.prepare(text)
        except asyncpg.PostgresError as error:
            broken[name] = str(error)
    assert broken == {}
    assert len(statements) > 500


async def test_a_worker_does_not_start_on_a_schema_older_than_its_own(empty_db_url: str, tmp_path: Path) -> None:
    # S1.10
    newest = max(path.name for path in migrate.FOLDER.glob("*.sql"))
    for path in migrate.FOLDER.glob("*.sql"):
        if path.name < newest:
            shutil.copy(path, tmp_path)
    await migrate.migrate(empty_db_url, tmp_path)
    with pytest.raises(
        Unavailable, match=rf"1 migrations are not applied, {newest} is the first: run `headwater db migrate`"
    ):
        await _migrated(empty_db_url)
    await migrate.migrate(empty_db_url)
    await _migrated(empty_db_url)
    (tmp_path / newest).write_text((migrate.FOLDER / newest).read_text())
    (tmp_path / "9999_next.sql").write_text(EXPAND)
    await migrate.migrate(empty_db_url, tmp_path)
    await _migrated(empty_db_url)  # nor does a newer one keep it from coming back after a crash


@pytest.mark.slow
async def test_old_and_new_workers_share_what_was_in_flight(empty_db_url: str, tmp_path: Path, place: Path) -> None:
    # S1.10 B.01: migrate first, then one worker after the other.
    released, statements = recorded()
    for path in migrate.FOLDER.glob("*.sql"):
        if path.name <= released:
            shutil.copy(path, tmp_path)
    await migrate.migrate(empty_db_url, tmp_path)
    login = await asyncpg.connect(empty_db_url)
    await soak.make_tables(login)
    pool = await open_pool(empty_db_url, name="headwater old", size=4, settings={"search_path": "queue,app"})
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        tenant = (await tenants.create(tx, f"t-{uuid4().hex[:12]}", by="tests")).id
    old, dead = Previous(pool, tenant, statements), Previous(pool, tenant, statements)
    await _in_flight(old, dead, login)

    # The next version's migrations, among them one that adds to every hot table, while the old worker is at it.
    running = asyncio.create_task(_go_on(old))
    for path in migrate.FOLDER.glob("*.sql"):
        shutil.copy(path, tmp_path)
    (tmp_path / "9999_next.sql").write_text(EXPAND)
    assert (await migrate.migrate(empty_db_url, tmp_path))[-1] == "9999_next.sql"
    before = await _effects(login)
    await until(lambda: _more(login, before), 60)

    # A worker of this version beside it, then alone.
    new = _new_worker(empty_db_url, place)
    try:
        before = await _effects(login)
        await until(lambda: _more(login, before + 20), 60)
        assert not running.done(), running.exception()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await until(lambda: _at_rest(login), 120)
    finally:
        assert new.pid is not None
        os.kill(new.pid, 15)
        await asyncio.to_thread(new.join, 30)
    assert new.exitcode == 0, (place / "worker.log").read_text()[-2000:]
    found, (_, breaches) = await _proof(pool), await soak.compare(pool)
    assert found.ok, found.breaches
    assert breaches == []
    by = "SELECT count(DISTINCT worker_id) FROM app.job_executions WHERE state = 'done'"
    assert await login.fetchval(by) >= 2, "both versions did some of it"
    crashed = "SELECT count(*) FROM app.job_attempts WHERE outcome = 'crashed' AND worker_id = $1"
    assert await login.fetchval(crashed, dead.worker_id) == 3
    await login.close()
    pool.terminate()


async def _in_flight(old: Previous, dead: Previous, login: Connection) -> None:
    """Rows of every kind that the old version leaves: in the outbox, in the queue, running, waiting, held by a dead worker."""
    await old.start()
    await dead.start()
    for kind, key in (("plain", ""), ("framed", ""), ("framed", ""), ("touch", "k"), ("touch", "k")):
        await old.emit(kind, key)
    assert await old.dispatch() == 5
    assert await old.fetch(1) == 1
    assert await dead.fetch(3) == 3
    await old.put_off(old.held[0]) if old.held[0]["payload"]["framed"] else await old.write(old.held[0])
    await old.finish()
    probe = await old.emit("framed")
    await old.emit("repeat", probe=probe)
    await old.emit("poison", version=99)
    await old.dispatch()
    for kind in ("framed", "plain", "framed"):
        await old.emit(kind)
    await login.execute("UPDATE app.workers SET beat_at = app.now() - interval '1 hour' WHERE id = $1", dead.worker_id)


async def _go_on(old: Previous) -> None:
    while True:
        await old.emit("framed")
        await old.emit("touch", "k")
        # A migration that locks several tables may meet a handoff: the dispatcher tries such a batch again.
        with suppress(asyncpg.DeadlockDetectedError):
            await old.work()


def _new_worker(url: str, folder: Path) -> Any:
    settings: dict[str, Any] = {
        "env": "soak",
        "headwater_data": str(folder),
        "worker_heartbeat_s": 0.2,
        "worker_dead_after_s": 3.0,
    }
    parts = ("dispatch", "jobs", "maintain")
    arguments = {"folder": str(folder), "settings": settings, "url": url, "parts": parts}
    process = multiprocessing.get_context("spawn").Process(target=bodies.worker, kwargs=arguments)
    process.start()
    return process


async def _effects(login: Connection) -> int:
    return int(await login.fetchval("SELECT count(*) FROM soak.effects"))


async def _more(login: Connection, than: int) -> bool:
    return await _effects(login) > than


async def _at_rest(login: Connection) -> bool:
    left = """SELECT (SELECT count(*) FROM app.outbox_events) + (SELECT count(*) FROM queue.procrastinate_jobs)
                   + (SELECT count(*) FROM app.job_executions WHERE state IN ('queued', 'running', 'waiting'))"""
    return bool(await login.fetchval(left) == 0)


async def _proof(pool: Pool) -> Verification:
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        return await verification.verify(tx, None, await verification.check_deliveries(tx, None))
