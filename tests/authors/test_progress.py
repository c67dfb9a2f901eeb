"""What a job says of itself: fenced, throttled, small, shown everywhere, and what the next attempt begins with."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import pytest

from contracts.errors import Invalid, VendorDown
from contracts.job_reports import MOST_BYTES
from db import executions, explanations, inspection
from db.jobs import Fenced
from db.transaction import Pool, transaction
from tests.authors.stage import performer, probe, queued, taken, worked, worker
from tests.conftest import Connection
from tests.queue.seeding import TENANT, hand_off, states
from tests.queue.test_rescue import no_hook
from tests.queue.working import Victim, until, working
from worker import progress
from worker.context import Context
from worker.maintenance import rescue_once


async def shown(pool: Pool, execution_id: Any) -> Any:
    async with transaction(pool, TENANT, read_only=True) as tx:
        return await executions.show_execution(tx, [TENANT], execution_id)


async def test_progress_is_seen_while_the_job_runs_and_in_every_story(conn: Connection, pool: Pool) -> None:
    (event,) = await queued(pool, probe())
    inside, go_on = asyncio.Event(), asyncio.Event()

    async def body(ctx: Context, _args: Any) -> None:
        await ctx.progress(40, "400 of 1000 rows", checkpoint={"row": 400})
        inside.set()
        await go_on.wait()

    running = asyncio.create_task(worked(pool, await worker(pool), body))
    await asyncio.wait_for(inside.wait(), 10)
    seen = await shown(pool, event)
    assert (seen.state, seen.progress.percent, seen.progress.message) == ("running", 40, "400 of 1000 rows")
    assert (seen.progress.checkpoint, seen.progress.attempt, seen.asked_by) == ({"row": 400}, 1, event)
    async with transaction(pool, TENANT) as tx:
        told = await inspection.show_event(tx, [TENANT], event)
        why = explanations.of_sent(told, told.executions)
    assert "probe.run attempt 1 said 40 %: 400 of 1000 rows" in [m.text for m in told.timeline]
    assert any(f.text.endswith("is running, 40 %: 400 of 1000 rows") for f in why)
    go_on.set()
    assert await running == 1
    assert await states(pool) == {"done": 1}


@pytest.mark.slow
async def test_at_most_one_statement_a_second_and_the_last_word_is_kept(conn: Connection, pool: Pool) -> None:
    (event,) = await queued(pool, probe())

    async def body(ctx: Context, _args: Any) -> None:
        for nth in range(100):
            await ctx.progress(nth, checkpoint={"row": nth})
        raise VendorDown("away", after_s=0.0)

    await worked(pool, await worker(pool), body)
    seen = await shown(pool, event)
    assert (seen.state, seen.progress.percent, seen.progress.checkpoint) == ("waiting", 99, {"row": 99})

    async def counted() -> bool:
        row = await conn.fetchrow("SELECT n_tup_ins, n_tup_upd FROM pg_stat_all_tables WHERE relname = 'job_reports'")
        assert row is not None
        assert row["n_tup_upd"] <= 1
        return tuple(row) == (1, 1)

    await until(counted)


async def test_the_last_word_of_a_job_that_writes_goes_with_its_write(conn: Connection, pool: Pool) -> None:
    (event,) = await queued(pool, probe())

    async def body(ctx: Context, _args: Any) -> None:
        await ctx.progress(1)
        await ctx.progress(100, "all of it")
        async with ctx.write() as tx:
            await ctx.answer(tx, {"rows": 7})

    await worked(pool, await worker(pool), body)
    seen = await shown(pool, event)
    assert (seen.state, seen.progress.percent, seen.progress.message, seen.result) == (
        "done",
        100,
        "all of it",
        {"rows": 7},
    )


async def test_a_retry_begins_at_the_checkpoint(conn: Connection, pool: Pool) -> None:
    await queued(pool, probe())
    begun: list[Any] = []

    async def body(ctx: Context, _args: Any) -> None:
        async with ctx.read() as tx:
            begun.append(await ctx.checkpoint(tx))
        if len(begun) == 1:
            async with ctx.step() as tx:
                await ctx.note(tx, 50, checkpoint={"page": 3})
            raise VendorDown("away", after_s=0.0)

    who = await worker(pool)
    await worked(pool, who, body)
    await conn.execute("UPDATE app.outbox_events SET available_at = app.now()")
    await hand_off(pool)
    await worked(pool, who, body)
    assert begun == [None, {"page": 3}]
    assert await states(pool) == {"done": 1}


async def test_a_stale_attempt_cannot_speak(conn: Connection, pool: Pool) -> None:
    await queued(pool, probe())
    (first,) = await taken(pool, await worker(pool))
    await conn.execute("UPDATE app.job_executions SET token = token + 1")  # rescued
    ctx = Context(pool, performer(pool).settings, performer(pool).ports, first, lambda: None)
    with pytest.raises(Fenced):
        await ctx.progress(99, checkpoint={"row": 99})
    with pytest.raises(Fenced):
        async with ctx.step() as tx:
            await ctx.note(tx, 99)
    assert await conn.fetchval("SELECT count(*) FROM app.job_reports") == 0


async def test_a_rescue_waits_for_a_step_and_a_step_for_a_rescue(conn: Connection, pool: Pool) -> None:
    # Law 4: whoever comes second sees what the first has committed; both cannot commit.
    await queued(pool, probe())
    (first,) = await taken(pool, await worker(pool))
    ctx = Context(pool, performer(pool).settings, performer(pool).ports, first, lambda: None)
    await conn.execute("UPDATE app.workers SET beat_at = app.now() - interval '1 hour'")
    async with ctx.step() as tx:
        await ctx.note(tx, 10)
        assert (await rescue_once(pool, 0.0, no_hook)).rescued == 0  # it is inside a write: not this round
    rescue = conn.transaction()
    await rescue.start()
    await conn.execute("UPDATE app.job_executions SET token = token + 1, state = 'queued'")

    async def step() -> None:
        async with ctx.step() as tx:
            await ctx.note(tx, 20)

    late = asyncio.create_task(step())

    async def waits() -> bool:
        return bool(await conn.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"))

    await until(waits)
    await rescue.commit()
    with pytest.raises(Fenced):
        await late
    assert await conn.fetchval("SELECT percent FROM app.job_reports") == 10


@pytest.mark.parametrize(
    ("percent", "checkpoint", "code"),
    [
        (101, None, "bad_percent"),
        (-1, None, "bad_percent"),
        (1, {"x": "y" * MOST_BYTES}, "too_large"),
        (1, {"x": uuid4()}, "bad_json"),
    ],
)
def test_what_cannot_be_kept_is_refused(percent: float, checkpoint: Any, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        progress.checked(percent, None, checkpoint)
    assert refused.value.code == code


async def test_the_largest_checkpoint_fits_the_database(conn: Connection, pool: Pool) -> None:
    (event,) = await queued(pool, probe())
    large = {"text": "é" * ((MOST_BYTES - len('{"text": ""}')) // 2), "n": 0}
    large.pop("n")

    async def body(ctx: Context, _args: Any) -> None:
        await ctx.progress(None, "\x00" * 600, checkpoint=large)

    await worked(pool, await worker(pool), body)
    seen = await shown(pool, event)
    assert seen.progress.checkpoint == large
    assert seen.progress.message == "\ufffd" * 500


#: A process starts slowly where the machine has other things to do.
PATIENCE_S = 60.0


@asynccontextmanager
async def process(url: str, hang_at: int) -> AsyncIterator[Victim]:
    """A worker process that hangs before a step."""
    started = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.authors.victim", url, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "VICTIM_AT": str(hang_at)},
    )  # fmt: skip
    try:
        yield Victim(started)
    finally:
        if started.returncode is None:
            started.send_signal(signal.SIGKILL)
        await started.wait()


@pytest.mark.timeout(300)
@pytest.mark.slow
async def test_a_killed_worker_leaves_its_checkpoint_and_no_step_is_done_twice(
    conn: Connection, pool: Pool, queue_pool: Pool, db_url: str
) -> None:
    # S2.05
    (event,) = await queued(pool, probe())
    async with process(db_url, 4) as lost:
        assert await lost.heard("begins", PATIENCE_S) == "1 0"
        assert await lost.heard("hangs", PATIENCE_S) == "1 4"
        lost.signal(signal.SIGKILL)
        await lost.process.wait()
    assert (await shown(pool, event)).progress.percent == 40

    async def rescued() -> bool:
        return (await rescue_once(pool, 0.5, no_hook)).rescued == 1

    await until(rescued, PATIENCE_S)
    async with process(db_url, -1) as second:
        assert await second.heard("begins", PATIENCE_S) == "3 4"
        assert await second.heard("ended", PATIENCE_S) == "3"
        await second.heard("settled", PATIENCE_S)
    seen = await shown(pool, event)
    assert (seen.state, seen.result) == ("done", {"steps": 10, "began_at": 4})
    done = await conn.fetch("SELECT subject_id FROM app.audit_log WHERE actor = 'victim' ORDER BY id")
    assert [int(row["subject_id"]) for row in done] == list(range(10))


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_a_worker_stopped_past_its_lease_cannot_go_on_with_its_steps(
    conn: Connection, pool: Pool, queue_pool: Pool, db_url: str
) -> None:
    (event,) = await queued(pool, probe())
    async with process(db_url, 4) as slow:
        await slow.heard("hangs", PATIENCE_S)
        slow.signal(signal.SIGSTOP)

        async def rescued() -> bool:
            return (await rescue_once(pool, 0.5, no_hook)).rescued == 1

        await until(rescued, PATIENCE_S)
        async with process(db_url, -1) as second:
            await second.heard("ended", PATIENCE_S)
        slow.signal(signal.SIGCONT)
        assert slow.process.stdin
        slow.process.stdin.write(b"\n")
        assert await slow.heard("settled", PATIENCE_S) == "1 True"  # fenced, and said so
    done = await conn.fetch("SELECT subject_id FROM app.audit_log WHERE actor = 'victim' ORDER BY id")
    assert [int(row["subject_id"]) for row in done] == list(range(10))
    assert (await shown(pool, event)).result == {"steps": 10, "began_at": 4}


async def test_a_worker_that_is_told_to_stop_leaves_its_last_word(
    conn: Connection, pool: Pool, queue_pool: Pool, db_url: str
) -> None:
    (event,) = await queued(pool, probe())
    inside = asyncio.Event()

    async def body(ctx: Context, _args: Any) -> None:
        await ctx.progress(1)
        await ctx.progress(70, "nearly", checkpoint={"row": 7})
        inside.set()
        await asyncio.Event().wait()

    async with working(queue_pool, db_url, performer(pool, body), drain_s=0.2):
        await asyncio.wait_for(inside.wait(), 10)
    seen = await shown(pool, event)
    assert (seen.state, seen.progress.message, seen.progress.checkpoint) == ("waiting", "nearly", {"row": 7})
