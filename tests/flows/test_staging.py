"""A pull of the register through a whole installation, whose worker dies on the way."""

from __future__ import annotations

import json
import signal
from typing import Any

import pytest

from contracts.runs import RunStatus
from contracts.tenants import SYSTEM_TENANT
from db import runs, staging
from db.transaction import transaction
from tests.flows.installation import Desk, Installation, until
from worker.providers.sandbox.data_gov_sg import DATASETS, register
from worker.providers.sandbox.world import World

#: The vendor's own limits would make a pull of 27 data sets last minutes, and so would the turn of a worker that was killed: it is
#: kept for as long as a request may take.
QUICK = {
    name: {"windows": [[200, 1.0]], "concurrency": 8, "timeout_s": 5}
    for name in ("acra.page", "acra.download", "acra.catalog")
}
ROWS = register(World(7))


@pytest.mark.slow
async def test_a_pull_survives_its_worker(idle: Installation, desk: Desk) -> None:
    # S3.18
    first = idle.worker(VENDOR_LIMITS=json.dumps(QUICK))
    async with transaction(desk.pool, SYSTEM_TENANT) as tx:
        run_id = await staging.start_pull(tx, (), by_pages=False, triggered_by="tests", requested_by="tests")
    await desk.wake()
    await desk.until("SELECT count(*) > 20 FROM app.staging_acra_companies")
    first.signal(signal.SIGKILL)
    idle.worker(VENDOR_LIMITS=json.dumps(QUICK))

    async def show() -> Any:
        async with transaction(desk.pool, SYSTEM_TENANT) as tx:
            return await runs.show(tx, SYSTEM_TENANT, run_id)

    async def ended() -> bool:
        return bool((await show()).status.ended)

    await until(ended, 90, "the pull does not end")
    run = await show()
    assert run.status is RunStatus.COMPLETED, run.error
    assert {s.query for s in run.slices} == set(DATASETS.values())
    assert run.counts.discovered == sum(map(len, ROWS.values()))
    assert (await staging.status(desk.pool)).companies == len({r["uen"] for rows in ROWS.values() for r in rows})
    assert (await desk.proof()).ok
