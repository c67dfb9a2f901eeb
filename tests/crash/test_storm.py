"""A storm of three minutes over everything at once; the soak's own record says what came of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import pytest

from tests.conftest import Databases
from tests.front.programs import MARK, family, until


def _environment(folder: str, mark: str, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    return {**kept, "TMPDIR": folder, MARK: mark, **more}


def _soak(folder: str, *options: str, mark: str, **more: str) -> tuple[int, dict[str, Any], str]:
    ran = subprocess.run(
        [sys.executable, "-m", "headwater", "soak", "--json", *options],
        capture_output=True, text=True, env=_environment(folder, mark, **more), cwd=Path(__file__).parents[2], check=False,
    )  # fmt: skip
    return ran.returncode, json.loads(ran.stdout or "{}"), ran.stderr


@pytest.fixture
def folder() -> Any:
    with tempfile.TemporaryDirectory(prefix="headwater-test-") as made:
        # Enterable, as /tmp is: the embedded server may run as another user.
        Path(made).chmod(0o755)
        yield made


@pytest.mark.slow
@pytest.mark.timeout(1500)
@pytest.mark.alone
def test_three_minutes_of_storm_break_no_promise(folder: str) -> None:
    # B.01 R8 C.04 C.05
    mark = uuid4().hex
    status, report, said = _soak(folder, "--minutes", "3", "--events", "30000", mark=mark)
    assert status == 0, (report.get("findings"), said[-3000:])
    assert (report["ok"], report["findings"]) == (True, [])
    assert (report["lost"], report["doubled"], report["ghost"], report["early"]) == (0, 0, 0, 0)
    assert (report["verify"]["lost"], report["verify"]["doubled"], report["verify"]["orphaned"]) == (0, 0, 0)
    assert (report["paid"]["twice"], report["runs"]["broken"]) == (0, 0)
    assert report["events"] >= 30_000
    assert report["effects"] == sum(report["kinds"][kind] for kind in ("framed", "flaky", "future"))
    hits = report["hits"]
    assert hits["kill worker"] + hits["kill dispatcher"] == 86
    assert (hits["restart"], report["recoveries"]) == (2, 2)
    # Each of them happened, or the storm proves less than it says.
    blows = ("freeze", "cut", "half-open", "half-open listener", "deaf", "delay", "terminated session", "vendor fault")
    assert [name for name in blows if not hits.get(name)] == []
    assert report["notifications_dropped"] > 0
    assert report["rescued"] > 0
    assert report["runs"]["requests"] >= 2 * report["runs"]["asked"] > 10
    assert report["left"] == {"sessions": 0, "files": 0, "processes": 0}
    until(lambda: not family(mark), "no process is left")
    assert list(Path(folder).iterdir()) == []


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_on_a_server_of_ones_own_it_leaves_nothing_behind(folder: str, databases: Databases) -> None:
    # B.01
    before = databases.run(_databases(databases.url))
    options = ("--minutes", "0.3", "--kills", "4", "--events", "1000", "--database-url", databases.url)
    status, report, said = _soak(folder, *options, mark=uuid4().hex)
    assert status == 0, (report.get("findings"), said[-3000:])
    assert report["hits"].get("restart", 0) == 0
    assert report["hits"]["kill worker"] + report["hits"].get("kill dispatcher", 0) == 4
    assert databases.run(_databases(databases.url)) == before
    assert list(Path(folder).iterdir()) == []


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_interrupted_it_takes_everything_along(folder: str) -> None:
    mark = uuid4().hex
    running = subprocess.Popen(
        [sys.executable, "-m", "headwater", "soak", "--minutes", "3"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=_environment(folder, mark), cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert running.stderr is not None
    for line in running.stderr:
        if "causes" in line:  # the load is on
            break
    assert len(family(mark)) > 10
    running.send_signal(signal.SIGINT)
    running.communicate(timeout=120)
    assert running.returncode == 130
    until(lambda: not family(mark), "no process is left")
    assert list(Path(folder).iterdir()) == []


async def _databases(url: str) -> list[str]:
    connection = await asyncpg.connect(urlsplit(url).geturl())
    try:
        return [row["datname"] for row in await connection.fetch("SELECT datname FROM pg_database ORDER BY 1")]
    finally:
        await connection.close()
