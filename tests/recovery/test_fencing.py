"""A worker that stood still past its lease, and goes on: it can neither finish, nor write, nor emit; it says so, and is counted."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from db import recovery
from front.recovery.house import House, house
from tests.flows.installation import until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(200)]


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}


@pytest.fixture
async def at(place: Path) -> AsyncIterator[House]:
    before = _environment()
    async with house(place) as made:
        yield made
    assert _environment() == before, "whatever this process starts next would look for a folder that has gone"


async def _rows(at: House, query: str) -> list[dict[str, Any]]:
    login = await asyncpg.connect(at.on.url)
    try:
        return [dict(row) for row in await login.fetch(query)]
    finally:
        await login.close()


async def _left(at: House) -> dict[str, Any]:
    """All that a job can leave behind."""
    return {
        "effects": await _rows(at, "SELECT execution_id, token FROM soak.effects ORDER BY 1, 2"),
        "causes": await _rows(at, "SELECT probe FROM soak.causes ORDER BY 1"),
        "sent": await _rows(at, "SELECT event_id FROM app.outbox_history ORDER BY 1"),
        "waiting": await _rows(at, "SELECT event_id FROM app.outbox_events ORDER BY 1"),
        "jobs": await _rows(at, "SELECT id, state, token, finished_at FROM app.job_executions ORDER BY 1"),
        "deliveries": await _rows(at, "SELECT id FROM queue.procrastinate_jobs ORDER BY 1"),
    }


def _said(at: House, event: str) -> list[dict[str, Any]]:
    lines = (at.folder / "worker.log").read_text().splitlines()
    return [json.loads(line) for line in lines if line.endswith("}") and f'"event": "{event}"' in line]


@pytest.mark.parametrize(("kind", "follows"), [("finish", 0), ("write", 0), ("emit", 1)])
async def test_who_was_stopped_past_its_lease_is_refused_says_so_and_is_counted(
    at: House, kind: str, follows: int
) -> None:
    # law 4, C.05
    await at.one(kind)
    worker = await at.busy_worker()
    assert at.nursery.freeze(worker)
    assert await at.done(60), "no other worker took the job over"
    before = await _left(at)
    assert [(row["state"], row["token"]) for row in before["jobs"][:1]] == [("done", 3)]
    assert len(before["jobs"]) == len(before["sent"]) == 1 + follows
    assert len(before["effects"]) == (0 if kind == "finish" else 1)
    assert await recovery.rescues(at.pool) == (1, 0)

    at.nursery.thaw(worker)

    async def refused() -> bool:
        return (await recovery.rescues(at.pool))[1] == 1

    await until(refused, 30, "the one that was stopped was never refused")
    await until(lambda: bool(_said(at, "attempt_fenced")), 10, "it was refused without a word")
    (said,) = _said(at, "attempt_fenced")
    assert (said["level"], said["at"]) == ("warning", "finish" if kind == "finish" else "write")
    assert await _left(at) == before
    assert await recovery.stale_accepted(at.pool) == 0
    (attempt,) = await _rows(at, "SELECT outcome, token, fenced_at > ended_at AS later FROM app.job_attempts")
    assert attempt == {"outcome": "crashed", "token": 1, "later": True}
    assert worker.pid is not None, "it goes on with other work"
