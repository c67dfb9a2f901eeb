"""`headwater vendors` and `headwater alerts`, as somebody in a shell has them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from typer.testing import CliRunner

from contracts.settings import Settings
from contracts.vendors import VendorOperation
from db import ledger, tenants, vendors
from db.alert_commands import alerts_app
from db.ledger import Answer, Buyer, Item
from db.pool import open_pool
from db.transaction import DbRole, Pool, transaction
from db.vendor_commands import vendors_app

KNOWN = [
    VendorOperation(
        vendor="tavily", operation="search.google", unit_price_usd=0.008, units=1, channel="google", pages=1
    ),
    VendorOperation(vendor="lusha", operation="*", absent="lusha: set LUSHA_API_KEY or do without it"),
]
RUN = uuid4()


@pytest.fixture
def headwater(db_url: str, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Runs `headwater vendors …` on a database where one item was answered and one was lost; gives JSON, or the words."""
    monkeypatch.setenv("DATABASE_URL", db_url)
    monkeypatch.setenv("LOG_LEVEL", "ERROR")
    asyncio.run(_with_pool(db_url, _scene))

    def run(*words: object, app: Any = vendors_app, status: int = 0) -> Any:
        done = CliRunner().invoke(app, [str(word) for word in words])
        assert done.exit_code == status, done.output
        return json.loads(done.stdout) if "--json" in words else done.output

    return run


async def _with_pool(url: str, work: Callable[[Pool], Awaitable[None]]) -> None:
    pool = await open_pool(url, name="tests", size=2)
    try:
        await work(pool)
    finally:
        pool.terminate()


async def _scene(pool: Pool) -> None:
    tenant = (await tenants.ensure_default(pool, Settings())).id
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        await vendors.publish(tx, KNOWN)
        await tx.execute(
            "INSERT INTO app.runs (tenant_id, id, kind, triggered_by, params) VALUES ($1, $2, 'discovery', 'tests', '{}')",
            tenant,
            RUN,
        )
    await _call(pool, tenant, "a", lost=False)
    await _call(pool, tenant, "b", lost=True)


async def _call(pool: Pool, tenant: UUID, query: str, *, lost: bool) -> None:
    me = uuid4()
    buyer = Buyer(tenant, me, 1, "tavily", "search.google", True, RUN)
    async with transaction(pool, tenant) as tx:
        held = await ledger.reserve(tx, buyer, [Item("tavily", "search.google", {"query": query})], 1.0)
        assert held is not None
        if lost:
            await ledger.give_up(
                tx, tenant, held.call_id, "forfeited", (me, 1), spent=1.0, error="cut", error_class="vendor_down"
            )
        else:
            answer = Answer(held.item_ids[0], "found", {}, 60, 3.0)
            await ledger.store(tx, tenant, held.call_id, [answer], latency_ms=120)


def test_who_can_be_asked_and_what_it_cost(headwater: Callable[..., Any]) -> None:
    # B.06, S3.05: a vendor without a key is absent with the reason.
    listed = {v["vendor"]: v for v in headwater("list", "--json")["vendors"]}
    assert listed["lusha"]["absent"] == "lusha: set LUSHA_API_KEY or do without it"
    tavily = listed["tavily"]
    assert (tavily["calls"], tavily["found"], tavily["forfeited"], tavily["error_rate"]) == (2, 1, 1, 0.5)
    assert (tavily["spent"], tavily["cost_usd"], tavily["median_ms"]) == (4, 0.032, 120)
    assert "LUSHA_API_KEY" in headwater("list")
    (spent,) = headwater("spent", "--run", RUN, "--json")["items"]
    assert (spent["calls"], spent["spent"], spent["forfeited"], spent["cost_usd"]) == (2, 4, 1, 0.032)
    assert "headwater runs list" in headwater("spent", "--run", uuid4(), status=1)
    (alert,) = headwater("list", "--json", app=alerts_app)["items"]
    assert (alert["rule"], alert["evidence"]["spent"]) == ("vendor.worst_case_passed", 3)
    headwater("ack", alert["id"], app=alerts_app)
    assert [a["state"] for a in headwater("list", "--json", app=alerts_app)["items"]] == ["ack"]
    assert "alerts list" in headwater("ack", alert["id"], app=alerts_app, status=1)


def test_the_ledger_is_read_call_by_call(headwater: Callable[..., Any]) -> None:
    # S1.07
    lost, answered = headwater("calls", "--json")["items"]
    assert (lost["state"], lost["error_class"], lost["units_spent"]) == ("forfeited", "vendor_down", 1)
    assert (answered["state"], answered["found"], answered["cost_usd"]) == ("answered", 1, 0.024)
    assert [call["id"] for call in headwater("calls", "--run", RUN, "--json")["items"]] == [lost["id"], answered["id"]]
    assert [c["id"] for c in headwater("calls", "--outcome", "found", "--json")["items"]] == [answered["id"]]
    first = headwater("calls", "--limit", 1, "--json")
    assert [call["id"] for call in first["items"]] == [lost["id"]]
    (second,) = headwater("calls", "--limit", 1, "--cursor", first["next_cursor"], "--json")["items"]
    assert second["id"] == answered["id"]
    assert f"--cursor {first['next_cursor']}" in headwater("calls", "--limit", 1)
    assert "headwater vendors list" in headwater("calls", "--vendor", "nobody")


def test_budgets_are_shown_set_and_taken_back(headwater: Callable[..., Any]) -> None:
    # R11, S3.08
    def limits() -> dict[str, tuple[float, str]]:
        return {
            f"{b['scope']} {b['vendor']}": (b["limit"], b["source"]) for b in headwater("budgets", "--json")["items"]
        }

    assert limits()["tenant tavily"] == (800, "tavily_max_queries")
    assert limits()["credential sam"] == (8, "sam_daily_calls")
    headwater("budgets", "set", "tavily", "credit", "5")
    headwater("budgets", "set", "sam", "call", "3", "--scope", "credential")
    assert limits()["tenant tavily"] == (5, "set")
    assert limits()["credential sam"] == (3, "set")
    (cost,) = headwater("forecast", "--channel", "google", *[w for n in range(6) for w in ("--query", n)], "--json")[
        "costs"
    ]
    assert (cost["units"], cost["left"], cost["budget"], cost["fits"]) == (6, 5, "tenant day", False)
    headwater("budgets", "unset", "tavily", "credit")
    assert limits()["tenant tavily"] == (800, "tavily_max_queries")
    assert "no limit was set" in headwater("budgets", "unset", "tavily", "credit", status=1)
    assert "limit" in headwater("budgets", "set", "tavily", "credit", "--", "-1", status=2)


def test_a_lost_item_is_found_and_let_go(headwater: Callable[..., Any]) -> None:
    # S3.05
    (lost,) = headwater("forfeited", "--json")["items"]
    assert (lost["request"], lost["units_spent"], lost["run_id"]) == ({"query": "b"}, 1, str(RUN))
    assert "headwater jobs retry" in headwater("resend", lost["id"])
    assert headwater("forfeited", "--json")["items"] == []
    assert "let go before" in headwater("resend", lost["id"], status=1)
    assert "vendors forfeited" in headwater("resend", uuid4(), status=1)
    assert "nothing holds" in headwater("reset", "tavily", status=1)
