"""Triggers fire once for a subject and a window, and what follows is an alert or a fact."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from contracts.errors import Conflict, Invalid, NotFound
from contracts.triggers import ChangeTrigger, CreateTrigger
from db import triggers
from db.transaction import transaction
from tests.accounts.shop import Shop


async def add(shop: Shop, rule: str, params: dict[str, Any], **more: Any) -> UUID:
    body = CreateTrigger.model_validate({"name": rule, "rule": rule, "params": params, **more})
    async with transaction(shop.pool, shop.tenant) as tx:
        return (await triggers.add(tx, shop.tenant, body, by="tests")).id


async def fired(shop: Shop) -> list[UUID]:
    return [r["subject_id"] for r in await shop.conn.fetch("SELECT subject_id FROM app.trigger_executions ORDER BY id")]


async def pass_days(shop: Shop, days: float) -> None:
    """Everything that fired and was said is so many days older."""
    age = f"interval '{days} days'"
    await shop.conn.execute(
        f"UPDATE app.trigger_executions SET fired_at = fired_at - {age}, window_start = window_start - {age}"
    )
    await shop.conn.execute(f"UPDATE app.alerts SET last_seen = last_seen - {age}")


async def test_a_silent_customer_is_told_of_once_in_a_cooldown(shop: Shop) -> None:
    # S4.01 S4.04 S4.09
    silent, fresh = await shop.customer("silent"), await shop.customer("fresh")
    await shop.order(silent, 60)
    await shop.order(fresh, 5)
    await shop.run("accounts.update_types")
    await add(shop, "no_order_for", {"days": 45}, cooldown_days=30)
    stats = await shop.run("accounts.triggers")
    assert (stats["status"], stats["processed"], stats["fired"], stats["firedBy"]) == (
        "completed",
        1,
        1,
        {"no_order_for": 1},
    )
    assert await fired(shop) == [silent]
    assert await shop.alerts("trigger.%") == [(f"account:{silent}", "warning")]
    before = await shop.rows()
    assert (await shop.run("accounts.triggers"))["fired"] == 0
    assert await shop.rows() == before, "a second run changes nothing"
    await pass_days(shop, 31)
    assert (await shop.run("accounts.triggers"))["fired"] == 1
    assert await shop.conn.fetchval("SELECT count FROM app.alerts") == 2, "the same alert, seen again"
    await shop.order(silent, 1)
    await shop.run("accounts.update_types")
    await pass_days(shop, 31)
    assert ((await shop.run("accounts.triggers"))["fired"], await shop.alerts("trigger.%")) == (0, [])


async def test_a_change_of_type_fires_once_and_only_if_it_came_after_the_trigger(shop: Shop) -> None:
    # S4.01
    old, new = await shop.customer("old"), await shop.customer("new")
    await shop.order(old, 5)
    await shop.run("accounts.update_types")
    await add(shop, "account_type_changed", {"from_types": ["PROSPECT"], "to_types": ["NEW"]}, action="webhook")
    await shop.order(new, 5)
    await shop.run("accounts.update_types")
    assert ((await shop.run("accounts.triggers"))["fired"], await fired(shop)) == (1, [new])
    facts = await shop.conn.fetch("SELECT payload FROM app.outbox WHERE type = 'TriggerFired'")
    assert len(facts) == 1
    assert str(new) in str(facts[0]["payload"])
    assert await shop.alerts("trigger.%") == []
    await pass_days(shop, 0)
    assert (await shop.run("accounts.triggers"))["fired"] == 0


async def test_stock_and_samples_are_watched_too(shop: Shop) -> None:
    # S4.01
    company, tea = await shop.customer("c"), await shop.sku("tea", 10)
    await shop.order(company, 89.5, lines=[(tea, 90)])
    waiting = await shop.sample(company, tea, 40)
    await shop.sample(company, tea, 10)
    await shop.sample(company, tea, 200)
    await shop.run("accounts.burn_rates")
    await add(shop, "stock_below", {"days": 11}, severity="critical")
    await add(shop, "sample_not_converted", {"days": 35})
    assert (await shop.run("accounts.triggers"))["firedBy"] == {"stock_below": 1, "sample_not_converted": 1}
    assert await fired(shop) == [tea, waiting]
    assert await shop.alerts("trigger.stock_below") == [(f"sku:{tea}", "critical")]


async def test_what_no_rule_can_read_is_refused_and_names_what_it_takes(shop: Shop) -> None:
    trigger = await add(shop, "stock_below", {"days": 5})
    for rule, params in (
        ("stock_below", {}),
        ("stock_below", {"days": 0}),
        ("no_order_for", {"days": 5, "types": ["X"]}),
    ):
        with pytest.raises(Invalid, match="it takes"):
            await add(shop, rule, params, name="other")
    with pytest.raises(Conflict):
        await add(shop, "stock_below", {"days": 5})
    async with transaction(shop.pool, shop.tenant) as tx:
        with pytest.raises(Invalid, match="it takes days"):
            await triggers.change(tx, shop.tenant, trigger, ChangeTrigger(params={"weeks": 1}), by="tests")
        with pytest.raises(NotFound):
            await triggers.show(tx, shop.tenant, UUID(int=1))


async def test_a_trigger_that_goes_takes_its_alerts_with_it(shop: Shop) -> None:
    company = await shop.customer("c")
    await shop.order(company, 60)
    await shop.run("accounts.update_types")
    trigger = await add(shop, "no_order_for", {"days": 45})
    await shop.run("accounts.triggers")
    async with transaction(shop.pool, shop.tenant) as tx:
        await triggers.remove(tx, shop.tenant, trigger, by="tests")
    assert (await shop.alerts("trigger.%"), await fired(shop)) == ([], [])
