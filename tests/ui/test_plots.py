"""Plots by value: what a browser draws, and what stands beside it, are the rows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from html import unescape
from typing import Any

import pytest
from playwright.sync_api import Browser

from contracts.analytics import Span
from contracts.tenants import Role
from db import analytics
from db.pool import open_pool
from db.transaction import transaction
from tests.api.server_fixture import ABROAD, HOME, Served, in_a_thread, served
from tests.conftest import Databases
from tests.ui.browsers import Screen, chromium, started
from tests.ui.visitors import Visitor

DAYS = 30
#: Vendor -> its colour in the plot, in the order of their names.
LINES = {"gleif": (0, 114, 178), "tavily": (213, 94, 0)}


def planned(vendor: str, ago: int) -> int:
    """Calls of a vendor so many days ago: days without any, and lines that never cover each other."""
    if vendor == "gleif":
        return 0 if ago % 7 == 3 else 11 + ago * 3 % 6
    return 0 if ago % 7 == 5 else 2 + ago * 5 % 7


@dataclass(frozen=True)
class Month:
    """Calls by day, oldest first, as the rows of the ledger have them."""

    api: Served
    days: list[date]
    calls: dict[str, list[int]]

    @property
    def most(self) -> int:
        return max(map(max, self.calls.values()))


@pytest.fixture(scope="module")
def month(databases: Databases, template: str) -> Iterator[Month]:
    """Thirty days of calls, more before them, others of another tenant; rolled up as a schedule does it."""
    url = databases.create(template)
    with served(url) as api:
        for slug, times in ((HOME, 1), (ABROAD, 3)):
            for vendor in LINES:
                counts = [planned(vendor, ago) * times for ago in range(DAYS + 5)]
                api.rows(
                    "INSERT INTO vendor_calls (tenant_id, vendor, operation, billable, state, units_reserved, sent_at, settled_at)"
                    " SELECT $1, $2, 'search', true, 'answered', 1, d.at, d.at FROM unnest($3::int[]) WITH ORDINALITY AS c(n, nth),"
                    "  generate_series(1, c.n), LATERAL (SELECT date_trunc('day', app.now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'"
                    "   - (c.nth - 1) * interval '1 day' + interval '1 second' AS at) d RETURNING 1",
                    api.tenants[slug].id, vendor, counts,
                )  # fmt: skip
        in_a_thread(lambda: _roll_up(api))
        rows = api.rows(
            "SELECT vendor, (sent_at AT TIME ZONE 'UTC')::date AS day, count(*)::int AS n FROM vendor_calls"
            " WHERE tenant_id = $1 GROUP BY 1, 2",
            api.tenants[HOME].id,
        )
        counted = {(row["vendor"], row["day"]): row["n"] for row in rows}
        today = datetime.now(UTC).date()
        days = [today - timedelta(days=ago) for ago in reversed(range(DAYS))]
        yield Month(api, days, {vendor: [counted.get((vendor, day), 0) for day in days] for vendor in LINES})
    databases.drop(url)


async def _roll_up(api: Served) -> None:
    today = datetime.now(UTC).date()
    pool = await open_pool(api.database_url, name="tests", size=1)
    try:
        for slug in (HOME, ABROAD):
            tenant = api.tenants[slug].id
            async with transaction(pool, tenant) as tx:
                await analytics.roll_up(tx, tenant, Span(first=today - timedelta(days=DAYS + 4), last=today))
    finally:
        await pool.close()


def test_thirty_days_of_calls_are_the_rows_of_the_ledger(month: Month) -> None:
    # S1.07: the twin, what the plot is given, and the table beside it
    with Visitor.at(month.api) as visitor:
        visitor.log_in(Role.VIEWER)
        twin = visitor.get("/ui", calls="day", format="json").json()["calls"]
        page = visitor.get("/ui", calls="day").text
    assert [each[:10] for each in twin["times"]] == [str(day) for day in month.days]
    assert {one["vendor"]: one["calls"] for one in twin["vendors"]} == month.calls
    [chart] = re.findall(r'<div class="chart"[^>]*>', page)
    given = {
        name: json.loads(unescape(value)) for name, value in re.findall(r'data-(times|names|values)="([^"]*)"', chart)
    }
    assert [each[:10] for each in given["times"]] == [str(day) for day in month.days]
    assert dict(zip(given["names"], given["values"], strict=True)) == month.calls
    total = sum(map(sum, month.calls.values()))
    assert f'aria-label="{total:,} vendor calls by day' in chart
    table = page[page.index('aria-label="Vendor calls by day"') :].partition("</table>")[0]
    cells = [re.sub(r"<[^>]*>", "", cell).strip() for cell in re.findall(r'<td class="num">(.*?)</td>', table)]
    assert [int(cell) for cell in cells] == [month.calls[vendor][nth] for nth in range(DAYS) for vendor in LINES]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium()
    with started() as running:
        yield running


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_line_of_thirty_days_goes_through_each_days_number(month: Month, browser: Browser) -> None:
    # S1.07: under the pointer stands the row's number, and at its height the line is drawn
    with Screen.of(browser, month.api.base_url) as screen:
        screen.log_in("viewer")
        page = screen.go("/ui?calls=day")
        over = page.locator(".chart .u-over")
        over.scroll_into_view_if_needed()
        box = over.bounding_box()
        assert box is not None
        for nth, day in enumerate(month.days):
            x = box["width"] * nth / (DAYS - 1)
            page.mouse.move(box["x"] + min(max(x, 1), box["width"] - 1), box["y"] + 5)
            said = page.locator(".chart .u-legend .u-value").all_inner_texts()
            assert said == [f"{day.day} {day:%b}", *(str(month.calls[vendor][nth]) for vendor in LINES)]
        assert screen.complaints == []
        drawn = page.evaluate(_PIXELS, {"lines": list(LINES.values()), "columns": DAYS})
        for vendor, columns in zip(LINES, drawn, strict=True):
            for nth, heights in enumerate(columns):
                wanted = month.calls[vendor][nth] / (month.most * 1.1)
                assert any(abs(height - wanted) < 0.03 for height in heights), (
                    vendor,
                    month.days[nth],
                    wanted,
                    heights,
                )


#: For each colour and day: at which shares of the plot's height it stands.
_PIXELS = """({lines, columns}) => {
  const canvas = document.querySelector(".chart canvas"), over = document.querySelector(".chart .u-over");
  const ratio = canvas.width / canvas.clientWidth, of = canvas.getBoundingClientRect(), at = over.getBoundingClientRect();
  const left = (at.left - of.left) * ratio, top = (at.top - of.top) * ratio;
  const wide = at.width * ratio, high = at.height * ratio, pen = canvas.getContext("2d");
  return lines.map((line) => Array.from({length: columns}, (_, n) => {
    const x = Math.round(Math.min(left + wide * n / (columns - 1), canvas.width - 1)), found = [];
    const pixels = pen.getImageData(x, 0, 1, canvas.height).data;
    for (let y = 0; y < canvas.height; y++)
      if (line.every((part, k) => Math.abs(pixels[4 * y + k] - part) < 40) && pixels[4 * y + 3] > 200)
        found.push(1 - (y - top) / high);
    return found;
  }));
}"""


def test_hours_of_calls_are_the_rows_of_the_ledger(month: Month) -> None:
    # S1.07
    rows: list[dict[str, Any]] = month.api.rows(
        "SELECT vendor, count(*)::int AS n FROM vendor_calls WHERE tenant_id = $1"
        " AND sent_at >= date_trunc('hour', app.now()) - interval '23 hours' GROUP BY 1",
        month.api.tenants[HOME].id,
    )
    with Visitor.at(month.api) as visitor:
        visitor.log_in(Role.VIEWER)
        twin = visitor.get("/ui", format="json").json()["calls"]
    assert {one["vendor"]: sum(one["calls"]) for one in twin["vendors"]} == {row["vendor"]: row["n"] for row in rows}
