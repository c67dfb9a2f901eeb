"""What is asked of a source that counts every call, and what is asked next. Pure.

The paging survives both readings of `offset` (page index or record number): the range is narrowed until one page holds it. Only a
single day with more than a page is read on by offset, until a page repeats.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from contracts.findings import FoundOpportunity

#: The source wants a beginning and allows a year: as close as a first run gets to having no bound (S1.05).
LONGEST = timedelta(days=364)
#: Posted dates have day grain, and a day may still be going on (R6).
LAG = timedelta(days=1)
#: A window is cut so that this share of a page is expected in it.
FILL = 0.8

#: Why a slice ends before everything was read: pages overlap, so `offset` does not mean what we think.
UNCLEAR = "paging_unclear"
_PLACE = re.compile(r"(\S{10})/(\S{10})/(\S{10})/(\S{10})@(\d+)\^(\S*)~(\S*)\+(\d+)")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a slice stands: of the days `first` to `until`, `since` to `to` are being asked for, from record `offset` on."""

    first: date
    until: date
    since: date
    to: date
    offset: int = 0
    newest: date | None = None
    #: The end of a range that was too full for a page, and how many notices of it are still to come.
    full_to: date | None = None
    left: int = 0

    @property
    def window(self) -> str:
        return f"{self.since}/{self.to}"

    def encode(self) -> str:
        """As the cursor of a slice."""
        days = f"{self.first}/{self.until}/{self.since}/{self.to}"
        return f"{days}@{self.offset}^{self.newest or ''}~{self.full_to or ''}+{self.left}"

    @classmethod
    def decode(cls, text: str) -> Place:
        """Raises ValueError for what `encode` never wrote."""
        match = _PLACE.fullmatch(text)
        if match is None:
            raise ValueError(f"{text!r} is no place in a slice")
        first, until, since, to = (date.fromisoformat(match[n]) for n in range(1, 5))
        newest, full_to = (date.fromisoformat(match[n]) if match[n] else None for n in (6, 7))
        return cls(first, until, since, to, int(match[5]), newest, full_to, int(match[8]))


@dataclass(frozen=True, slots=True)
class Next:
    """What follows a page: another place, or the end; `problem` when that cannot be told."""

    place: Place | None
    newest: date | None
    problem: str | None = None


def start(
    today: date, *, watermark: date | None = None, asked: tuple[date | None, date | None] = (None, None)
) -> Place:
    """Where a slice begins. What was read to its end today is asked again in the same words: the ledger answers."""
    earliest = today - LONGEST
    since = earliest if watermark is None else watermark - LAG
    if asked[0] is not None and asked[1] == today:
        since = asked[0]
    since = min(max(since, earliest), today)
    return Place(since, today, since, today)


def after(
    place: Place, *, total: int, given: int, repeated: int, posted: list[date], page: int, dropped: int = 0
) -> Next:
    """Decide what follows a page of `given` notices (and `dropped` unreadable ones), of which `repeated` stood on an earlier page
    of this window; the source says that `total` stand in it, and gives at most `page` at once.
    """
    newest = max([*posted, *([place.newest] if place.newest else [])], default=None)
    place = replace(place, newest=newest)
    if place.offset == 0 and total > page and place.to > place.since:
        return Next(_narrowed(place, total, page), newest)
    if place.offset and given and repeated == given:
        return _onwards(place, total, page)
    if place.offset and repeated * 2 > given:
        return Next(None, newest, UNCLEAR)
    if place.offset + page < total and given + dropped:
        return Next(replace(place, offset=place.offset + page), newest)
    return _onwards(place, total, page)


def _narrowed(place: Place, total: int, page: int) -> Place:
    """A smaller window at the same beginning, as if postings were spread evenly."""
    days = min(_days(place) - 1, max(1, _wide(_days(place), total, page)))
    return replace(place, to=place.since + timedelta(days=days - 1), full_to=place.to, left=total)


def _onwards(place: Place, total: int, page: int) -> Next:
    """The next window, as wide as this one's postings allow; the end after the last.

    Postings come in floods: what is left of a range that was too full is halved as long as it is too full, so that the days before
    a flood cost a search and not a call each.
    """
    if place.to >= place.until:
        return Next(None, place.newest)
    since, end = place.to + timedelta(days=1), place.until
    left = max(0, place.left - total) if place.full_to and place.full_to >= since else 0
    if left > page and place.full_to is not None:
        end = since + timedelta(days=max(1, ((place.full_to - since).days + 1) // 2) - 1)
    to = min(end, since + timedelta(days=max(1, min(_wide(_days(place), total, page), 365)) - 1))
    full_to = place.full_to if left else None
    return Next(replace(place, since=since, to=to, offset=0, full_to=full_to, left=left), place.newest)


def _days(place: Place) -> int:
    return (place.to - place.since).days + 1


def _wide(days: int, total: int, page: int) -> int:
    """Days that fill a page as far as wanted, if postings go on as in these `days`."""
    return int(days * page * FILL / max(total, 1))


def under(code: str, notices: Sequence[FoundOpportunity]) -> list[FoundOpportunity]:
    """Notices with a code: one that names none falls under the one it was asked for by."""
    return [n if n.naics else n.model_copy(update={"naics": (code,)}) for n in notices]
