"""A timeline as people read it: what repeats itself is told once. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from contracts.runs import Moment

#: So many names of a group are shown at once.
SHOWN = 3


@dataclass(frozen=True, slots=True)
class Passage:
    """Neighbouring moments of one kind. `shown` are told in full, `more` on demand."""

    moments: tuple[Moment, ...]

    @property
    def first(self) -> Moment:
        return self.moments[0]

    @property
    def shown(self) -> tuple[Moment, ...]:
        return self.moments[: SHOWN if self.first.what == "lead" else 1]

    @property
    def more(self) -> tuple[Moment, ...]:
        return self.moments[len(self.shown) :]


def passages(moments: Sequence[Moment]) -> list[Passage]:
    """Neighbours with the same kind, title and state are one; leads are, whatever they are called."""

    def kind(m: Moment) -> tuple[str, str | None, str | None, str | None]:
        return (m.what, None, None, None) if m.what == "lead" else (m.what, m.title, m.state, m.detail)

    return [Passage(tuple(group)) for _, group in groupby(moments, kind)]
