"""The database restarts under a run: everybody waits for it, and the run ends as if nothing had happened."""

from __future__ import annotations

import asyncio
import json
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from contracts.runs import RunStatus
from db import migrate, server
from tests.crash.breaking import QUICK
from tests.flows.installation import desk_at, installed, until
from tests.providers.sandbox_fixture import RunningSandbox

#: Vendors may be asked as often as there are slices.
ALL_AT_ONCE = {
    "VENDOR_LIMITS": json.dumps({v: {"windows": [[1000, 1]], "concurrency": 50} for v in ("tavily", "gleif")})
}
#: Nobody is taken for dead because a busy machine lets it wait: whoever is has its answers forfeited.
PATIENT = {**QUICK, "WORKER_DEAD_AFTER_S": "10"}


@pytest.mark.slow
@pytest.mark.alone
async def test_a_restart_of_postgres_during_a_run(place: Path, sandbox: RunningSandbox) -> None:

    with ExitStack() as stack:
        first = await asyncio.to_thread(_start, place / "pg", None)
        stack.callback(first.stop)
        await migrate.migrate(first.url)
        house = stack.enter_context(installed(first.url, sandbox, place))
        workers = [house.worker(**PATIENT, **ALL_AT_ONCE), house.worker(**PATIENT, **ALL_AT_ONCE)]
        sandbox.latency(700)
        async with desk_at(first.url) as desk:
            run_id = await desk.start(channels=["register", "google", "keyword"], max_companies=2000)
            # Every first page has been asked for; the answers come while nobody can store them.
            await desk.until("SELECT count(*) = 15 FROM app.vendor_calls WHERE run_id = $1", run_id)
        await asyncio.to_thread(first.stop)
        await until(lambda: len(house.log("answer_waits_for_the_database")) >= 15, 20, "the answers never came")
        assert [w.popen.poll() for w in workers] == [None, None]
        again = await asyncio.to_thread(_start, place / "pg", urlsplit(first.url).port)
        stack.callback(again.stop)

        async with desk_at(again.url) as later:
            await later.until("SELECT status NOT IN ('pending', 'running') FROM app.runs WHERE id = $1", run_id)
            tenant = await later.one("SELECT tenant_id FROM app.runs WHERE id = $1", run_id)
            later.tenant = tenant
            run = await later.show(run_id)
            assert (run.status, run.error) == (RunStatus.COMPLETED, None)
            assert (await later.check(run_id)).findings == []
            assert sandbox.totals("tavily") == {"requests": 10, "credits": 10, "repeated": 0}
            await later.until("SELECT NOT EXISTS (SELECT FROM queue.procrastinate_jobs)")
            assert (await later.proof()).ok
        assert [w.stop() for w in workers] == [0, 0]


def _start(folder: Path, port: int | None) -> server.Server:
    """Durable, unlike the other servers of the tests: it has to come back with what it held."""
    return server.start(folder, durable=True, port=port)
