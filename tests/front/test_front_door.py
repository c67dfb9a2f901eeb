"""The command line itself: quick, complete, and its failures are one line."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from headwater import DOORS
from tests.front.programs import environment, run

#: In a process of its own: opening a command sets up logging.
OPEN_ALL = """
from typer.testing import CliRunner
from headwater import DOORS, app
for name in DOORS:
    shown = CliRunner().invoke(app, [name, "--help"], prog_name="headwater")
    assert shown.exit_code == 0 and f"headwater {name}" in shown.output, (name, shown.output, shown.exception)
    print(name)
"""


def test_help_comes_at_once_and_lists_everything() -> None:
    quickest = 10.0
    for _ in range(3):
        began = time.monotonic()
        shown = run("--help")
        quickest = min(quickest, time.monotonic() - began)
    assert shown.returncode == 0
    assert [name for name in DOORS if f"  {name} " not in shown.stdout] == []
    assert quickest < 0.6


def test_every_command_opens() -> None:
    opened = subprocess.run(
        [sys.executable, "-c", OPEN_ALL], env=environment(), capture_output=True, text=True, timeout=60
    )
    assert opened.returncode == 0, opened.stderr
    assert opened.stdout.split() == list(DOORS)


def test_a_failure_we_know_is_one_line(tmp_path: Path) -> None:
    refused = run("db", "migrate", HEADWATER_DATA=str(tmp_path))
    assert refused.returncode == 1
    assert refused.stdout == ""
    [line] = refused.stderr.splitlines()
    assert line.startswith("headwater: no database: set DATABASE_URL")
