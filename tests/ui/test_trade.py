"""Customers, stock and samples in the console, as the business jobs worked them out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any, get_args
from uuid import uuid4

import asyncpg
import pytest
from playwright.sync_api import expect

from api.ui import charts
from contracts.accounts import BusinessJob, Sku
from contracts.tenants import Role
from db.pool import open_pool
from tests.accounts.shop import Shop
from tests.api.server_fixture import ABROAD, HOME, Served
from tests.ui.browsers import Screen, chromium, started
from tests.ui.test_pages import text
from tests.ui.visitors import Visitor

NOW = datetime(2026, 1, 5, 6, 0, tzinfo=UTC)
JOBS: tuple[BusinessJob, ...] = get_args(BusinessJob)


@pytest.fixture(scope="module")
def viewer(shared_api: Served) -> Iterator[Visitor]:
    with Visitor.at(shared_api) as visitor:
        visitor.log_in(Role.VIEWER)
        yield visitor


@pytest.fixture
async def home(shared_api: Served) -> AsyncIterator[Shop]:
    opened = await open_pool(shared_api.database_url, name="tests", size=3)
    connection = await asyncpg.connect(shared_api.database_url)
    shop = Shop(connection, opened, shared_api.tenants[HOME].id)
    # Its names go on where those of the test before ended.
    shop.count = await connection.fetchval(
        "SELECT (SELECT count(*) FROM app.orders) + (SELECT count(*) FROM app.samples)"
    )
    yield shop
    await connection.close()
    opened.terminate()


def test_empty_pages_say_where_trade_comes_from(api: Served) -> None:
    # S2.17
    with Visitor.at(api) as visitor:
        visitor.log_in(Role.VIEWER)
        page = text(visitor.get("/ui/accounts").text)
        assert "No account yet" in page
        assert "headwater import samples" in page
        assert page.count("never ran") == len(JOBS)
        assert "Nothing is sold yet" in visitor.get("/ui/stock").text
        assert "No figures yet" in visitor.get("/ui/accounts/samples").text
        assert "Nothing runs out" in visitor.get("/ui/stock", low="true").text


async def test_a_customer_its_orders_its_triggers_and_the_stock_it_empties(viewer: Visitor, home: Shop) -> None:
    # S4.01 S4.04 S4.06
    api = viewer.api
    karoo, zebra = await home.customer("Karoo"), await home.customer("Zebra")
    merged = await home.customer("Karoo (Pty) Ltd", merged_into=karoo)
    tea = await home.sku("tea", 5)
    await home.sample(karoo, tea, 60)
    await home.order(karoo, 45, 120, lines=[(tea, 90)])
    await home.order(merged, 80, 75.5)
    watch = {"name": "silent customer", "rule": "no_order_for", "params": {"days": 30}}
    assert api.client.post("/v1/triggers", json=watch, headers=api.as_(Role.OPS)).status_code == 201
    for job in JOBS:
        await home.run(job)
    listed = text(viewer.get("/ui/accounts").text)
    assert f"/ui/accounts/{karoo}" in listed
    assert f"/ui/accounts/{zebra}" not in listed
    assert "100 %" in listed  # of one sample
    assert listed.count("completed") == len(JOBS)
    last = api.client.get("/v1/accounts/jobs", headers=api.as_(Role.VIEWER)).json()["items"]
    assert [(j["job"], j["status"], j["errors"]) for j in last] == [(job, "completed", 0) for job in JOBS]
    assert "No account fits" in viewer.get("/ui/accounts", account_type="KEY").text
    page = text(viewer.get(f"/ui/accounts/{karoo}").text)
    assert "195.50" in page
    assert page.index("120.00") < page.index("75.50")
    assert "silent customer" in page
    assert "It never ordered" in viewer.get(f"/ui/accounts/{zebra}").text
    assert f'href="/ui/stock/{tea}"' in viewer.get("/ui/stock", low="true").text
    sku = text(viewer.get(f"/ui/stock/{tea}").text)
    assert "5 on hand last for" in sku
    assert 'data-names="[&' not in sku  # decoded by text(): the plot reads plain JSON
    assert "at the rate of 90 days" in sku
    assert "As a table" in sku
    alert = next(
        a for a in viewer.get("/ui/alerts", format="json").json()["open"] if a["rule"] == "trigger.silent customer"
    )
    assert f'href="/ui/accounts/{karoo}"' in viewer.get(f"/ui/alerts/{alert['id']}").text
    with Visitor.at(api) as stranger:
        stranger.log_in(Role.OWNER, ABROAD)
        for path in (f"/ui/accounts/{karoo}", f"/ui/stock/{tea}"):
            assert stranger.get(path).status_code == 404


async def test_orders_page_by_key(viewer: Visitor, home: Shop) -> None:
    api, busy = viewer.api, await home.customer("Busy")
    for n in range(30):
        await home.order(busy, 1 + n, value=n)
    first = viewer.get(f"/ui/accounts/{busy}", format="json").json()
    assert [o["value"] for o in first["orders"]] == list(range(25))
    older = viewer.get(f"/ui/accounts/{busy}", cursor=first["next_cursor"], format="json").json()
    assert ([o["value"] for o in older["orders"]], older["next_cursor"]) == (list(range(25, 30)), None)
    path, headers = f"/v1/accounts/{busy}/orders", api.as_(Role.VIEWER)
    assert len(api.client.get(path, params={"limit": 2}, headers=headers).json()["items"]) == 2
    assert api.client.get(path, params={"cursor": "mine"}, headers=headers).status_code == 400
    assert api.client.get(path, headers=api.as_(Role.OWNER, ABROAD)).status_code == 404


def sku(**more: Any) -> Sku:
    fields: dict[str, Any] = {
        "id": uuid4(), "code": "tea", "name": None, "active": True, "on_hand": 20.0, "lead_days": 7.0, "review_days": 7.0,
        "first_moved_at": NOW, "burn_rate": 2.0, "burn_rate_30": 4.0, "burn_rate_60": 2.0, "demand_sigma": 1.0, "days_left": 10.0,
        "reorder_point": 30.0, "updated_at": NOW,
    }  # fmt: skip
    return Sku(**{**fields, **more})


def test_stock_burns_down_to_nothing_and_no_further() -> None:
    # S4.06
    plot = charts.burn_down(sku())
    assert plot
    assert plot.names == ("at the rate of 90 days", "at the rate of 30 days", "order again at")
    long, short, again = plot.values
    assert (long[:2], long[9:12], short[4:7]) == ((20.0, 18.0), (2.0, 0.0, 0.0), (4.0, 0.0, 0.0))
    assert set(again) == {30.0}
    assert plot.times[0] == NOW
    assert {len(line) for line in plot.values} == {len(plot.times)}


def test_what_lasts_for_years_is_drawn_coarsely_and_what_is_unknown_not_at_all() -> None:
    far = charts.burn_down(sku(on_hand=1e6, days_left=5e5))
    assert far
    assert len(far.times) <= charts.POINTS + 2
    assert charts.burn_down(sku(on_hand=None)) is None
    assert charts.burn_down(sku(burn_rate=None)) is None
    still = charts.burn_down(sku(burn_rate=0.0, burn_rate_30=None, days_left=None, reorder_point=None))
    assert still
    assert set(still.values[0]) == {20.0}


@pytest.mark.slow
def test_the_burn_down_is_drawn_on_a_phone_too(shared_api: Served) -> None:
    # S4.06 S2.17
    chromium()
    [made] = shared_api.rows(
        "INSERT INTO skus (tenant_id, code, on_hand, burn_rate, burn_rate_30, days_left, reorder_point)"
        " VALUES ($1, 'boots', 90, 3, 2, 30, 42) RETURNING id",
        shared_api.tenants[HOME].id,
    )
    with started() as browser:
        for size in ("desktop", "phone"):
            with Screen.of(browser, shared_api.base_url, size) as screen:
                screen.log_in("viewer")
                page = screen.go(f"/ui/stock/{made['id']}")
                expect(page.locator(".chart canvas")).to_be_visible()
                expect(page.locator(".u-legend")).to_contain_text("order again at")
                assert screen.violations() == []
                assert screen.complaints == []
                assert not screen.too_wide()
                expect(page.locator(".menu [aria-current]")).to_be_in_viewport()
