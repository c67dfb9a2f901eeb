"""Vendors over HTTP: who can be asked, what it cost, what a run would cost; each tenant sees its own figures."""

from __future__ import annotations

from typing import Any

from contracts.tenants import Role
from contracts.vendors import VendorOperation
from db import vendors
from db.pool import open_pool
from db.transaction import DbRole, transaction
from tests.api.server_fixture import ABROAD, HOME, Served, in_a_thread

KNOWN = [
    VendorOperation(
        vendor="tavily", operation="search.google", units=1, unit_price_usd=0.008, channel="google", pages=1
    ),
    VendorOperation(vendor="gleif", operation="search", billable=False, channel="register"),
    VendorOperation(vendor="channel", operation="apollo", channel="apollo", absent="set APOLLO_API_KEY"),
]


def publish(api: Served) -> None:
    async def work() -> None:
        pool = await open_pool(api.database_url, name="tests", size=1)
        try:
            async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
                await vendors.publish(tx, KNOWN)
        finally:
            await pool.close()

    in_a_thread(work)


def calls(api: Served, tenant: str, count: int) -> None:
    """`count` calls answered in 100, 200, … ms, the last one forfeited."""
    api.rows(
        "WITH c AS (INSERT INTO app.vendor_calls (tenant_id, vendor, operation, billable, state, unit, units_reserved, units_spent,"
        " latency_ms, found, error_class, settled_at)"
        " SELECT t.id, 'tavily', 'search.google', true, CASE n WHEN $2 THEN 'forfeited' ELSE 'answered' END, 'credit', 1, 1,"
        " n * 100, CASE WHEN n < $2 THEN 1 ELSE 0 END, CASE n WHEN $2 THEN 'vendor_down' END, app.now()"
        " FROM app.tenants t, generate_series(1, $2::int) n WHERE t.slug = $1 RETURNING 1) SELECT count(*) FROM c",
        tenant,
        count,
    )


def get(api: Served, path: str, tenant: str = HOME, **query: Any) -> Any:
    answer = api.client.get(path, params=query, headers=api.as_(Role.VIEWER, tenant))
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_every_operation_is_listed_with_what_came_of_it(api: Served) -> None:
    # B.06, S2.14
    publish(api)
    calls(api, HOME, 5)
    listed = get(api, "/v1/vendors")
    by_name = {f"{v['vendor']}.{v['operation']}": v for v in listed["vendors"]}
    tavily = by_name["tavily.search.google"]
    figures = {
        name: tavily[name]
        for name in ("calls", "found", "hit_rate", "errors", "error_rate", "forfeited", "spent", "cost_usd")
    }
    assert figures == {
        "calls": 5, "found": 4, "hit_rate": 1.0, "errors": 1, "error_rate": 0.2, "forfeited": 1, "spent": 5.0, "cost_usd": 0.04,
    }  # fmt: skip
    assert (tavily["median_ms"], tavily["p95_ms"]) == (300, 480)
    assert by_name["channel.apollo"]["absent"] == "set APOLLO_API_KEY"
    assert by_name["gleif.search"]["calls"] == 0
    assert {b["vendor"]: b["limit"] for b in listed["budgets"]}["tavily"] == 800
    # R18: another tenant's figures are its own.
    assert [v["calls"] for v in get(api, "/v1/vendors", ABROAD)["vendors"]] == [0, 0, 0]


def test_the_ledger_is_read_call_by_call(api: Served) -> None:
    # S1.07 R18 S2.14: what figures are made of, page by page, and of nobody else
    publish(api)
    calls(api, HOME, 5)
    calls(api, ABROAD, 2)
    page = get(api, "/v1/vendors/calls", limit=2, vendor="tavily")
    rows = list(page["items"])
    while page["next_cursor"]:
        page = get(api, "/v1/vendors/calls", limit=2, vendor="tavily", cursor=page["next_cursor"])
        rows += page["items"]
    assert sorted(row["latency_ms"] for row in rows) == [100, 200, 300, 400, 500]
    assert {row["cost_usd"] for row in rows} == {0.008}
    assert {row["tenant_id"] for row in rows} == {str(api.tenants[HOME].id)}
    [lost] = get(api, "/v1/vendors/calls", state="forfeited", outcome="error", days=1)["items"]
    assert (lost["error_class"], lost["latency_ms"], lost["units_spent"]) == ("vendor_down", 500, 1)
    assert len(get(api, "/v1/vendors/calls", outcome="found", operation="search.google")["items"]) == 4
    assert get(api, "/v1/vendors/calls", until="2020-01-01T00:00:00Z")["items"] == []
    assert set(rows[0]) & {"request", "response", "credential", "holds"} == set()
    refused: tuple[dict[str, Any], ...] = (
        {"days": 1, "since": "2026-01-01T00:00:00Z"},
        {"since": "9999-12-31T23:59:59-14:00"},
        {"cursor": "x"},
        {"state": "lost"},
        {"vendors": "x"},
    )
    for wrong in refused:
        answer = api.client.get("/v1/vendors/calls", params=wrong, headers=api.as_(Role.VIEWER))
        assert (answer.status_code, answer.json()["code"].startswith("invalid")) == (400, True), answer.text


def test_a_forecast_says_what_a_run_costs_at_most_and_asks_nobody(api: Served) -> None:
    # B.06
    publish(api)
    asked: dict[str, Any] = {
        "channels": ["google", "register", "apollo"],
        "queries": ["a", "b", "c"],
        "max_companies": 100,
    }
    found = get(api, "/v1/vendors/forecast", **asked)
    assert found["absent"] == ["set APOLLO_API_KEY"]
    costs = {c["vendor"]: (c["requests"], c["units"], c["cost_usd"], c["fits"]) for c in found["costs"]}
    # Tavily has one page a query; the register is read page by page until the cap, for nothing.
    assert costs == {"tavily": (3, 3.0, 0.024, True), "gleif": (15, 0.0, None, True)}
    assert (found["costs"][0]["left"], found["costs"][0]["budget"]) == (800, "tenant day")
    many = get(api, "/v1/vendors/forecast", channels=["google"], queries=[str(n) for n in range(900)], max_queries=900)
    assert (many["costs"][0]["units"], many["costs"][0]["fits"]) == (900, False)
    assert api.count("runs") == api.count("vendor_calls") == 0
