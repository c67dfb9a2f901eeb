"""Processes of ours: started under a lifeline, restarted when they die, stopped in order."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import structlog

from contracts.errors import Hopeless, Unavailable
from front import lifeline

#: A life shorter than this is a quick death, in seconds; so many of them in a row and we give up.
QUICK_S = 10.0
QUICK_DEATHS = 5
#: Between a death and the next start: doubled each time, in seconds.
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 5.0
#: What a command answers that will not work next time either: bad settings or options.
BAD_SETTINGS = 2
#: Where the command line is found, also when it is not installed.
ROOT = Path(__file__).parent.parent

log = structlog.get_logger("front.children")


class Child:
    """One `headwater COMMAND` as a process of its own.

    `ready` holds what it said after `ready ` on stdout, once it has; nothing else of its stdout goes anywhere. Its
    stderr is ours, or `errors`.
    """

    def __init__(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], *, errors: IO[bytes] | None = None
    ) -> None:
        self.name, self.command, self.environment, self._errors = name, list(command), dict(environment), errors
        self.ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._process: asyncio.subprocess.Process | None = None
        self._pipe = -1

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    async def run(self) -> int:
        """Start it and wait for its end. Returns the exit status, negative for a signal."""
        theirs, self._pipe = os.pipe()
        try:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",
                "-m",
                "headwater",
                *self.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=self._errors,
                env=self._environment(theirs),
                pass_fds=(theirs,),
                # Ctrl-C reaches us alone: who stops when is ours to say.
                start_new_session=True,
            )
        except BaseException:
            self._let_go()
            raise
        finally:
            os.close(theirs)
        await self._read()
        status = await self._process.wait()
        self._let_go()
        return status

    def _let_go(self) -> None:
        if self._pipe >= 0:
            os.close(self._pipe)
            self._pipe = -1

    def _environment(self, pipe: int) -> dict[str, str]:
        path = os.pathsep.join(filter(None, (str(ROOT), self.environment.get("PYTHONPATH"))))
        return {**self.environment, "PYTHONPATH": path, lifeline.VARIABLE: str(pipe)}

    async def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            said = line.decode(errors="replace").strip()
            if said.startswith("ready ") and not self.ready.done():
                self.ready.set_result(said.removeprefix("ready "))

    async def keep(self) -> None:
        """Run it, and again whenever it dies. Raises: Hopeless when that is no use."""
        quick = 0
        while True:
            began = time.monotonic()
            status = await self.run()
            quick = quick + 1 if time.monotonic() - began < QUICK_S else 0
            if status == BAD_SETTINGS:
                raise Hopeless(f"{self.name} does not accept its settings: mend what it said above", code="child_died")
            if quick >= QUICK_DEATHS:
                raise Hopeless(
                    f"{self.name} died {quick} times within {QUICK_S:.0f} s of its start (last: {ended(status)}): "
                    "mend what it said above, then start again",
                    code="child_died",
                )
            pause = min(FIRST_PAUSE_S * 2**quick, LONGEST_PAUSE_S)
            log.warning("child_died", child=self.name, ended=ended(status), restart_in_s=pause)
            await asyncio.sleep(pause)

    async def stop(self, grace_s: float) -> None:
        """SIGTERM, and SIGKILL after `grace_s` seconds. The one who awaits `run` sees the end."""
        if self._process is None or self._process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            self._process.terminate()
        try:
            await asyncio.wait_for(self._process.wait(), grace_s)
        except TimeoutError:
            log.error("child_killed", child=self.name, after_s=grace_s)
            with suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
        self._let_go()


def ended(status: int) -> str:
    """An exit status in words."""
    if status >= 0:
        return f"exit status {status}"
    return signal.Signals(-status).name


async def said_ready(child: Child, keeping: asyncio.Task[None], within_s: float) -> str:
    """What `child` says after `ready `. Raises: its keeper's error; Unavailable when it takes longer than `within_s`."""
    waiting: list[asyncio.Future[Any]] = [child.ready, keeping]
    await asyncio.wait(waiting, timeout=within_s, return_when=asyncio.FIRST_COMPLETED)
    if keeping.done():
        keeping.result()
    if not child.ready.done():
        raise Unavailable(f"{child.name} was not ready within {within_s:.0f} s: see its log", code="child_not_ready")
    return child.ready.result()
