"""Cron expressions: what they name, in UTC and where clocks are changed."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise

import pytest
from croniter import croniter  # type: ignore[import-untyped]

from contracts import cron
from contracts.timing import Timing, settle, stagger

HOUR = timedelta(hours=1)


def times(text: str, zone: str, after: str, count: int) -> list[str]:
    """The next moments as the zone's clocks show them."""
    where = cron.zone_of(zone)
    begin = datetime.fromisoformat(after).replace(tzinfo=where)
    found = islice(cron.parse(text).after(begin, where), count)
    return [moment.astimezone(where).isoformat(timespec="minutes") for moment in found]


@pytest.mark.parametrize(
    ("text", "zone", "after", "expected"),
    [
        # S0.13 S3.08 S4.03 R7: the documents' times
        ("0 6 * * *", "Etc/UTC", "2026-01-05T05:00", ["2026-01-05T06:00+00:00", "2026-01-06T06:00+00:00"]),
        ("0 1 * * *", "Asia/Singapore", "2026-01-05T01:00", ["2026-01-06T01:00+08:00", "2026-01-07T01:00+08:00"]),
        ("0 */6 * * *", "Etc/UTC", "2026-01-05T18:00", ["2026-01-06T00:00+00:00", "2026-01-06T06:00+00:00"]),
        # clocks go forward: a time that is not there falls due at the end of the gap
        ("30 2 * * *", "America/New_York", "2026-03-07T03:00", ["2026-03-08T03:00-04:00", "2026-03-09T02:30-04:00"]),
        ("*/20 2 * * *", "America/New_York", "2026-03-07T03:00", ["2026-03-08T03:00-04:00", "2026-03-09T02:00-04:00"]),
        ("30 1 * * *", "Europe/London", "2026-03-28T02:00", ["2026-03-29T02:00+01:00", "2026-03-30T01:30+01:00"]),
        ("15 2 * * *", "Australia/Lord_Howe", "2026-10-03T03:00", ["2026-10-04T02:30+11:00", "2026-10-05T02:15+11:00"]),
        ("45 2 * * *", "Australia/Lord_Howe", "2026-10-03T03:00", ["2026-10-04T02:45+11:00", "2026-10-05T02:45+11:00"]),
        # and back: a time that comes twice falls due the first time
        ("30 1 * * *", "America/New_York", "2026-10-31T02:00", ["2026-11-01T01:30-04:00", "2026-11-02T01:30-05:00"]),
        ("30 1 * * *", "Europe/London", "2026-10-24T02:00", ["2026-10-25T01:30+01:00", "2026-10-26T01:30+00:00"]),
        ("45 1 * * *", "Australia/Lord_Howe", "2026-04-04T02:00", ["2026-04-05T01:45+11:00", "2026-04-06T01:45+10:30"]),
        # every hour means elapsed time
        ("0 * * * *", "America/New_York", "2026-11-01T00:30", ["2026-11-01T01:00-04:00", "2026-11-01T01:00-05:00"]),
        ("0 * * * *", "America/New_York", "2026-03-08T00:30", ["2026-03-08T01:00-05:00", "2026-03-08T03:00-04:00"]),
        # a day without a midnight, and one that was left out
        ("0 0 * * *", "Africa/Cairo", "2026-04-23T12:00", ["2026-04-24T01:00+03:00", "2026-04-25T00:00+03:00"]),
        ("0 12 * * *", "Pacific/Apia", "2011-12-29T13:00", ["2011-12-31T00:00+14:00", "2011-12-31T12:00+14:00"]),
        # days
        ("0 9 29 2 *", "Etc/UTC", "2026-01-01T00:00", ["2028-02-29T09:00+00:00", "2032-02-29T09:00+00:00"]),
        ("0 9 13 * fri", "Etc/UTC", "2026-02-10T00:00", ["2026-02-13T09:00+00:00", "2026-02-20T09:00+00:00"]),
        ("0 9 * * sat-sun", "Etc/UTC", "2026-02-10T00:00", ["2026-02-14T09:00+00:00", "2026-02-15T09:00+00:00"]),
        ("@weekly", "Etc/UTC", "2026-02-10T00:00", ["2026-02-15T00:00+00:00", "2026-02-22T00:00+00:00"]),
    ],
)
def test_what_falls_due_when(text: str, zone: str, after: str, expected: list[str]) -> None:
    # R7
    assert times(text, zone, after, len(expected)) == expected


@pytest.mark.parametrize("zone", ["America/New_York", "Europe/London", "Australia/Lord_Howe", "Asia/Singapore"])
def test_a_daily_time_falls_due_once_a_day_all_year(zone: str) -> None:
    # R7
    where = cron.zone_of(zone)
    for hour, minute in ((0, 0), (1, 0), (1, 30), (2, 0), (2, 15), (2, 45), (23, 59)):
        begin = datetime(2026, 1, 1, tzinfo=where) - timedelta(seconds=1)
        due = list(islice(cron.parse(f"{minute} {hour} * * *").after(begin, where), 365))
        days = [moment.astimezone(where).date() for moment in due]
        assert days == [datetime(2026, 1, 1).date() + timedelta(days=n) for n in range(365)]
        exact = [moment.astimezone(where).strftime("%H:%M") == f"{hour:02}:{minute:02}" for moment in due]
        assert exact.count(False) <= 1, "only a gap moves it"


@pytest.mark.parametrize("zone", ["America/New_York", "Europe/London", "Australia/Lord_Howe", "Asia/Singapore"])
def test_every_quarter_of_an_hour_means_so_whatever_the_clocks_do(zone: str) -> None:
    where = cron.zone_of(zone)
    due = list(islice(cron.parse("*/15 * * * *").after(datetime(2026, 1, 1, tzinfo=UTC), where), 366 * 96))
    assert {later - earlier for earlier, later in pairwise(due)} == {HOUR / 4}


def test_going_on_from_any_occurrence_gives_the_next() -> None:
    where = cron.zone_of("America/New_York")
    for text in ("30 1,2 * * *", "*/20 0-3 * * *", "0 * * * *"):
        read, begin = cron.parse(text), datetime(2026, 10, 30, tzinfo=UTC)
        due = list(islice(read.after(begin, where), 60))
        assert [next(read.after(each, where)) for each in due[:-1]] == due[1:]


def test_it_agrees_with_another_implementation_in_utc() -> None:
    drawn = random.Random(27)

    def field(least: int, most: int) -> str:
        low = drawn.randint(least, most - 1)
        return drawn.choice(
            [
                "*",
                f"*/{drawn.randint(1, most)}",
                f"{low}-{drawn.randint(low + 1, most)}",
                f"{low},{drawn.randint(least, most)}",
            ]
        )

    for _ in range(150):
        days = drawn.choice([(field(1, 28), "*"), ("*", field(0, 6)), ("1,15", "1-3")])
        text = " ".join([field(0, 59), field(0, 23), days[0], field(1, 12), days[1]])
        begin = datetime(2026, drawn.randint(1, 12), drawn.randint(1, 28), drawn.randint(0, 23), tzinfo=UTC)
        other = croniter(text, begin)
        assert list(islice(cron.parse(text).after(begin, cron.zone_of("Etc/UTC")), 4)) == [
            other.get_next(datetime) for _ in range(4)
        ], text


@pytest.mark.parametrize(
    "text",
    ["", "0 6 * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 8", "5-1 * * * *", "*/0 * * * *", "a * * * *",
     "0 0 31 2 *", "@never", "0 0 * * * *", "-1 * * * *", "1,,2 * * * *", "*-3 * * * *", "0 6 * * *" + " " * 300],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"must have|not within|not understood|empty|never comes"):
        cron.parse(text)


@pytest.mark.parametrize(
    "name",
    ["", "Nowhere/Land", "../etc/passwd", "/etc/passwd", "localtime", "Factory", "America", "UTC\x00", "a" * 300],
)
def test_what_is_no_zone_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="IANA"):
        cron.zone_of(name)


def test_what_is_settled_at_once_is_bounded_and_goes_on_where_it_stopped() -> None:
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    for catch_up in ("all", "once", "skip"):
        timing = Timing("* * * * *", "Etc/UTC", 0, catch_up)
        now, due, seen = begin + timedelta(minutes=999, seconds=30), begin, []
        while due <= now:
            settled = settle(timing, due, now, timedelta())
            assert 0 < len(settled.occurrences) <= 200
            seen += [moment for moment, _ in settled.occurrences]
            due = settled.next_due_at
        assert seen == [begin + timedelta(minutes=n) for n in range(1000)]


def test_stagger_stays_within_its_bounds() -> None:
    from uuid import uuid4

    drawn = [stagger(uuid4(), 59) for _ in range(500)]
    assert min(drawn) >= timedelta()
    assert max(drawn) <= timedelta(seconds=59)
    assert len(set(drawn)) > 50
    assert stagger(uuid4(), 0) == timedelta()
