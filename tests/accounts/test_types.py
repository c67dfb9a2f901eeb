"""What type of account a company is: each definition at its edges, over real orders."""

from __future__ import annotations

from uuid import UUID

from tests.accounts.shop import Shop


async def _customers(shop: Shop) -> dict[str, UUID]:
    """One of each type, and the neighbours of each edge. Ages in days of the orders, oldest first."""
    ages: dict[str, list[float]] = {
        "new": [40], "new to the day": [89.9], "quiet beginner": [91], "steady": [200, 150, 100, 50],
        "slow but true": [400, 270, 130], "late": [100, 90, 80, 70, 31], "not yet late": [100, 90, 80, 70, 29.5],
        "gone": [500, 180.5], "nearly gone": [400, 300, 179.5],
        "key": [300, 250, 200, 150, 100, 50, 10], "big but rare": [300, 200, 100, 20],
    }  # fmt: skip
    made: dict[str, UUID] = {}
    for name, days in ages.items():
        made[name] = await shop.customer(name)
        for age in days:
            await shop.order(made[name], age, value=10_000 if name in ("key", "big but rare") else 100)
    return made


async def test_each_customer_is_of_the_first_type_that_fits(shop: Shop) -> None:
    # S4.01 S4.09
    await _customers(shop)
    stats = await shop.run("accounts.update_types")
    assert await shop.types() == {
        "new": "NEW", "new to the day": "NEW", "quiet beginner": "AT_RISK", "steady": "ACTIVE", "slow but true": "ACTIVE",
        "late": "AT_RISK", "not yet late": "ACTIVE", "gone": "DORMANT", "nearly gone": "ACTIVE", "key": "KEY",
        "big but rare": "ACTIVE",
    }  # fmt: skip
    assert (stats["status"], stats["processed"], stats["errorCount"], stats["typesChanged"]) == ("completed", 11, 0, 11)
    assert stats["types"] == {"ACTIVE": 5, "AT_RISK": 2, "DORMANT": 1, "KEY": 1, "NEW": 2}


async def test_the_first_order_is_marked_and_moves_when_an_older_one_comes_in(shop: Shop) -> None:
    # S4.04: order(is_first_order)
    company = await shop.customer("c")
    younger = await shop.order(company, 10)
    await shop.run("accounts.update_types")
    first = "SELECT id FROM app.orders WHERE is_first_order"
    assert await shop.conn.fetchval(first) == younger
    older = await shop.order(company, 20)
    await shop.run("accounts.update_types")
    assert await shop.conn.fetchval(first) == older


async def test_a_merged_companys_orders_count_for_the_one_it_was_merged_into(shop: Shop) -> None:
    survivor = await shop.customer("survivor")
    loser = await shop.customer("loser")
    await shop.order(loser, 200)
    await shop.order(survivor, 10)
    await shop.run("accounts.update_types")
    assert await shop.types() == {"loser": "DORMANT", "survivor": "NEW"}
    await shop.conn.execute("UPDATE app.companies SET merged_into = $1 WHERE id = $2", survivor, loser)
    await shop.run("accounts.update_types")
    assert await shop.types() == {"survivor": "ACTIVE"}
    await shop.conn.execute("UPDATE app.companies SET merged_into = NULL WHERE id = $1", loser)
    await shop.run("accounts.update_types")
    assert await shop.types() == {"loser": "DORMANT", "survivor": "NEW"}, "a merge that was undone leaves no trace"
