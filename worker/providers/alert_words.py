"""An alert as it may leave the house: plain values, nobody's address or telephone number. Pure.

Alerts go to chats and pagers that many read and nobody cleans up, so what looks personal is blanked even if it should not have been
in there. Source: providers.md, section 19.
"""

from __future__ import annotations

import math
import re

from contracts.outgoing import Alert

Scalar = str | int | float | bool

MAX_DETAILS = 20
MAX_DETAIL = 300
_EMAIL = re.compile(r"[^\s@<>\"',;:()]+@[^\s@<>\"',;:()]+\.[^\s@<>\"',;:()]+")
_PHONE = re.compile(r"(?<![\w-])\+\d[\d ().-]{5,18}\d(?![\w-])")
_PROFILE = re.compile(r"(?i)(?:https?://)?(?:[\w-]+\.)?linkedin\.com/in/[^\s\"'<>]+")


def plain(text: str) -> str:
    """`text` on one line, without e-mail addresses, telephone numbers and profiles of people."""
    text = _PROFILE.sub("[profile]", _EMAIL.sub("[e-mail]", " ".join(text.split())))
    return _PHONE.sub("[number]", text)


def details(alert: Alert) -> dict[str, Scalar]:
    """The details worth sending: the first ones, without empty and infinite values."""
    found: dict[str, Scalar] = {}
    for name, value in alert.details.items():
        if value is None or (isinstance(value, float) and not math.isfinite(value)):
            continue
        found[plain(name)[:100]] = plain(value)[:MAX_DETAIL] if isinstance(value, str) else value
    return dict(list(found.items())[:MAX_DETAILS])
