"""Which of several people is wanted first, by their job titles."""

from __future__ import annotations

import re
from collections.abc import Sequence

from contracts.findings import FoundPerson

_WORD = re.compile(r"[^\W_]+")
#: What titles say in short, in the words that people ask for.
_SPELT_OUT = {
    "ceo": ("chief", "executive", "officer"), "coo": ("chief", "operating", "officer"), "md": ("managing", "director"),
    "cfo": ("chief", "financial", "officer"), "cto": ("chief", "technology", "officer"), "vp": ("vice", "president"),
    "cofounder": ("founder",), "co": (),
}  # fmt: skip


def rank(title: str | None, wanted: Sequence[str]) -> int:
    """Place of `title` in the list of wanted ones, best first; `len(wanted)` when it is none of them.

    A wanted title fits when all its words stand in the title, in any order: "operations" fits "Head of Operations".
    """
    words = _words(title or "")
    return next((place for place, each in enumerate(wanted) if (asked := _words(each)) and asked <= words), len(wanted))


def best_first(people: Sequence[FoundPerson], wanted: Sequence[str]) -> tuple[FoundPerson, ...]:
    """`people` with the wanted titles first; the vendor's own order among equals."""
    return tuple(sorted(people, key=lambda person: rank(person.title, wanted)))


def _words(text: str) -> set[str]:
    return {word for each in _WORD.findall(text.casefold()) for word in _SPELT_OUT.get(each, (each,))}
