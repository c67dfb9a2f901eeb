"""`headwater …` as real processes, and a way to see what they leave behind."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from contracts.settings import Settings

ROOT = Path(__file__).parent.parent.parent
#: Whoever inherits this variable was started, however indirectly, by the one we started.
MARK = "HEADWATER_TEST_MARK"


def environment(**changes: str) -> dict[str, str]:
    """Ours, without any setting of whoever runs the tests."""
    clean = {k: v for k, v in os.environ.items() if k.lower() not in Settings.model_fields}
    return {**clean, "PYTHONPATH": str(ROOT), **changes}


def command(*words: str) -> list[str]:
    return [sys.executable, "-P", "-m", "headwater", *words]


def run(*words: str, **changes: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*words), env=environment(**changes), capture_output=True, text=True, timeout=110)


def family(mark: str) -> dict[int, str]:
    """Living processes that carry `mark`: pid -> command line."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if f"{MARK}={mark}".encode() in (folder / "environ").read_bytes().split(b"\0"):
                found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
        except (OSError, ProcessLookupError):
            continue
    # A zombie has neither environment nor command line.
    return {pid: said for pid, said in found.items() if said}


def part(mark: str, name: str) -> int:
    """The pid of the `headwater NAME` among the processes that carry `mark`."""
    [pid] = [pid for pid, said in family(mark).items() if f"-m headwater {name}" in said]
    return pid


def until(holds: Callable[[], bool], what: str, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.05)


class Up:
    """A `headwater up` that is ready. `url` is what it printed."""

    def __init__(self, process: subprocess.Popen[str], mark: str, log: Path, data: Path) -> None:
        self.process, self.mark, self._log, self.data = process, mark, log, data
        self.url = ""

    @property
    def log(self) -> str:
        return self._log.read_text()

    def await_ready(self) -> None:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line.startswith("ready http://127.0.0.1:"), f"{line!r}\n{self.log[-3000:]}"
        self.url = line.split()[1]


@contextmanager
def up(*words: str, **changes: str) -> Iterator[Up]:
    """`headwater up` on a free port and a data folder of its own, stopped at the end."""
    # Not pytest's folder: the embedded server may run as another user, who must be able to enter it.
    with tempfile.TemporaryDirectory(prefix="headwater-test-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        mark, log, data = uuid4().hex, Path(folder) / "log", Path(folder) / "data"
        with log.open("w") as errors:
            process = subprocess.Popen(
                command("up", "--port", "0", "--data", str(data), *words),
                env=environment(**{MARK: mark}, **changes),
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        running = Up(process, mark, log, data)
        try:
            running.await_ready()
            yield running
        finally:
            process.terminate()
            try:
                process.wait(60)
            finally:
                process.kill()
                process.wait()
            until(lambda: not family(mark), "every process of it is gone")
            assert process.stdout is not None
            process.stdout.close()
