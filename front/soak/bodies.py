"""What the processes of a soak run. Each is forked from a parent that has imported all this, so that a start costs little."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import tempfile
import threading
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import structlog
import uvloop

from api.listening import listening
from api.server import serve as serve_api
from contracts.errors import HeadwaterError
from contracts.settings import Settings
from front.logs import configure_logging
from front.soak.jobs import BODIES
from front.soak.producer import produce
from worker.app import work
from worker.providers.sandbox.serve import serve as serve_sandbox

#: Exit status of a process that could not start: the database is away.
AWAY = 1
log = structlog.get_logger("soak")


def worker(folder: str, settings: dict[str, Any], url: str, parts: Sequence[str]) -> None:
    """A worker process with these parts, as `headwater worker --only` runs it."""
    live(folder, settings, "worker", lambda made: work(made, url, only=parts, activities=BODIES))


def api(folder: str, settings: dict[str, Any], url: str, port: int) -> None:
    """An API process on `port`."""

    async def serve(made: Settings) -> None:
        await serve_api(made, url, listening("127.0.0.1", port), ready=lambda _: None)

    live(folder, settings, "api", serve)


def sandbox(folder: str, settings: dict[str, Any], port: int) -> None:
    """The vendors. No blow falls on it: its meter is the proof."""
    live(folder, settings, "sandbox", lambda _: serve_sandbox("127.0.0.1", port, lambda _: None))


def producer(folder: str, settings: dict[str, Any], url: str, tenants: Sequence[UUID], rate: float) -> None:
    """One that emits."""

    async def until_told(_: Settings) -> None:
        task = asyncio.create_task(produce(url, tenants, rate))
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        await asyncio.wait([task])
        if not task.cancelled():
            task.result()

    live(folder, settings, "producer", until_told)


def live(
    folder: str, settings: dict[str, Any], name: str, body: Callable[[Settings], Coroutine[Any, Any, None]]
) -> None:
    os.setsid()
    _own_output(Path(folder) / f"{name}.log")
    _own_temporary_files(Path(folder) / "tmp")
    threading.Thread(target=_end_with_parent, name="lifeline", daemon=True).start()
    made = Settings(**settings)
    configure_logging(made, f"headwater-soak-{name}")
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(body(made))
    except HeadwaterError as error:
        log.warning("start_failed", error=error.detail)
        os._exit(AWAY)


def _own_output(path: Path) -> None:
    number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for standard in (1, 2):
        os.dup2(number, standard)
    os.close(number)


def _own_temporary_files(folder: Path) -> None:
    """In this process alone: whoever started it goes on after the folder has gone."""
    folder.mkdir(exist_ok=True)
    os.environ["TMPDIR"] = tempfile.tempdir = str(folder)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGKILL)
