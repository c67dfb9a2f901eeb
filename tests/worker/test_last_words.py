"""Whatever an error says, the attempt that raised it comes to an end (S2.20)."""

from __future__ import annotations

from uuid import UUID

import pytest

from contracts.errors import BadAnswer, VendorDown
from contracts.jobs import JOBS, Payload
from db import jobs
from db.queue import Delivery
from db.transaction import Pool, Tx, transaction
from tests.conftest import Connection
from tests.worker.test_frame import Frame, frame, raising  # noqa: F401
from worker.context import Context, Stopped

ODD = ["a\x00b", "lone \ud800 half", "x" * 30_000]


@pytest.mark.parametrize(
    "said", [*ODD[:2], pytest.param(ODD[2], marks=pytest.mark.slow)], ids=["nul", "surrogate", "huge"]
)
async def test_an_error_that_text_cannot_hold_ends_its_job_all_the_same(
    conn: Connection,
    pool: Pool,
    frame: Frame,  # noqa: F811
    said: str,
) -> None:
    # S2.14: otherwise it would be started again for ever, and its run would hang.
    assert await frame.run("probe.run", raising(ValueError(said))) == 1
    assert await frame.run("discovery.fetch", raising(VendorDown(said))) == JOBS["discovery.fetch"].retry.max_attempts
    assert await frame.run("discovery.run", raising(BadAnswer(said, code=said))) == 1
    assert await conn.fetchval("SELECT count(*) FROM app.dead_letters") == 3
    assert len(frame.told) == 3


class Deaf(Frame):
    """A frame whose run cannot be told that a job was given up."""

    async def hook(self, tx: Tx, tenant: UUID, args: Payload, why: Stopped) -> None:
        self.told.append(why)
        await tx.execute("SELECT 1 / 0")


@pytest.mark.parametrize("error", [BadAnswer("html"), VendorDown("away")], ids=["at once", "after retries"])
async def test_a_job_whose_run_cannot_be_told_comes_to_an_end_as_well(
    conn: Connection, pool: Pool, tenant: UUID, error: Exception
) -> None:
    # S2.14: each attempt to tell is counted; after the last, the job is a dead letter that says both errors.
    limit = JOBS["discovery.fetch"].retry.max_attempts
    deaf = Deaf(pool, tenant)
    assert await deaf.run("discovery.fetch", raising(error)) == limit
    assert len(deaf.told) == (limit if isinstance(error, BadAnswer) else 1)
    letter = await conn.fetchrow("SELECT error_class, error, traceback, attempts FROM app.dead_letters")
    assert letter is not None
    assert (letter["error_class"], letter["attempts"]) == ("stop_hook_failed", limit)
    assert str(error) in letter["error"]
    assert "division by zero" in letter["error"]
    assert "DivisionByZeroError" in letter["traceback"]
    assert await conn.fetchval("SELECT state FROM app.job_executions") == "dead"
    assert await conn.fetchval("SELECT count(*) FROM queue.procrastinate_jobs") == 0


@pytest.mark.slow
async def test_a_cancelled_job_whose_run_cannot_be_told_does_not_begin_again(
    conn: Connection, pool: Pool, tenant: UUID
) -> None:
    deaf = Deaf(pool, tenant)
    began: list[Delivery] = []

    async def once(ctx: Context, _args: object) -> None:
        began.append(ctx.delivery)
        async with transaction(ctx.pool, ctx.tenant) as tx:
            await jobs.request_cancel(tx, ctx.tenant, ctx.delivery.execution_id)
        async with ctx.write():
            raise AssertionError("it was cancelled")

    assert await deaf.run("discovery.fetch", once) == JOBS["discovery.fetch"].retry.max_attempts
    assert len(began) == 1
    letter = await conn.fetchrow("SELECT error_class FROM app.dead_letters")
    assert letter is not None
    assert letter["error_class"] == "stop_hook_failed"
