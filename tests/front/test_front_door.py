"""The command line itself: quick, complete, and its failures are one line."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from uuid import uuid4

import pytest

from headwater import DOORS
from tests.front.programs import MARK, command, environment, family, run, until

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


@pytest.mark.slow
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


def test_the_version_is_said() -> None:
    assert run("--version").stdout.startswith("headwater ")


@pytest.mark.slow
@pytest.mark.parametrize("words", [("up", "--port", "0", "--data"), ("demo", "--data"), ("db", "serve", "--data")])
def test_a_folder_that_cannot_be_used_is_one_line(tmp_path: Path, words: tuple[str, ...]) -> None:
    (tmp_path / "file").write_text("in the way")
    refused = run(*words, str(tmp_path / "file" / "data"), LOG_LEVEL="ERROR")
    assert refused.returncode == 1
    [line] = refused.stderr.splitlines()
    assert "cannot use the folder" in line
    assert "HEADWATER_DATA" in line


def test_an_address_of_another_machine_is_named() -> None:
    [line] = run("up", API_HOST="192.0.2.1").stderr.splitlines()
    assert "192.0.2.1:5050" in line
    assert "API_HOST" in line


@pytest.mark.slow
def test_a_worker_wants_a_migrated_database(empty_db_url: str) -> None:
    refused = run("worker", DATABASE_URL=empty_db_url)
    assert refused.returncode == 1
    [line] = refused.stderr.splitlines()
    assert line.endswith("run `headwater db migrate`")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "how"), [(("demo",), signal.SIGHUP), (("demo",), signal.SIGTERM), (("bench",), signal.SIGTERM)]
)
def test_told_to_stop_it_leaves_nothing(words: tuple[str, ...], how: signal.Signals) -> None:
    with tempfile.TemporaryDirectory(prefix="headwater-test-") as folder:
        # Enterable, as /tmp is: the embedded server may run as another user.
        Path(folder).chmod(0o755)
        mark = uuid4().hex
        process = subprocess.Popen(
            command(*words),
            env=environment(**{MARK: mark}, TMPDIR=folder),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            until(lambda: any(Path(folder).glob("**/postmaster.pid")), "its server runs")
            process.send_signal(how)
            assert process.wait(30) != 0
            until(lambda: not family(mark), "no process is left")
            assert list(Path(folder).iterdir()) == []
        finally:
            process.kill()
            process.wait()
