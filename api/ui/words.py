"""How the console says numbers, times and states."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

from markupsafe import Markup, escape

_CODE = re.compile(r"`([^`]+)`")

#: State -> how it looks: (tone, mark). The mark tells apart what colours alone would not.
STATES: dict[str, tuple[str, str]] = {
    **dict.fromkeys(("completed", "done", "sent", "answered", "active", "delivered", "read", "enriched"), ("good", "✓")),
    **dict.fromkeys(("merged", "auto", "closed", "ok", "approved", "passed", "accepted", "won"), ("good", "✓")),
    **dict.fromkeys(("started", "ended"), ("good", "✓")),
    **dict.fromkeys(("running", "processing", "sending", "enriching", "scoring", "pushing"), ("busy", "▸")),
    **dict.fromkeys(("pending", "queued", "waiting", "open", "new", "draft", "shadow", "half_open", "unknown"), ("idle", "○")),
    **dict.fromkeys(
        ("partial", "ack", "warning", "medium", "suppressed", "undone", "paused", "suspended", "at_risk"), ("warn", "▲")
    ),
    **dict.fromkeys(("failed", "dead", "dead_letter", "quarantined", "error", "critical", "forfeited"), ("bad", "✕")),
    **dict.fromkeys(("cancelled", "superseded", "archived", "rejected", "released"), ("quiet", "–")),
    **dict.fromkeys(
        ("resolved", "low", "info", "absent", "skipped", "passed_over", "revoked", "expired", "disabled", "dormant"),
        ("quiet", "–"),
    ),
    **dict.fromkeys(("discovered", "candidate"), ("good", "✓")),
    **dict.fromkeys(("duplicate", "deferred"), ("quiet", "–")),
    **dict.fromkeys(("high", "key"), ("good", "★")),
}  # fmt: skip

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def tone(state: object) -> tuple[str, str]:
    return STATES.get(str(getattr(state, "value", state)).lower(), ("idle", "○"))


@lru_cache(maxsize=500)
def tag(state: object) -> Markup:
    """A state as a label of its colour."""
    name, mark = tone(state)
    text = str(getattr(state, "value", state)).replace("_", " ").lower()
    return Markup('<span class="tag {}"><span aria-hidden="true">{}</span> {}</span>').format(name, mark, text)


def number(value: float | int | None, digits: int = 0) -> str:
    """1234.5 as 1,234 (or 1,234.5 with one digit); – for None."""
    return "–" if value is None else f"{value:,.{digits}f}"


def amount(value: float | None) -> str:
    """Units of whatever kind, without zeros that say nothing."""
    if value is None:
        return "–"
    return f"{value:,.4f}".rstrip("0").rstrip(".") if value % 1 else f"{value:,.0f}"


def counted(value: int, bound: int) -> str:
    """A count that stopped at its bound says so."""
    return f"{bound:,}+" if value >= bound else f"{value:,}"


def share(value: float | None, digits: int = 1) -> str:
    return "–" if value is None else f"{value * 100:.{digits}f} %"


def money(value: float | None) -> str:
    return "–" if value is None else f"${value:,.2f}" if value >= 0.01 or value == 0 else f"${value:,.4f}"


def duration(seconds: float | None) -> str:
    """0.42 s, 1.9 s, 12.3 s, 3 min 05 s, 2 h 05 min, 3 d 4 h."""
    if seconds is None:
        return "–"
    if seconds < 1:
        return f"{seconds:.2f} s"
    if seconds < 60:
        return f"{seconds:.1f} s"
    whole = int(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    if whole < 86_400:
        return f"{whole // 3600} h {whole % 3600 // 60:02} min"
    return f"{whole // 86_400} d {whole % 86_400 // 3600} h"


def _utc(when: datetime) -> datetime:
    return when if when.tzinfo is UTC else when.astimezone(UTC)


def moment(at: datetime | None) -> str:
    """29 Nov 17:33:05, in UTC; – for None."""
    if at is None:
        return "–"
    utc = _utc(at)
    return f"{utc.day} {_MONTHS[utc.month - 1]} {utc.hour:02}:{utc.minute:02}:{utc.second:02}"


def wall(text: str) -> str:
    """A moment as clocks somewhere show it, from ISO 8601: Mon 5 Jan 06:00 (+02:00)."""
    at = datetime.fromisoformat(text)
    return f"{at:%a} {at.day} {at:%b %H:%M} ({at.isoformat()[-6:]})"


def day(at: datetime | None) -> str:
    """29 Nov 2026, in UTC; – for None."""
    if at is None:
        return "–"
    utc = _utc(at)
    return f"{utc.day} {_MONTHS[utc.month - 1]} {utc.year:04}"


def iso(at: datetime | date | None) -> str:
    if isinstance(at, datetime):
        return _utc(at).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return "" if at is None else at.isoformat()


def within(begin: datetime, seconds: float) -> str:
    """So many seconds as a listing is asked for them: the `since` and `until` of a query."""
    return urlencode({"since": iso(begin), "until": iso(begin + timedelta(seconds=seconds))})


def at(when: datetime | None) -> Markup:
    """A moment, to the second; whoever points at it sees the whole."""
    return _time(when, moment(when)) if when else Markup("–")


def on(when: datetime | None) -> Markup:
    """The day of a moment, likewise."""
    return _time(when, day(when)) if when else Markup("–")


def _time(when: datetime, text: str) -> Markup:
    whole = iso(when)
    return Markup(f'<time datetime="{whole}" title="{whole}">{text}</time>')  # noqa: S704 - digits and names of months


def cut(text: str | None, length: int = 100) -> str:
    """The first `length` characters."""
    return "" if text is None else text if len(text) <= length else text[:length] + "…"


def short(value: object) -> str:
    """The end of an id, which is what differs between ids of one moment."""
    return str(value)[-8:]


def coded(text: str | None) -> Markup:
    """A sentence in which what stands between backticks is there to be typed."""
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if nth % 2 else escape(part)
        for nth, part in enumerate(_CODE.split(text or ""))
    )


def value_of(value: Any) -> str:
    """A field's value as a person would write it."""
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        # Of four digits, most are years.
        return amount(value) if 10_000 <= abs(value) < 1e15 or value % 1 else f"{value:g}"
    if isinstance(value, dict):
        return ", ".join(f"{k}: {value_of(v)}" for k, v in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(value_of, value)) or "–"
    return str(value)


FILTERS = {
    "number": number,
    "amount": amount,
    "counted": counted,
    "share": share,
    "money": money,
    "duration": duration,
    "moment": moment,
    "wall": wall,
    "day": day,
    "iso": iso,
    "within": within,
    "cut": cut,
    "coded": coded,
    "short": short,
    "value_of": value_of,
    "tone": tone,
}
