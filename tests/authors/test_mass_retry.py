"""Many jobs that gave up, retried by filter: previewed, at a rate, audited, by the API and from a shell."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import Any
from uuid import UUID

import pytest

from contracts.errors import BadAnswer
from contracts.job_retries import JobRetryFilter, JobRetryReport, JobRetryRequest
from db import job_retries
from db.transaction import Pool, transaction
from tests.authors.stage import probe, queued, worked, worker
from tests.conftest import Connection
from tests.queue.seeding import TENANT, hand_off, states
from worker.context import Context


async def dead(pool: Pool, conn: Connection, *kinds: str, tenant: UUID = TENANT) -> None:
    """Jobs that gave up, one a kind: `bug`, `answer`, or `single` (of an exclusive key)."""
    who = await worker(pool)

    for kind in kinds:
        await queued(pool, probe("k", scope="exclusive") if kind == "single" else probe(), tenant=tenant)

        async def body(ctx: Context, _args: Any, kind: str = kind) -> None:
            raise BadAnswer("HTML where JSON was due") if kind == "answer" else ValueError("a bug")

        await worked(pool, who, body, job="probe.single" if kind == "single" else "probe.run")


async def retried(pool: Pool, tenants: list[UUID] | None = None, **asked: Any) -> JobRetryReport:
    async with transaction(pool, TENANT) as tx:
        return await job_retries.retry_many(tx, tenants or [TENANT], JobRetryRequest.model_validate(asked), "olga")


async def test_a_preview_counts_and_changes_nothing(conn: Connection, pool: Pool) -> None:
    await dead(pool, conn, "bug", "answer", "answer")
    report = await retried(pool, dry_run=True, rate=2.0)
    assert (report.matched, report.retried, report.by_job, report.more) == (3, 0, {"probe.run": 3}, False)
    assert report.last_due_at is not None
    assert report.oldest is not None
    ahead = await conn.fetchval("SELECT extract(epoch FROM $1::timestamptz - app.now())::float8", report.last_due_at)
    assert 0 < ahead <= 1.0  # the third, at two a second
    assert await states(pool) == {"dead": 3}
    assert await conn.fetchval("SELECT count(*) FROM app.audit_log WHERE action = 'job.retry'") == 0


async def test_a_filter_chooses_and_a_rate_spreads(conn: Connection, pool: Pool) -> None:
    # R9
    await dead(pool, conn, "bug", "answer", "answer", "answer")
    report = await retried(pool, filter={"errorClass": "bad_answer", "job": "probe.run"}, rate=0.1, limit=2)
    assert (report.matched, report.retried, report.more) == (2, 2, True)
    due = await conn.fetch("SELECT available_at FROM app.outbox_events WHERE type = 'Redelivery' ORDER BY available_at")
    assert (due[1][0] - due[0][0]).total_seconds() == pytest.approx(10, abs=0.1)
    assert await states(pool) == {"dead": 2, "waiting": 2}
    logged = await conn.fetchrow("SELECT actor, subject_type, detail FROM app.audit_log WHERE action = 'job.retry'")
    assert logged is not None
    assert (logged["actor"], logged["subject_type"]) == ("olga", "jobs")
    assert json.loads(logged["detail"]) == {
        "jobs": 2, "filter": {"job": "probe.run", "error_class": "bad_answer"}, "rate": 0.1,
    }  # fmt: skip
    assert await conn.fetchval("SELECT count(*) FROM app.dead_letters WHERE resolution = 'replayed'") == 2
    again = await retried(pool, filter={"job": "probe.run"})
    assert (again.matched, again.retried) == (2, 2)
    await conn.execute("UPDATE app.outbox_events SET available_at = app.now()")
    await hand_off(pool)
    assert await worked(pool, await worker(pool)) == 4
    assert await states(pool) == {"done": 4}


async def test_the_age_of_a_death_chooses(conn: Connection, pool: Pool) -> None:
    await dead(pool, conn, "bug", "bug")
    await conn.execute(
        "UPDATE app.dead_letters SET created_at = created_at - interval '2 hours'"
        " WHERE id = (SELECT min(id::text)::uuid FROM app.dead_letters)"
    )
    assert (await retried(pool, dry_run=True, filter={"older_than_s": 3600})).matched == 1
    assert (await retried(pool, dry_run=True, filter={"newer_than_s": 3600})).matched == 1
    assert (await retried(pool, dry_run=True, filter={"run_id": str(UUID(int=5))})).matched == 0


async def test_one_that_cannot_be_retried_is_named_and_holds_up_no_other(conn: Connection, pool: Pool) -> None:
    await dead(pool, conn, "single", "bug", "single")
    report = await retried(pool)
    assert (report.matched, report.retried, len(report.left)) == (3, 2, 1)
    assert "another job of the same key" in report.left[0].why
    assert await states(pool) == {"waiting": 2, "dead": 1}
    assert await conn.fetchval("SELECT count(*) FROM app.dead_letters WHERE resolved_at IS NULL") == 1


async def test_another_tenants_jobs_are_neither_counted_nor_retried(conn: Connection, pool: Pool) -> None:
    await dead(pool, conn, "bug", tenant=UUID(int=77))
    assert (await retried(pool, tenants=[TENANT, UUID(int=77)])).matched == 0


@pytest.mark.slow
async def test_two_at_once_retry_each_job_once(conn: Connection, pool: Pool) -> None:
    await dead(pool, conn, *["bug"] * 12)
    reports = await asyncio.gather(retried(pool), retried(pool), retried(pool))
    assert sum(report.retried for report in reports) == 12
    assert await conn.fetchval("SELECT count(*) FROM app.outbox_events WHERE type = 'Redelivery'") == 12


def test_a_filter_takes_both_spellings_and_nothing_else() -> None:
    assert JobRetryFilter.model_validate({"olderThanS": 5}) == JobRetryFilter.model_validate({"older_than_s": 5})
    with pytest.raises(ValueError, match="extra"):
        JobRetryFilter.model_validate({"state": "dead"})


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_from_a_shell(conn: Connection, pool: Pool, db_url: str) -> None:
    await dead(pool, conn, "bug", "answer", "answer")

    async def headwater(*words: str, expect: int = 0) -> str:
        ran = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "headwater", *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
            env={**os.environ, "DATABASE_URL": db_url, "COLUMNS": "200"},
        )  # fmt: skip
        out, _ = await asyncio.wait_for(ran.communicate(), 60)
        assert ran.returncode == expect, out.decode()
        return out.decode()

    seen = json.loads(await headwater("jobs", "retry", "--error-class", "bad_answer", "--dry-run", "--json"))
    assert (seen["matched"], seen["retried"]) == (2, 0)
    assert "retried" in await headwater("jobs", "retry", "--error-class", "bad_answer", "--rate", "5")
    assert await states(pool) == {"dead": 1, "waiting": 2}
    assert "give either one job" in await headwater("jobs", "retry", expect=2)
    letter = str(await conn.fetchval("SELECT execution_id FROM app.dead_letters WHERE resolved_at IS NULL"))
    assert "1 dead letters" in await headwater("jobs", "dismiss", letter)
    assert "waits for an answer" in await headwater("jobs", "dismiss", letter, expect=1)
    assert '"state": "dead"' in await headwater("jobs", "show", letter, "--json")
