"""HEADWATER_FAULTS on the command line: refused when it says nothing, watched and obeyed when it does, absent otherwise."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import asyncpg
import pytest

from db import faults
from db.direct import direct
from tests.front.programs import run


@pytest.mark.parametrize("setting", ["on", "observe:", "kill:during:a/b", "cut:before:", "stop:after:a/b:0"])
def test_a_fault_that_says_nothing_is_a_bad_setting(setting: str) -> None:
    told = run("db", "status", HEADWATER_FAULTS=setting)
    assert (told.returncode, told.stdout) == (2, "")
    assert told.stderr.startswith("headwater: HEADWATER_FAULTS: ")
    assert "kill|stop|cut:before|after:POINT" in told.stderr


def test_a_file_that_cannot_be_written_is_said_at_the_start(tmp_path: Path) -> None:
    told = run("db", "status", HEADWATER_FAULTS=f"observe:{tmp_path / 'nowhere' / 'points'}")
    assert told.returncode == 1
    assert "correct HEADWATER_FAULTS" in told.stderr
    assert "Traceback" not in told.stderr


async def test_without_the_setting_a_connection_is_the_drivers_own(db_url: str) -> None:
    async with direct(db_url) as connection:
        assert type(connection) is asyncpg.Connection
    assert faults.reached("anything", "before") is None  # type: ignore[func-returns-value]


@pytest.mark.slow
def test_a_command_is_watched_and_then_killed_where_it_was_seen(db_url: str, tmp_path: Path) -> None:
    seen = tmp_path / "points"
    seen.touch()
    watched = run("tenants", "create", "watched", DATABASE_URL=db_url, HEADWATER_FAULTS=f"observe:{seen}")
    assert watched.returncode == 0, watched.stderr
    assert "faults_armed" in watched.stderr
    points = [json.loads(line) for line in seen.read_text().splitlines()]
    commit = points[-1]
    assert (commit["side"], commit["statement"]) == ("after", "COMMIT")

    for side, exists in (("before", False), ("after", True)):
        fault = f"kill:{side}:{commit['point']}:{commit['nth']}"
        killed = run("tenants", "create", side, DATABASE_URL=db_url, HEADWATER_FAULTS=fault)
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        assert (f'"slug": "{side}"' in run("tenants", "list", "--json", DATABASE_URL=db_url).stdout) is exists

    cut = run("tenants", "create", "cut", DATABASE_URL=db_url, HEADWATER_FAULTS=f"cut:before:{commit['point']}")
    assert cut.returncode != 0
    assert '"slug": "cut"' not in run("tenants", "list", "--json", DATABASE_URL=db_url).stdout
