"""Fault points: every statement of a process by name, where it can be watched, killed, stopped or cut off on purpose.

Nothing of this exists in a process whose HEADWATER_FAULTS is empty: its connections are asyncpg's own.

A point is `FUNCTION/STATEMENT`: the function of `worker` or `api` it happens in, and the query's name (`outbox.claim`) or
first words (`commit`). Names are read off the running code, never typed in, so a new statement is a new point.
Each has two sides. `before`: nothing was sent. `after`: the server has done it, and we have not heard. A process that dies
while the server works leaves one of these two behind, so they are all the crash states a statement has.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
import threading
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from types import FrameType
from typing import TYPE_CHECKING, Any, TypeVar

import asyncpg
import structlog
from asyncpg.prepared_stmt import PreparedStatement

from contracts.errors import Unavailable
from contracts.faults import Fault, Observe, Side, parse
from db.lending import OWED
from db.sql import load, modules

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]
    Statement = PreparedStatement[asyncpg.Record]
else:
    Connection, Statement = asyncpg.Connection, PreparedStatement

T = TypeVar("T")
_MARKED = re.compile(r"/\* (\w+\.\w+) \*/")
log = structlog.get_logger("db.faults")


def _nothing(what: str, side: Side) -> None:
    """Not armed."""


#: Marks an await that is no statement, `what` being its name in the calling function. A no-op unless armed; it cannot be cut.
reached: Callable[[str, Side], None] = _nothing
_wish: Observe | Fault | None = None
_names: dict[str, str] = {}
_counted: Counter[tuple[str, Side]] = Counter()
_lock = threading.Lock()


def arm(setting: str | None) -> None:
    """Make what is opened from now on do what HEADWATER_FAULTS says.

    Raises: ValueError; Unavailable when the file to observe into cannot be written.
    """
    global _wish, reached
    if not setting:
        return
    _wish = parse(setting)
    if isinstance(_wish, Observe):
        try:
            open(_wish.path, "ab").close()
        except OSError as error:
            raise Unavailable(
                f"cannot write to {_wish.path} ({error.strerror}): correct HEADWATER_FAULTS", code="faults_file"
            ) from error
    _names.update({text: f"{module}.{name}" for module in modules() for name, text in load(module).items()})
    reached = _reached
    log.warning("faults_armed", setting=setting, nextStep="unset HEADWATER_FAULTS unless this process is to fail")


def connection_class() -> type[Connection]:
    """What pools and direct connections are made of."""
    return asyncpg.Connection if _wish is None else FaultyConnection


class FaultyConnection(Connection):
    """A connection that passes its fault points before and after each statement."""

    __slots__ = ()
    _transport: Any

    async def execute(self, query: str, *args: Any, timeout: float | None = None) -> str:
        run = super().execute
        if args:  # it comes back by `_execute`
            return await run(query, *args, timeout=timeout)
        return await self._passing(query, lambda: run(query, timeout=timeout))

    async def _execute(self, query: str, *args: Any, **named: Any) -> Any:
        run = super()._execute  # type: ignore[misc]
        return await self._passing(query, lambda: run(query, *args, **named))

    async def _executemany(self, query: str, *args: Any, **named: Any) -> Any:
        run = super()._executemany  # type: ignore[misc]
        return await self._passing(query, lambda: run(query, *args, **named))

    async def _prepare(self, query: str, **named: Any) -> Any:
        made = await super()._prepare(query, **named)  # type: ignore[misc]
        return _FaultyStatement(self, query, made._state)

    async def _passing(self, text: str, run: Callable[[], Awaitable[T]]) -> T:
        point = _point(_name(text), sys._getframe(1))
        await self._pass(point, "before", text)
        done = await run()
        await self._pass(point, "after", text)
        return done

    async def _pass(self, point: str, side: Side, text: str) -> None:
        if not _pass(point, side, text):
            return
        lost = asyncio.Event()
        self.add_termination_listener(lambda _: lost.set())
        self._transport.abort()
        await lost.wait()
        raise asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")


class _FaultyStatement(Statement):
    """A prepared statement: what counts is its execution."""

    _connection: FaultyConnection
    _query: str

    async def fetch(self, *args: Any, **named: Any) -> Any:
        run = super().fetch
        return await self._connection._passing(self._query, lambda: run(*args, **named))


def _reached(what: str, side: Side) -> None:
    if _pass(_point(what, sys._getframe(1)), side, None):
        log.error("fault_impossible", reason="only a statement has a connection to cut")


def _pass(point: str, side: Side, text: str | None) -> bool:
    """Count, note, and fail if it is time to. True: cut the connection."""
    with _lock:
        _counted[point, side] += 1
        nth = _counted[point, side]
    if isinstance(_wish, Observe):
        _note(_wish.path, {"pid": os.getpid(), "point": point, "side": side, "nth": nth, "statement": text})
        return False
    if not isinstance(_wish, Fault) or (_wish.side, _wish.point, _wish.nth) != (side, point, nth):
        return False
    log.warning("fault", action=_wish.action, side=side, point=point, nth=nth)
    if _wish.action == "cut":
        return True
    # To this thread: it must not run one instruction further.
    signal.pthread_kill(threading.get_ident(), signal.SIGKILL if _wish.action == "kill" else signal.SIGSTOP)
    return False


def _note(path: str, line: dict[str, Any]) -> None:
    with suppress(FileNotFoundError), open(path, "ab", buffering=0) as file:
        file.write(json.dumps(line).encode() + b"\n")


def _name(text: str) -> str:
    """Of a message of several statements: the query that is marked in it, else what it opens."""
    if known := _names.get(text):
        return known
    if marked := _MARKED.search(text):
        return marked[1]
    return _first_words(text.removeprefix(OWED))


def _first_words(text: str) -> str:
    words = re.findall(r"\w+", text.lower())
    return "-".join(words[:4]) if words[0] in ("select", "insert", "update", "delete", "set") else words[0]


def _point(what: str, frame: FrameType | None) -> str:
    """`what` in the innermost function of the worker or the API that waits for it, else of the outermost one in db."""
    outermost = "db"
    while frame is not None:
        module = str(frame.f_globals.get("__name__"))
        if module != __name__ and module.startswith(("worker.", "api.", "db.")):
            where = f"{module}.{frame.f_code.co_qualname}".replace(".<locals>", "")
            if not module.startswith("db.") and module != "worker.context":
                return f"{where}/{what}"
            outermost = where
        frame = frame.f_back
    return f"{outermost}/{what}"
