"""`headwater up`: says when it is ready, keeps its parts running, leaves nothing behind."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import tempfile
import urllib.request
from pathlib import Path

import pytest

from contracts.errors import Hopeless
from db import server
from front import children
from front.children import Child
from tests.front.programs import environment, family, part, run, until, up

pytestmark = pytest.mark.slow


def get(url: str) -> dict[str, object]:
    with urllib.request.urlopen(url, timeout=10) as answer:
        said: dict[str, object] = json.load(answer)
        return said


def test_it_is_ready_when_it_says_so_and_sigterm_leaves_nothing_behind() -> None:
    with up("--sandbox") as running:
        assert get(f"{running.url}/readyz")["ready"] is True, "the worker's dispatcher included"
        secret = running.data / "jwt-secret"
        assert secret.stat().st_mode & 0o777 == 0o600
        assert server.running(running.data / "pg") is not None
        running.process.terminate()
        assert running.process.wait(timeout=60) == 0, running.log[-3000:]
        assert family(running.mark) == {}
        assert server.running(running.data / "pg") is None
        assert running.process.stdout is not None
        assert running.process.stdout.read() == "", "one line on stdout, and no more"
        order = [running.log.index(said) for said in ("Finished server process", "worker_stopped")]
        assert order == sorted(order), "the API goes before the worker"


def test_killed_it_takes_its_parts_along() -> None:
    with up("--sandbox") as running:
        assert len(family(running.mark)) >= 4
        running.process.kill()
        until(lambda: not family(running.mark), "no orphan is left")
        until(lambda: server.running(running.data / "pg") is None, "the database has stopped")


def test_a_part_that_dies_comes_back(db_url: str) -> None:
    with up("--sandbox", DATABASE_URL=db_url) as running:
        until(lambda: '"event": "up"' in running.log, "it has logged where everything is")
        [line] = [json.loads(each) for each in running.log.splitlines() if '"event": "up"' in each]
        before = {name: part(running.mark, name) for name in ("api", "worker", "sandbox")}
        for pid in before.values():
            os.kill(pid, signal.SIGKILL)

        def back() -> bool:
            try:
                get(f"{line['sandbox']}/__control/requests")
                return (
                    get(f"{running.url}/readyz")["ready"] is True and part(running.mark, "worker") != before["worker"]
                )
            except (OSError, ValueError):
                return False

        until(back, "all are back, at the same addresses")
        assert part(running.mark, "api") != before["api"]
        assert running.process.poll() is None


async def test_a_part_that_cannot_live_is_given_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(children, "FIRST_PAUSE_S", 0.01)
    with (tmp_path / "log").open("wb") as errors:
        child = Child("database", ["db", "url"], environment(HEADWATER_DATA=str(tmp_path)), errors=errors)
        with pytest.raises(Hopeless, match=r"database died 5 times .*exit status 1"):
            await asyncio.wait_for(child.keep(), 60)
    assert (tmp_path / "log").read_text().count("no database: set DATABASE_URL") == children.QUICK_DEATHS


def test_settings_that_cannot_work_are_given_up_at_once() -> None:
    refused = run("up", "--port", "0", LOG_LEVEL="LOUD")
    assert refused.returncode == 2
    assert "LOG_LEVEL" in refused.stderr


def test_a_taken_port_is_named_before_anything_is_started() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, tempfile.TemporaryDirectory() as folder:
        port = taken.getsockname()[1]
        data = Path(folder) / "data"
        refused = run("up", "--port", str(port), "--data", str(data))
        assert refused.returncode == 1
        assert re.search(rf"127\.0\.0\.1:{port} .*--port", refused.stderr)
        assert refused.stdout == ""
        assert not data.exists()
