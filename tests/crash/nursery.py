"""Processes of the product by fork from one that has imported everything: a tenth of the cost of starting Python anew.

Run as a program it is that parent: it has no thread and no event loop, reads one JSON request a line and answers with the
pid, and later with how the child ended. `Nursery` is the test's side of it.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import pkgutil
import selectors
import signal
import sys
import traceback
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Child:
    """One running command. `ended` is its status (negative: the signal), once it has one."""

    words: tuple[str, ...]
    pid: int
    log_path: Path
    out_path: Path
    ended: asyncio.Future[int] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    #: Was it ever seen standing still? Whoever looks later may find it going on.
    has_stopped: bool = False

    def log(self, event: str) -> list[dict[str, Any]]:
        """The lines of one event."""
        whole, _, _under_way = self.log_path.read_text().rpartition("\n")
        lines = [json.loads(line) for line in whole.splitlines() if line.startswith("{")]
        return [line for line in lines if line.get("event") == event]

    @property
    def ready(self) -> str | None:
        """What it printed when it was ready."""
        said = self.out_path.read_text()
        return said.strip() if said.endswith("\n") else None

    @property
    def stopped(self) -> bool:
        """Does it stand still (SIGSTOP)?"""
        with suppress(FileNotFoundError, ProcessLookupError):
            now = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
            self.has_stopped |= now
            return now
        return False

    def signal(self, number: signal.Signals) -> None:
        if not self.ended.done():
            os.kill(self.pid, number)

    async def kill(self) -> None:
        self.signal(signal.SIGKILL)
        await self.ended


class Nursery:
    """Starts children; `async with` ends the parent and all of them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._children: dict[int, Child] = {}
        self._early: dict[int, int] = {}
        self._unwanted: set[int] = set()
        self._asked: asyncio.Queue[asyncio.Future[int]] = asyncio.Queue()
        self._count = 0

    async def __aenter__(self) -> Nursery:
        self._parent = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.crash.nursery",
            cwd=ROOT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        self._reader = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        for child in self._children.values():
            child.signal(signal.SIGKILL)
        assert self._parent.stdin is not None
        self._parent.stdin.close()
        await self._parent.wait()
        await self._reader
        for child in self._children.values():  # the parent took them along and told of none
            if not child.ended.done():
                child.ended.set_result(-signal.SIGKILL)

    async def start(self, *words: str, environment: Mapping[str, str], folder: Path | None = None) -> Child:
        """Run `headwater WORDS` with exactly this environment. It may not be ready yet."""
        self._count += 1
        out, log = (Path(folder or self._folder) / f"{self._count}-{words[0]}.{end}" for end in ("out", "log"))
        out.touch()
        log.touch()
        request = {"words": words, "environment": dict(environment), "out": str(out), "log": str(log)}
        answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._asked.put_nowait(answer)
        assert self._parent.stdin is not None
        self._parent.stdin.write(json.dumps(request).encode() + b"\n")
        pid = await answer
        child = self._children[pid] = Child(words, pid, log, out)
        if pid in self._early:
            child.ended.set_result(self._early.pop(pid))
        return child

    async def _read(self) -> None:
        assert self._parent.stdout is not None
        async for line in self._parent.stdout:
            said = json.loads(line)
            if "status" not in said:
                answer = self._asked.get_nowait()
                if answer.cancelled():  # nobody wants it any more
                    self._unwanted.add(said["pid"])
                    os.kill(said["pid"], signal.SIGKILL)
                else:
                    answer.set_result(said["pid"])
            elif said["pid"] in self._unwanted:
                self._unwanted.remove(said["pid"])
            elif said["pid"] in self._children:
                self._children.pop(said["pid"]).ended.set_result(said["status"])
            else:
                self._early[said["pid"]] = said["status"]


def _import_everything() -> None:
    """All of the product: a child reads no source file, whatever becomes of them while it runs."""
    for package in ("contracts", "db", "api", "worker", "front"):
        for found in pkgutil.walk_packages([str(ROOT / package)], f"{package}."):
            if not found.name.startswith("front.bench.peers."):  # each needs a package that only a bench installs
                import_module(found.name)
    import_module("headwater")
    import_module("uvloop")
    import_module("worker.providers.http")._trusted()


def _become(request: dict[str, Any]) -> None:
    """The child: never returns."""
    status = 70
    try:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(os.open(request["out"], os.O_WRONLY | os.O_APPEND), 1)
        os.dup2(os.open(request["log"], os.O_WRONLY | os.O_APPEND), 2)
        os.environ.clear()
        os.environ.update(request["environment"])
        import headwater

        sys.argv = ["headwater", *request["words"]]
        headwater.main()
        status = 0
    except SystemExit as left:
        status = left.code if isinstance(left.code, int) else int(left.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _say(**what: int) -> None:
    os.write(1, json.dumps(what).encode() + b"\n")


def main() -> None:
    """Fork as asked until stdin closes."""
    _import_everything()
    gc.freeze()
    died, wake = os.pipe()
    os.set_blocking(wake, False)
    os.set_blocking(died, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake)
    selector = selectors.DefaultSelector()
    selector.register(0, selectors.EVENT_READ)
    selector.register(died, selectors.EVENT_READ)
    rest, children = b"", set[int]()
    while True:
        ready = {key.fd for key, _ in selector.select()}
        if 0 in ready:
            more = os.read(0, 1 << 16)
            if not more:
                break
            *lines, rest = (rest + more).split(b"\n")
            for line in lines:
                pid = os.fork()
                if pid == 0:
                    signal.set_wakeup_fd(-1)
                    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                    for each in (selector.fileno(), died, wake):
                        os.close(each)
                    _become(json.loads(line))
                children.add(pid)
                _say(pid=pid)
        if died in ready:
            with suppress(BlockingIOError):
                os.read(died, 1 << 16)
        with suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                children.discard(ended[0])
                _say(pid=ended[0], status=os.waitstatus_to_exitcode(ended[1]))
    for pid in children:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    main()
