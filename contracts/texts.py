"""Strings from outside: bounded, and without NUL, which Postgres cannot store."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field

_FIRST, _LAST = datetime(2000, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)
_NUMBER = re.compile(r"\s*[+-]?[0-9._]+\s*")


def without_nul(value: str) -> str:
    """Refuse NUL characters. Raises ValueError."""
    if "\x00" in value:
        raise ValueError("must not contain NUL characters")
    return value


def storable(value: str, limit: int = 4000) -> str:
    """At most `limit` characters of `value`, as Postgres can store them: no NUL, no half of a surrogate pair."""
    return value[:limit].replace("\x00", "\ufffd").encode("utf-8", "replace").decode()


def storable_json(value: Any) -> Any:
    """JSON as Postgres can store it: texts like `storable`, of any length; a number that is none becomes None."""
    if isinstance(value, str):
        return value if value.isascii() and "\x00" not in value else storable(value, len(value))
    if isinstance(value, dict):
        return {storable_json(key): storable_json(member) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [storable_json(member) for member in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def no_number(value: object) -> object:
    """Refuse a number where a moment is asked for: nobody can tell seconds from milliseconds. Raises ValueError."""
    if isinstance(value, int | float) or (isinstance(value, str) and _NUMBER.fullmatch(value)):
        raise ValueError("must be a moment in ISO 8601 with its offset, such as 2026-01-05T09:30:00Z")
    return value


def _sayable(value: datetime) -> datetime:
    if not _FIRST <= value <= _LAST:
        raise ValueError("must lie between the years 2000 and 9999")
    return value


NoNul = AfterValidator(without_nul)
Moment = Annotated[AwareDatetime, BeforeValidator(no_number)]
#: No earlier than anything that was written here, and no later than Postgres and Python can say in any zone.
Instant = Annotated[Moment, AfterValidator(_sayable)]
Name = Annotated[str, Field(min_length=1, max_length=50), NoNul]
Title = Annotated[str, Field(min_length=1, max_length=300), NoNul]
LongTitle = Annotated[str, Field(min_length=1, max_length=500), NoNul]


def tokens_at_most(text: str) -> int:
    """More tokens than a language model's own count of `text`: three letters a token in ASCII, one elsewhere.

    English takes about four letters a token, most other scripts less than one letter for two: an estimate to keep to, not to bill.
    """
    ascii_letters = len(text.encode("ascii", "ignore"))
    return -(-ascii_letters // 3) + len(text) - ascii_letters


def cut_to_tokens(text: str, most: int) -> str:
    """The beginning of `text` that is surely not more than `most` tokens, by `tokens_at_most`."""
    if tokens_at_most(text) <= most:
        return text
    short, long = 0, min(len(text), max(0, most) * 3)
    while short < long:
        middle = (short + long + 1) // 2
        short, long = (middle, long) if tokens_at_most(text[:middle]) <= most else (short, middle - 1)
    return text[:short]
