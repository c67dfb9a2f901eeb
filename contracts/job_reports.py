"""What a job says of itself: its progress, the checkpoint that the next attempt begins with, and its result."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from pydantic import BaseModel

from contracts.errors import Invalid
from contracts.texts import storable_json

#: A checkpoint and a result are small: bytes of their JSON. The database holds the same limit.
MOST_BYTES = 8192
#: Longest message of a progress, in characters.
MOST_LETTERS = 500

Small = dict[str, Any]


class Progress(BaseModel):
    """How far a job says it is. `percent`: 0 to 100; `attempt`: the token of the attempt that said it."""

    percent: float | None = None
    message: str | None = None
    checkpoint: Small | None = None
    attempt: int
    reported_at: datetime

    def in_words(self) -> str:
        """Such as "40 %: 400 of 1000 rows"."""
        share = f"{self.percent:.0f} %" if self.percent is not None else ""
        return ": ".join(filter(None, (share, self.message))) or "at work"


class RunningJob(BaseModel):
    """A job of a run that is under way and tells how far it is."""

    id: str
    job: str
    state: str
    percent: float | None = None
    message: str | None = None
    reported_at: datetime


def small(value: Small, what: str) -> Small:
    """`value` as Postgres can store it. Raises: Invalid: `too_large` beyond MOST_BYTES, `bad_json` for what is no JSON."""
    try:
        stored: Small = storable_json(value)
        size = len(json.dumps(stored, ensure_ascii=False).encode())
    except (TypeError, ValueError) as error:
        raise Invalid(f"a job's {what} must be JSON: {error}", code="bad_json") from error
    if size > MOST_BYTES:
        words = (
            f"a job's {what} has {size} bytes of JSON, at most {MOST_BYTES} are kept: store rows, and name them here"
        )
        raise Invalid(words, code="too_large")
    return stored
