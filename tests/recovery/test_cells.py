"""Every fault falls on a running installation: all its work is done within 30 s of the fault's end, by itself.

TRIALS=20 makes the table of docs/benchmarks.md; `make recovery` prints it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from front.recovery.bouncer import installed
from front.recovery.cells import CELLS
from tests.front.programs import environment, family
from tests.front.programs import until as within

TRIALS = int(os.environ.get("TRIALS", "1"))
#: The long outage belongs to the full table.
QUICK = [cell.name for cell in CELLS if cell.name != ("short-outage" if TRIALS > 1 else "outage")]


@pytest.fixture
def folder() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="headwater-test-") as made:
        # Enterable, as /tmp is: the embedded server may run as another user.
        Path(made).chmod(0o755)
        yield made


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.timeout(200 + 150 * TRIALS)
@pytest.mark.parametrize("name", QUICK)
def test_all_work_is_done_within_30_s_of_the_end_of_a_fault(name: str, folder: str) -> None:
    # R8 C.04 C.05 B.01
    cell = next(each for each in CELLS if each.name == name)
    if cell.pooled and installed() is None:
        pytest.skip("pgbouncer is not installed (Debian: apt install pgbouncer): its cells were not tried")
    command = [sys.executable, "-P", "-m", "headwater", "recovery", "--json", "--cells", f"^{name}$"]
    ran = subprocess.run(
        [*command, "--trials", str(TRIALS)],
        capture_output=True, text=True, env=environment(TMPDIR=folder, HEADWATER_TEST_MARK=folder), check=False,
    )  # fmt: skip
    (said,) = json.loads(ran.stdout or '{"cells": [{}]}')["cells"]
    assert ran.returncode == 0, (said, ran.stderr[-3000:])
    assert (said["trials"], said["recovered"]) == (TRIALS, TRIALS)
    assert (said["lost"], said["doubled"], said["stale_accepted"], said["by_hand"]) == (0, 0, 0, 0)
    assert said["events"] >= 300 * TRIALS
    if name == "worker-kill":
        # S2.05: with the default settings.
        assert said["detected"] >= TRIALS
        assert said["detected_max_s"] <= 5.0
    within(lambda: not family(folder), "no process is left")
    assert list(Path(folder).iterdir()) == []
