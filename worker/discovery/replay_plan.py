"""Which stored pages a replay reads, in which order, and which slices have lost theirs. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from contracts.providers import Page
from contracts.run_replays import NotReplayable
from contracts.runs import SliceView

#: (vendor, page as it was stored).
Stored = tuple[str, Any]


@dataclass(frozen=True, slots=True)
class ReadAgain:
    """One page of one slice, as the vendor's answer was stored."""

    slice: SliceView
    number: int
    vendor: str
    page: Page


def pages(
    slices: Sequence[SliceView],
    linked: Mapping[tuple[UUID | None, int], Stored],
    order: Sequence[tuple[UUID, int]],
) -> tuple[list[ReadAgain], list[NotReplayable]]:
    """The pages a run committed, in that order; slices of which one is missing are left out whole, and named."""
    found: list[ReadAgain] = []
    gone: list[NotReplayable] = []
    for each in slices:
        if missing := [n for n in range(each.page) if (each.id, n) not in linked]:
            gone.append(NotReplayable(slice_id=each.id, channel=each.channel, query=each.query, pages=missing))
            continue
        for number in range(each.page):
            vendor, response = linked[each.id, number]
            found.append(ReadAgain(each, number, vendor, Page.model_validate(response)))
    place = {key: nth for nth, key in enumerate(order)}
    # A page without hits left no record to say when it was committed; it changes nothing wherever it stands.
    return sorted(found, key=lambda p: (place.get((p.slice.id, p.number), len(place)), p.number, p.slice.ordinal)), gone
