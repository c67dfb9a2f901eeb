"""Several worker processes keep a vendor's limits together, as the vendor itself counts them. One of them is killed."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.flows.installation import ROOT
from tests.providers.sandbox_fixture import RunningSandbox
from tests.worker.test_timetable import most_in_any
from worker.providers.hunter_people import VERIFY_PACE

PROCESSES, SECONDS = 4, 20.0


@pytest.mark.slow
@pytest.mark.alone
def test_processes_keep_a_vendors_limits_together_even_when_one_is_killed(db_url: str, sandbox: RunningSandbox) -> None:
    # S3.13 S2.02: the quota is never exceeded, and yet most of it is used
    per_second = next(w for w in VERIFY_PACE.windows if w.seconds == 1)
    sandbox._call("/__control/limit", {"vendor": "hunter", "limit": per_second.limit, "seconds": 1})
    sandbox.latency(60, "hunter")
    command = [sys.executable, "-m", "tests.flows.pacing", db_url, sandbox.url, str(SECONDS)]
    started = [
        subprocess.Popen(command, cwd=ROOT, env=dict(os.environ), stdout=subprocess.PIPE, text=True)
        for _ in range(PROCESSES)
    ]
    try:
        for process in started:
            assert process.stdout is not None
            assert process.stdout.readline().strip() == "ready"
        killed, *others = started
        with pytest.raises(subprocess.TimeoutExpired):
            killed.wait(SECONDS / 3)
        killed.kill()
        said = [int(process.communicate(timeout=60)[0]) for process in others]
    finally:
        for process in started:
            process.kill()
            process.wait()
    arrivals = sandbox._call("/__control/arrivals?vendor=hunter")["arrivals"]
    assert sandbox._call("/__control/requests")["violations"].get("hunter", 0) == 0
    for window in VERIFY_PACE.windows:
        assert most_in_any(arrivals, window.seconds) <= window.limit
    assert min(said) > 0  # no process keeps the others from asking
    # Its permits lapse after its requests must have ended; until then there are fewer.
    assert len(arrivals) > 0.4 * SECONDS * per_second.limit
