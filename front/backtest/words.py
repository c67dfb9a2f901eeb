"""What the cells of a history mean: outcomes, moments, numbers, and which columns can be features."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

from front.backtest.reading import refuse

YES = {
    "1", "1.0", "yes", "y", "true", "t", "won", "win", "closed won", "positive", "pos", "converted", "success", "accepted",
    "accept", "qualified", "replied", "meeting", "customer", "good", "sold", "bought", "hit", "ja", "oui", "si",
}  # fmt: skip
NO = {
    "0", "0.0", "-1", "no", "n", "false", "f", "lost", "loss", "lose", "closed lost", "negative", "neg", "not converted", "failure",
    "failed", "rejected", "reject", "unqualified", "disqualified", "bad", "unsold", "miss", "nein", "non",
}  # fmt: skip
MISSING = {"", "na", "n/a", "nan", "null", "none", "nil", "?", "-", "--", "#n/a", "nat", "\\n"}
#: Share of a time column that may be unreadable: those rows are left out.
UNREADABLE = 0.02
_FORMATS = (
    "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%Y/%m/%d", "%d-%m-%Y", "%m-%d-%Y", "%d/%m/%y", "%m/%d/%y", "%d.%m.%y", "%d %b %Y",
    "%d-%b-%Y", "%d-%b-%y", "%b %d, %Y", "%B %d, %Y", "%d %B %Y", "%b %d %Y", "%Y-%m", "%Y/%m", "%b %Y", "%B %Y", "%m/%Y",
)  # fmt: skip
_CLOCKS = ("", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", " %I:%M %p", " %I:%M:%S %p")
_NUMBER = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?%?")
_GROUPED = re.compile(r"[-+]?\d{1,3}(,\d{3})+(\.\d+)?%?")
_COMMA = re.compile(r"[-+]?(\d{1,3}(\.\d{3})+|\d+),\d+%?")


def missing(cell: str) -> bool:
    return cell.casefold() in MISSING


def number(cell: str) -> float | None:
    """A finite number, also with a decimal comma, thousands or a per cent sign; None when it is none."""
    text = cell.strip().lstrip("$€£").replace("\u00a0", "").replace(" ", "")
    if _GROUPED.fullmatch(text):
        text = text.replace(",", "")
    elif _COMMA.fullmatch(text):
        text = text.replace(".", "").replace(",", ".")
    elif not _NUMBER.fullmatch(text):
        return None
    value = float(text.rstrip("%"))
    return value if math.isfinite(value) else None


def outcomes(cells: Sequence[str], column: str, positive: str | None) -> list[float | None]:
    """1, 0, or None where no outcome is written. Raises: Rejected when it cannot be told which value is which."""
    folded = [cell.casefold().strip() for cell in cells]
    if positive is not None:
        wanted = positive.casefold().strip()
        if wanted not in folded:
            raise refuse(f"no row of column {column!r} says {positive!r}: --positive names one of its values", "label")
        return [None if cell == "" else float(cell == wanted) for cell in folded]
    there = Counter(cell for cell in folded if cell not in MISSING)
    yes, no = there.keys() & YES, there.keys() & NO
    if not (yes and no) and len(there) == 2 and (yes or no):
        other = there.keys() - yes - no
        yes, no = yes or other, no or other
    if yes and not no and len(there) == 1 and "" in folded:
        no = {""}  # only what came true was ever written down
    if yes and no:
        return [1.0 if cell in yes else 0.0 if cell in no else None for cell in folded]
    if len(there) < 2:
        said = next(iter(there), "nothing")
        raise refuse(
            f"column {column!r} says {said!r} in every row: there must be outcomes of both kinds to learn from",
            "one_class",
        )
    few = ", ".join(repr(value) for value, _ in there.most_common(4))
    raise refuse(
        f"column {column!r} has values such as {few}: say which one is the positive outcome with --positive VALUE",
        "label",
    )


def moments(cells: Sequence[str], column: str) -> tuple[list[float | None], bool]:
    """(seconds since 1970 or plain numbers, are they dates); None where there is none. Raises: Rejected: many are unreadable."""
    known = [cell for cell in cells if not missing(cell)]
    if not known:
        raise refuse(f"column {column!r} is empty: --time needs a date or an increasing number in each row", "no_time")
    allowed = UNREADABLE * len(known)
    numbers = [None if missing(cell) else number(cell) for cell in cells]
    bad = [cell for cell, value in zip(cells, numbers, strict=True) if value is None and not missing(cell)]
    if len(bad) <= allowed:
        return numbers, False
    best: list[float | None] = []
    worst = known
    for form in ("", *(day + clock for clock in _CLOCKS for day in _FORMATS)):
        probe = known[:: max(1, len(known) // 50)]
        if sum(_moment(cell, form) is None for cell in probe) > len(probe) // 5:
            continue
        read = [None if missing(cell) else _moment(cell, form) for cell in cells]
        unread = [cell for cell, value in zip(cells, read, strict=True) if value is None and not missing(cell)]
        if len(unread) < len(worst):
            best, worst = read, unread
        if not worst:
            break
    if best and len(worst) <= allowed:
        return best, True
    worst = worst if best else bad
    raise refuse(
        f"{len(worst)} of {len(known)} values of column {column!r} are no dates (such as {worst[0][:40]!r}):"
        " write ISO dates (2026-01-31), timestamps, or increasing numbers",
        "bad_time",
    )


def moment(cell: str, column: str, dates: bool) -> float:
    """One moment, as typed for --split-at. Raises: Rejected."""
    if not dates and (value := number(cell)) is not None:
        return value
    read = next((m for form in ("", *_FORMATS) if (m := _moment(cell, form)) is not None), None)
    if read is None or not dates:
        kind = "a date such as 2026-01-31" if dates else "a number"
        raise refuse(f"--split-at {cell!r}: column {column!r} wants {kind}", "bad_split")
    return read


def _moment(cell: str, form: str) -> float | None:
    try:
        found = datetime.strptime(cell, form) if form else datetime.fromisoformat(cell.replace(" UTC", "+00:00"))
    except ValueError:
        return None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def looks_dated(cells: Sequence[str]) -> bool:
    """Whether a column holds dates: then it is no feature. `cells` are known ones."""
    probe = cells[:: max(1, len(cells) // 40)]
    forms = ("", *(day + clock for clock in _CLOCKS[:3] for day in _FORMATS))
    return any(all(_moment(cell, form) is not None for cell in probe) for form in forms)
