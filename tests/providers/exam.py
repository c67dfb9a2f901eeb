"""What the exam asks of every adapter, part by part, and who sits which part.

The parts are asked in `test_exam.py` and `test_exam_keys.py` (look-ups), `test_conformance.py` (searches), `test_smtp_exam.py`
(mail), `test_ways_exam.py` (alerts of tenants) and `test_jetstream_exam.py`. Who cannot sit a part says why in `apart`, or names
the test that asks the same of its own wire; `test_completeness.py` finds who does neither.

Of a `Subject`:
- `name` is "vendor.operation"; `make` the maker of its module; `setting` the key or switch without which it is absent.
- `hits` are at least two queries that find something at the sandbox, or a function that picks them from the world;
  `misses` find nothing (or are known not to exist). For a look-up without misses (a message, an alert) leave them empty.
- `pages` asks for the first of several pages, a small one.
- `address` is the setting of its base URL: the exam points it at a closed door.
- `statuses` says what its vendor means by a status, where that differs from `test_exam.STATUSES`.
- `exhausted` is how its stand-in's "no credits left" ends: None where the stand-in knows no credits.
- `units` is what a hit costs, in the operation's unit; None when it depends.
Faults are ordered by `sandbox`, the vendor's name at the sandbox.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import pytest
from pydantic import BaseModel, SecretStr
from structlog.testing import capture_logs

from contracts.providers import Operation
from contracts.settings import Settings
from tests.providers.sandbox_fixture import RunningSandbox

PARTS: Mapping[str, str] = {
    "happy": "what is found is ours, costs what it says and can be kept",
    "empty": "nothing found is an answer",
    "paging": "pages lead to the end, and bring each thing once",
    "classes": "each refusal is named for the next move",
    "slow": "who is silent or drips is left in time",
    "cut": "a connection that is cut may have been billed",
    "garbage": "what cannot be read is a bad answer",
    "redaction": "no key in a log, or in an error and what hangs on it",
    "keyless": "without its key it is absent, and names what to set",
}
#: (who, part) of everybody who sits.
SAT: set[tuple[str, str]] = set()
#: What every vendor is given as its key: it must be found nowhere else. As long and as plain as a real one.
SECRET = "tvly-exam-0f9e8d7c6b5a4938"
Queries = Callable[[], Sequence[BaseModel]]
_Test = TypeVar("_Test", bound=Callable[..., Any])


class Sitter(Protocol):
    """Whoever sits the exam."""

    @property
    def name(self) -> str: ...

    def sits(self, part: str) -> bool: ...


@dataclass(frozen=True)
class Subject:
    """One look-up and what the exam has to know of it."""

    name: str
    make: Callable[[Settings], Sequence[Operation[Any, Any]]]
    setting: str
    address: str
    hits: Queries
    misses: Queries = tuple
    units: float | None = 1.0
    statuses: Mapping[str, str] = field(default_factory=dict)
    exhausted: str | None = "vendor_quota"
    #: Settings that it needs beside what `RunningSandbox.settings` gives.
    also: Mapping[str, Any] = field(default_factory=dict)
    #: How its vendor is called at the sandbox, when that is not the first half of `name`.
    at: str | None = None
    #: What the ledger knows it as, when that is not `name`.
    asks: str | None = None
    #: False where an answer of any JSON shape is read (a webhook that only says 200).
    shape_matters: bool = True
    #: False where a 2xx need not be JSON.
    json_matters: bool = True
    pages: Callable[[], BaseModel] | None = None
    #: part -> why it cannot be asked of it, or the test that asks it elsewhere ("tests/….py::test_…").
    apart: Mapping[str, str] = field(default_factory=dict)

    @property
    def sandbox(self) -> str:
        return self.at or self.name.partition(".")[0]

    @property
    def operation_name(self) -> str:
        return self.asks or self.name

    def sits(self, part: str) -> bool:
        able = {"empty": self.misses is not tuple, "paging": self.pages is not None}
        return part not in self.apart and able.get(part, True)

    def settings(self, sandbox: RunningSandbox, **more: Any) -> Settings:
        """The sandbox's settings with the exam's secret for a key."""
        return sandbox.settings(**{self.setting: SecretStr(SECRET), **self.also, **more})

    @asynccontextmanager
    async def opened(self, sandbox: RunningSandbox, **more: Any) -> AsyncIterator[Operation[Any, Any]]:
        """The look-up, for as long as it is needed."""
        operation = self.operation(self.settings(sandbox, **more))
        try:
            yield operation
        finally:
            if (close := getattr(operation, "close", None)) is not None:
                await close()

    def operation(self, settings: Settings) -> Operation[Any, Any]:
        """The look-up itself. Raises VendorRefused when it is absent."""
        made = {f"{op.spec.vendor}.{op.spec.operation}": op for op in self.make(settings)}
        return made[self.operation_name]


def sits(part: str, sitters: Sequence[Sitter], argument: str = "subject") -> Callable[[_Test], _Test]:
    """Ask a test of all of `sitters` who sit `part`, and note that they did."""
    who = [each for each in sitters if each.sits(part)]
    asked = pytest.mark.parametrize(argument, who, ids=lambda each: each.name)

    def note(test: _Test) -> _Test:
        SAT.update((each.name, part) for each in who)
        marked: _Test = asked(test)
        return marked

    return note


def sat_alone(name: str, *parts: str) -> Callable[[_Test], _Test]:
    """Note that a test asks `parts` of `name`, on a wire of its own."""

    def note(test: _Test) -> _Test:
        assert set(parts) <= set(PARTS), parts
        SAT.update((name, part) for part in parts)
        return test

    return note


def shown(error: BaseException) -> str:
    """All that an error tracker could keep of an error: texts, members, and the same of what hangs on it."""
    seen: list[BaseException] = []
    waiting: list[BaseException | None] = [error]
    while waiting:
        each = waiting.pop()
        if each is not None and each not in seen:
            seen.append(each)
            waiting += [each.__cause__, each.__context__]
    told = [f"{each!s} {each!r} {each.args!r} {vars(each)!r} {getattr(each, '__notes__', '')}" for each in seen]
    return "\n".join((*told, *traceback.format_exception(error)))


@contextmanager
def overheard(caplog: pytest.LogCaptureFixture) -> Iterator[Callable[[], str]]:
    """Everything that is logged meanwhile, by whichever way, as text."""
    caplog.set_level(logging.DEBUG)
    with capture_logs() as events:
        yield lambda: caplog.text + repr([vars(record) for record in caplog.records]) + repr(events)
