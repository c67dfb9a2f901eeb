"""How fast stock goes, and what is said about what runs out."""

from __future__ import annotations

import math

from tests.accounts.shop import Shop


async def test_rates_days_left_and_reorder_point(shop: Shop) -> None:
    # S4.01 S4.09
    company = await shop.customer("c")
    old, young, _, uncounted = (
        await shop.sku("old", 30),
        await shop.sku("young", 30),
        await shop.sku("unsold", 3),
        await shop.sku("uncounted"),
    )
    for age, quantity in ((200, 500), (80, 30), (50, 30), (20, 30)):
        await shop.order(company, age, lines=[(old, quantity), (uncounted, quantity)])
    await shop.order(company, 9.5, lines=[(young, 20)])
    await shop.run("accounts.burn_rates")
    rows = {r["code"]: r for r in await shop.conn.fetch("SELECT * FROM app.skus")}
    assert (rows["old"]["burn_rate"], rows["old"]["burn_rate_60"], rows["old"]["burn_rate_30"]) == (1.0, 1.0, 1.0)
    assert rows["old"]["days_left"] == 30
    # Three days with 30 units among ninety: sigma = sqrt(2700/90 - 1), a week to get more.
    sigma = math.sqrt(29)
    assert math.isclose(rows["old"]["demand_sigma"], sigma, abs_tol=1e-6)
    assert math.isclose(rows["old"]["reorder_point"], 7 + 1.6448536 * sigma * math.sqrt(7), abs_tol=1e-5)
    assert (rows["young"]["burn_rate"], rows["young"]["days_left"]) == (2.0, 15), (
        "over the ten days since it first moved"
    )
    assert (rows["unsold"]["burn_rate"], rows["unsold"]["days_left"]) == (None, None)
    assert (rows["uncounted"]["burn_rate"], rows["uncounted"]["days_left"]) == (1.0, None)


async def test_alerts_open_once_get_worse_and_resolve_by_themselves(shop: Shop) -> None:
    # S4.04 R2: InventoryAlert
    company = await shop.customer("c")
    tea, gone = await shop.sku("tea", 12), await shop.sku("gone", 0, active=False)
    await shop.order(company, 89.5, lines=[(tea, 90), (gone, 90)])
    stats = await shop.run("accounts.burn_rates")
    assert await shop.alerts() == [("sku:tea", "warning")], (
        "12 days left, 14 are needed; what is not sold any more is left out"
    )
    assert (stats["low"], stats["alertsOpened"]) == (1, 1)
    view = await shop.conn.fetchrow("SELECT sku_code, severity, state, days_left FROM app.inventory_alerts")
    assert view is not None
    assert tuple(view) == ("tea", "warning", "open", 12.0)
    await shop.conn.execute("UPDATE app.skus SET on_hand = 5 WHERE id = $1", tea)
    await shop.run("accounts.burn_rates")
    assert await shop.alerts() == [("sku:tea", "error")], "it does not last until more can be here"
    assert await shop.conn.fetchval("SELECT count(*) FROM app.alerts") == 1
    await shop.conn.execute("UPDATE app.skus SET on_hand = 500 WHERE id = $1", tea)
    stats = await shop.run("accounts.burn_rates")
    assert (await shop.alerts(), stats["alertsResolved"]) == ([], 1)
