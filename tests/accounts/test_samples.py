"""Samples that converted, and their rates."""

from __future__ import annotations

import math

import pytest

from tests.accounts.shop import Shop


async def test_a_sample_converts_by_the_first_delivered_order_of_its_sku_within_thirty_days(shop: Shop) -> None:
    # S4.01 S4.09
    tea, soap = await shop.sku("tea"), await shop.sku("soap")
    names = ["in time", "too late", "other thing", "bought before", "too young", "twice"]
    c = {name: await shop.customer(name) for name in names}
    for name in names:
        await shop.sample(c[name], tea, 20 if name == "too young" else 60)
    await shop.sample(c["twice"], tea, 50)
    won = await shop.order(c["in time"], 30.5, lines=[(tea, 3), (tea, 4), (soap, 50)])
    await shop.order(c["too late"], 29.5, lines=[(tea, 1)])
    await shop.order(c["other thing"], 40, lines=[(soap, 1)])
    await shop.order(c["bought before"], 90, lines=[(tea, 1)])
    await shop.order(c["bought before"], 50, lines=[(tea, 1)])
    await shop.order(c["twice"], 45, lines=[(tea, 2)])
    stats = await shop.run("accounts.sample_metrics")
    rows = await shop.conn.fetch(
        "SELECT c.name, round(extract(epoch FROM app.now() - s.given_at) / 86400)::int AS age, s.converted_order_id, s.revenue"
        " FROM app.samples s JOIN app.companies c ON c.id = s.company_id WHERE s.converted_order_id IS NOT NULL ORDER BY 1"
    )
    assert [(r["name"], r["age"], r["revenue"]) for r in rows] == [("in time", 60, 7.0), ("twice", 50, 2.0)]
    assert rows[0]["converted_order_id"] == won
    assert (stats["processed"], stats["samples"], stats["converted"]) == (1, 6, 2), "the young one is not counted yet"


@pytest.mark.parametrize(
    ("n", "k", "low", "high"), [(10, 8, 0.490162, 0.943318), (5, 0, 0.0, 0.434482), (4, 4, 0.510109, 1.0)]
)
async def test_the_interval_is_wilsons(shop: Shop, n: int, k: int, low: float, high: float) -> None:
    # S4.01: 8 of 10 is the textbook's example, (0.4902, 0.9433)
    tea = await shop.sku("tea")
    for each in range(n):
        company = await shop.customer(str(each))
        # All in one month, whatever day it is today.
        await shop.sample(company, tea, 100)
        if each < k:
            await shop.order(company, 95, lines=[(tea, 5)])
    await shop.run("accounts.sample_metrics")
    row = await shop.conn.fetchrow("SELECT * FROM app.sample_metrics")
    assert row is not None
    assert (row["samples"], row["converted"], row["conversion_rate"]) == (n, k, k / n)
    assert math.isclose(row["rate_low"], low, abs_tol=1e-5)
    assert math.isclose(row["rate_high"], high, abs_tol=1e-5)
    assert (row["revenue"], row["revenue_per_sample"]) == (5.0 * k, 5.0 * k / n)


async def test_figures_that_are_no_longer_so_go(shop: Shop) -> None:
    tea, company = await shop.sku("tea"), await shop.customer("c")
    sample = await shop.sample(company, tea, 60)
    await shop.run("accounts.sample_metrics")
    assert await shop.conn.fetchval("SELECT count(*) FROM app.sample_metrics") == 1
    await shop.conn.execute("DELETE FROM app.samples WHERE id = $1", sample)
    stats = await shop.run("accounts.sample_metrics")
    assert (stats["changed"], await shop.conn.fetchval("SELECT count(*) FROM app.sample_metrics")) == (1, 0)
