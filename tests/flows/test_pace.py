"""Several worker processes keep a vendor's limits together, as the vendor itself counts them. One of them is killed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from contracts.errors import VendorBusy
from contracts.findings import PersonQuery
from contracts.limits import SetLimit
from contracts.vendors import VendorOperation
from db import limits, vendors
from db.pool import open_pool
from db.transaction import DbRole, transaction
from tests.flows.installation import ROOT
from tests.providers.sandbox_fixture import RunningSandbox
from tests.worker.test_timetable import most_in_any
from worker.pace import Pacer
from worker.providers import lusha
from worker.providers.hunter_people import VERIFY_PACE
from worker.providers.operation import HOUSE
from worker.vendor_rules import BELIEVED_S

PROCESSES, SECONDS = 4, 20.0
ALLOWED = SetLimit(per_s=3, burst=3, max_running=2)


@contextmanager
def asking(
    db_url: str, sandbox: RunningSandbox, processes: int, seconds: float
) -> Iterator[list[subprocess.Popen[str]]]:
    """Processes that ask as often as they may, all of them under way."""
    command = [sys.executable, "-m", "tests.flows.pacing", db_url, sandbox.url, str(seconds)]
    started = [
        subprocess.Popen(command, cwd=ROOT, env=dict(os.environ), stdout=subprocess.PIPE, text=True)
        for _ in range(processes)
    ]
    try:
        for process in started:
            assert process.stdout is not None
            assert process.stdout.readline().strip() == "ready"
        yield started
    finally:
        for process in started:
            process.kill()
            process.wait()


@pytest.mark.slow
@pytest.mark.alone
def test_processes_keep_a_vendors_limits_together_even_when_one_is_killed(db_url: str, sandbox: RunningSandbox) -> None:
    # S3.13 S2.02: the quota is never exceeded, and yet most of it is used
    per_second = next(w for w in VERIFY_PACE.windows if w.seconds == 1)
    sandbox._call("/__control/limit", {"vendor": "hunter", "limit": per_second.limit, "seconds": 1})
    sandbox.latency(60, "hunter")
    with asking(db_url, sandbox, PROCESSES, SECONDS) as started:
        killed, *others = started
        with pytest.raises(subprocess.TimeoutExpired):
            killed.wait(SECONDS / 3)
        killed.kill()
        said = [int(process.communicate(timeout=60)[0]) for process in others]
    arrivals = sandbox._call("/__control/arrivals?vendor=hunter")["arrivals"]
    assert sandbox._call("/__control/requests")["violations"].get("hunter", 0) == 0
    for window in VERIFY_PACE.windows:
        assert most_in_any(arrivals, window.seconds) <= window.limit
    assert min(said) > 0  # no process keeps the others from asking
    # Its permits lapse after its requests must have ended; until then there are fewer.
    assert len(arrivals) > 0.4 * SECONDS * per_second.limit


async def allow(db_url: str) -> None:
    pool = await open_pool(db_url, name="tests", size=1)
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        await vendors.publish(tx, [VendorOperation(vendor="hunter", operation="verify", unit="credit")])
        await limits.put(tx, "vendor", "hunter", ALLOWED, by="tests")
    await pool.close()


@pytest.mark.slow
async def test_processes_keep_what_an_operator_sets_while_they_run(db_url: str, sandbox: RunningSandbox) -> None:
    # S3.13: within seconds, without a restart, and when one of them is killed
    sandbox.latency(60, "hunter")
    with asking(db_url, sandbox, 3, 12.0) as started:
        await allow(db_url)
        # Until all know of it, and what was under way has ended; then one dies.
        with pytest.raises(subprocess.TimeoutExpired):
            started[0].wait(BELIEVED_S + 1.0)
        before = len(sandbox._call("/__control/arrivals?vendor=hunter")["arrivals"])
        started[0].kill()
        said = [int(process.communicate(timeout=60)[0]) for process in started[1:]]
    after = sandbox._call("/__control/arrivals?vendor=hunter")["arrivals"][before:]
    assert most_in_any(after, 1.0) <= 3
    assert len(after) >= 4
    assert min(said) > 0


async def test_what_a_vendors_rate_headers_say_to_one_worker_slows_the_other(
    db_url: str, sandbox: RunningSandbox
) -> None:
    # S2.02: somebody else uses the account, and has all but used up its minute
    settings = sandbox.settings(lusha_api_key="k" * 20)
    made: list[Any] = [op for op in lusha.make(settings) if op.spec.operation == "people"]
    pools = [await open_pool(db_url, name="tests", size=2) for _ in range(2)]
    one, other = (Pacer(pool, settings) for pool in pools)

    async def ask(pacer: Pacer) -> VendorBusy | None:
        try:
            async with pacer.turn(made[0].spec, HOUSE):
                await made[0].ask([PersonQuery(email="nobody@acme.example")], key="ours")
        except VendorBusy as busy:
            return busy
        return None

    for _ in range(490):
        await made[0].ask([PersonQuery(email="nobody@acme.example")], key="elsewhere")
    assert await ask(one) is None
    # Nine are left of a minute: one in 6.7 seconds, instead of the 20 a second that the pace allows.
    told = [await ask(other) for _ in range(3)]
    assert told[-1] is not None
    assert told[-1].code == "paced"
    assert 2 < (told[-1].after_s or 0) < 20
    assert sandbox.totals("lusha")["requests"] == 491 + told.count(None)
    assert told.count(None) <= 1
    for pacer, pool in zip((one, other), pools, strict=True):
        await pacer.close()
        pool.terminate()
    await made[0].close()
