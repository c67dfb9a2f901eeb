"""Regular expressions of other people, matched in time linear in the text: a pattern cannot hang a worker.

Python's own matcher backtracks, so `(a+)+$` takes exponential time. Here the standard library only parses; the parsed pattern
becomes a list of steps that is walked with all alternatives at once (Thompson 1968, Pike's VM): at most steps x characters of work.
Look-around, back-references and conditions have no such form and are refused, as is a pattern of more than MAX_STEPS steps.
"""

from __future__ import annotations

import re
import re._constants as code  # type: ignore[import-not-found]
import re._parser as parser  # type: ignore[import-not-found]
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal

MAX_PATTERN = 200
MAX_TEXT = 1000
MAX_STEPS = 300

_CATEGORIES = {
    code.CATEGORY_DIGIT: re.compile(r"\d"), code.CATEGORY_NOT_DIGIT: re.compile(r"\D"),
    code.CATEGORY_WORD: re.compile(r"\w"), code.CATEGORY_NOT_WORD: re.compile(r"\W"),
    code.CATEGORY_SPACE: re.compile(r"\s"), code.CATEGORY_NOT_SPACE: re.compile(r"\S"),
}  # fmt: skip
_PLACES = {
    code.AT_BEGINNING: "start", code.AT_BEGINNING_STRING: "start", code.AT_END: "end", code.AT_END_STRING: "end",
    code.AT_BOUNDARY: "boundary", code.AT_NON_BOUNDARY: "inside",
}  # fmt: skip


@dataclass(slots=True)
class _Step:
    """`one`: a character that `accepts`; `fork`: on to both of `to`; `place`: on if we stand at such a place; `done`."""

    kind: Literal["one", "fork", "place", "done"]
    accepts: Callable[[str], bool] | None = None
    place: str = ""
    to: list[int] = field(default_factory=list)


class Pattern:
    """A compiled pattern. Case is ignored; it may match anywhere in the text, of which MAX_TEXT characters are looked at.

    Raises: ValueError saying what is wrong with it.
    """

    def __init__(self, text: str) -> None:
        if not 1 <= len(text) <= MAX_PATTERN:
            raise ValueError(f"a pattern has 1 to {MAX_PATTERN} characters")
        try:
            tree = parser.parse(text)
        except (re.error, RecursionError, OverflowError) as error:
            raise ValueError(f"not a regular expression: {error}") from None
        self._steps: list[_Step] = []
        self._repeated = 0
        self._sequence(tree)
        self._add(_Step("done"))

    def found_in(self, text: str) -> bool:
        """Does it match somewhere in `text`?"""
        text = text[:MAX_TEXT].casefold()
        standing: list[int] = []
        for at in range(len(text) + 1):
            standing = self._reach([*standing, 0], text, at)
            if standing and self._steps[standing[-1]].kind == "done":
                return True
            if at < len(text):
                steps = (self._steps[n] for n in standing)
                standing = [s.to[0] for s in steps if s.accepts is not None and s.accepts(text[at])]
        return False

    def _reach(self, seeds: Iterable[int], text: str, at: int) -> list[int]:
        """Every waiting step that can be reached without a character; the last is `done` if that can be."""
        seen: set[int] = set()
        todo, waiting, done = list(seeds), [], -1
        while todo:
            n = todo.pop()
            if n in seen:
                continue
            seen.add(n)
            step = self._steps[n]
            if step.kind == "fork" or (step.kind == "place" and _stands(step.place, text, at)):
                todo += step.to
            elif step.kind == "one":
                waiting.append(n)
            elif step.kind == "done":
                done = n
        return [*waiting, done] if done >= 0 else waiting

    def _add(self, step: _Step) -> int:
        if len(self._steps) >= MAX_STEPS:
            raise ValueError(f"the pattern unfolds to more than {MAX_STEPS} steps: repeat less")
        self._steps.append(step)
        return len(self._steps) - 1

    def _sequence(self, tree: Any) -> None:
        for op, given in tree:
            if op is code.SUBPATTERN:
                self._sequence(given[-1])
            elif op is code.BRANCH:
                self._branch(given[1])
            elif op in (code.MAX_REPEAT, code.MIN_REPEAT):
                self._repeat(*given)
            elif op is code.AT and given in _PLACES:
                self._add(_Step("place", place=_PLACES[given], to=[len(self._steps) + 1]))
            else:
                self._add(_Step("one", accepts=_one(op, given), to=[len(self._steps) + 1]))

    def _branch(self, choices: list[Any]) -> None:
        fork = self._add(_Step("fork"))
        ends: list[int] = []
        for choice in choices:
            self._steps[fork].to.append(len(self._steps))
            self._sequence(choice)
            ends.append(self._add(_Step("fork")))
        for end in ends:
            self._steps[end].to = [len(self._steps)]

    def _repeat(self, least: int, most: Any, body: Any) -> None:
        for _ in range(int(least)):
            self._once_more(body)
        if most is code.MAXREPEAT:
            fork = self._add(_Step("fork", to=[len(self._steps) + 1]))
            self._sequence(body)
            self._add(_Step("fork", to=[fork]))
            self._steps[fork].to.append(len(self._steps))
            return
        forks = []
        for _ in range(int(most) - int(least)):
            forks.append(self._add(_Step("fork", to=[len(self._steps) + 1])))
            self._once_more(body)
        for fork in forks:
            self._steps[fork].to.append(len(self._steps))

    def _once_more(self, body: Any) -> None:
        # A body without steps of its own, repeated in repetitions, would never meet the bound on steps.
        self._repeated += 1
        if self._repeated > MAX_STEPS:
            raise ValueError(f"the pattern repeats more than {MAX_STEPS} times: repeat less")
        self._sequence(body)


@lru_cache(maxsize=1024)
def compiled(text: str) -> Pattern:
    """The pattern, compiled once. Raises: ValueError."""
    return Pattern(text)


def _one(op: Any, given: Any) -> Callable[[str], bool]:
    if op is code.LITERAL:
        wanted = chr(given).casefold()
        return lambda c: c == wanted
    if op is code.NOT_LITERAL:
        unwanted = chr(given).casefold()
        return lambda c: c != unwanted
    if op is code.ANY:
        return lambda c: c != "\n"
    if op is code.IN:
        return _any_of(given)
    raise ValueError("look-around, back-references and inline conditions are not supported: write it without")


def _any_of(items: list[Any]) -> Callable[[str], bool]:
    negated = bool(items) and items[0][0] is code.NEGATE
    tests: list[Callable[[str], bool]] = []
    for op, given in items[1 if negated else 0 :]:
        if op is code.LITERAL:
            tests.append(_one(op, given))
        elif op is code.RANGE:
            low, high = chr(given[0]), chr(given[1])
            tests.append(lambda c, low=low, high=high: low <= c <= high or low <= c.upper() <= high)  # type: ignore[misc]
        elif op is code.CATEGORY and given in _CATEGORIES:
            tests.append(lambda c, kind=_CATEGORIES[given]: kind.match(c) is not None)  # type: ignore[misc]
        else:
            raise ValueError("this kind of character class is not supported: list the characters")
    return lambda c: any(test(c) for test in tests) is not negated


def _stands(place: str, text: str, at: int) -> bool:
    if place == "start":
        return at == 0
    if place == "end":
        return at == len(text)
    before = at > 0 and (text[at - 1].isalnum() or text[at - 1] == "_")
    after = at < len(text) and (text[at].isalnum() or text[at] == "_")
    return (before != after) is (place == "boundary")
