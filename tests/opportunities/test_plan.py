"""How a source that counts calls is read: everything, in few questions, whatever its offset means."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import pytest

from worker.opportunities import plan
from worker.opportunities.plan import Place

TODAY = date(2026, 6, 30)
PAGE = 100
Postings = dict[date, int]
#: What stands on the page asked for with an offset in records.
Offset = Callable[[list[str], int], list[str]]


def by_page(ids: list[str], offset: int) -> list[str]:
    """As documented: the index of a page."""
    return ids[offset // PAGE * PAGE :][:PAGE]


def by_page_again(ids: list[str], offset: int) -> list[str]:
    """The same, but past the end the last page comes again."""
    return ids[min(offset // PAGE, (len(ids) - 1) // PAGE) * PAGE :][:PAGE]


def by_record(ids: list[str], offset: int) -> list[str]:
    """As one client has it: the adapter's page index is taken for a record number."""
    return ids[offset // PAGE :][:PAGE]


def read(postings: Postings, how: Offset = by_page, place: Place | None = None) -> tuple[set[str], int, plan.Next]:
    """Read a slice to its end: (ids, calls, the last answer of the plan)."""
    place = place or plan.start(TODAY)
    seen: set[str] = set()
    window: set[str] = set()
    calls = 0
    while True:
        days = [d for d in postings if place.since <= d <= place.to]
        ids = [f"{d}-{n}" for d in sorted(days, reverse=True) for n in range(postings[d])]
        page = how(ids, place.offset) if ids else []
        calls += 1
        window = window if place.offset else set()
        following = plan.after(
            place, total=len(ids), given=len(page), repeated=len(window & set(page)),
            posted=[date.fromisoformat(i[:10]) for i in page], page=PAGE,
        )  # fmt: skip
        seen |= set(page)
        window |= set(page)
        if following.place is None:
            return seen, calls, following
        place = Place.decode(following.place.encode())
        assert calls < 500


def spread(count: int, days: int = 365) -> Postings:
    return (
        {TODAY - timedelta(days=n * days // count): 1 for n in range(count)}
        if count <= days
        else {TODAY - timedelta(days=n): count // days + (n < count % days) for n in range(days)}
    )


def everything(postings: Postings) -> set[str]:
    return {f"{d}-{n}" for d, count in postings.items() for n in range(count)}


@pytest.mark.parametrize("how", [by_page, by_page_again, by_record])
@pytest.mark.parametrize(("count", "most"), [(0, 1), (1, 1), (100, 1), (101, 4), (180, 5), (1000, 16), (3650, 60)])
def test_evenly_posted_notices_are_read_in_about_as_many_calls_as_pages(how: Offset, count: int, most: int) -> None:
    # S1.09
    postings = spread(count) if count else {}
    seen, calls, end = read(postings, how)
    assert seen == everything(postings)
    assert calls <= most
    assert end.problem is None


@pytest.mark.parametrize("ago", [0, 1, 100, 200, 363, 364])
def test_a_flood_on_one_day_costs_a_search_and_not_a_year_of_days(ago: int) -> None:
    # S1.09
    postings = {**spread(50), TODAY - timedelta(days=ago): 350}
    for how in (by_page, by_page_again):
        seen, calls, end = read(postings, how)
        assert (seen, end.problem) == (everything(postings), None)
        assert calls <= 20


def test_a_page_that_only_repeats_ends_the_day() -> None:
    flood = {TODAY: 250}
    claimed = read(flood, lambda ids, offset: ids[:PAGE])  # the same page for ever
    assert claimed[0] == {f"{TODAY}-{n}" for n in range(PAGE)}
    assert claimed[1] < 15


def test_an_offset_that_means_records_is_noticed_and_not_crawled_along() -> None:
    # S1.09: the slice ends in error, so that its cursor stays
    _, calls, end = read({TODAY: 250}, by_record)
    assert end.problem == plan.UNCLEAR
    assert calls < 15


def test_the_first_run_has_the_longest_bound_the_source_allows() -> None:
    # S1.05
    place = plan.start(TODAY)
    assert (place.since, place.to, place.until) == (date(2025, 7, 1), TODAY, TODAY)


def test_the_next_run_starts_one_lag_before_the_newest_posting_seen() -> None:
    # R6
    assert plan.start(TODAY, watermark=date(2026, 6, 20)).since == date(2026, 6, 19)
    assert plan.start(TODAY, watermark=date(2020, 1, 1)).since == date(2025, 7, 1)
    assert plan.start(TODAY, watermark=date(2027, 1, 1)).since == TODAY
    asked = plan.start(TODAY, watermark=date(2026, 6, 29), asked=(date(2025, 7, 1), TODAY))
    assert asked.since == date(2025, 7, 1)  # today's question again, word for word
    asked = plan.start(TODAY, watermark=date(2026, 6, 29), asked=(date(2025, 7, 1), date(2026, 6, 29)))
    assert asked.since == date(2026, 6, 28)


def test_a_place_is_read_back_as_it_was_written() -> None:
    place = Place(date(2025, 7, 1), TODAY, date(2026, 1, 1), date(2026, 2, 1), 300, date(2026, 1, 31))
    assert Place.decode(place.encode()) == place
    assert len(place.encode()) < 500
    with pytest.raises(ValueError, match="no place"):
        Place.decode("elsewhere")
