"""Waterfalls over HTTP: what each vendor came to, an order that is watched, then followed; each tenant has its own."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from contracts.enrichment import WATERFALLS, Learned, StepTaken
from contracts.providers import FoundCompany
from contracts.tenants import Role
from db import enrichments, leads
from db.pool import open_pool
from db.transaction import transaction
from tests.api.server_fixture import ABROAD, HOME, Served, in_a_thread

ORDERS = "SELECT stage, operations, made_by FROM app.waterfall_orders ORDER BY id"
EMAIL = {"field": "email", "operations": ["apollo.match", "hunter.find"]}


def shown(api: Served, tenant: str = HOME) -> dict[str, Any]:
    """By field, as a viewer reads them."""
    answer = api.client.get("/v1/waterfalls", headers=api.as_(Role.VIEWER, tenant))
    assert answer.status_code == 200, answer.text
    return {view["field"]: view for view in answer.json()["items"]}


def post(api: Served, path: str, body: Any = None, *, role: Role = Role.OPS, tenant: str = HOME) -> Any:
    return api.client.post(f"/v1/waterfalls/{path}", json=body, headers=api.as_(role, tenant))


def propose(api: Served, body: Any = EMAIL, tenant: str = HOME) -> dict[str, Any]:
    """Watch an order; gives it as it is shown."""
    answer = post(api, "orders", body, tenant=tenant)
    assert answer.status_code == 201, answer.text
    [view] = [view for view in answer.json()["items"] if view["field"] == body["field"]]
    found: dict[str, Any] = next(order for order in view["orders"] if order["stage"] == "SHADOW")
    return found


def enriched(api: Served, *, of: str = HOME) -> None:
    """Three addresses were looked for: one bought and taken, one bought and not known, one read from the ledger and taken."""
    asked = StepTaken(field="email", place=0, operation="hunter.find", outcome="accepted")
    steps = (
        asked.model_copy(update={"units": 1, "cost_usd": 0.01}),
        asked.model_copy(update={"place": 1, "outcome": "miss"}),
        asked.model_copy(update={"place": 2, "stored": True, "units": 1}),
        asked.model_copy(update={"place": 3, "outcome": "error", "cost_usd": 0.01}),
        asked.model_copy(update={"place": 4, "outcome": "skipped", "operation": "pdl.person"}),
    )

    async def work() -> None:
        tenant = api.tenants[of].id
        pool = await open_pool(api.database_url, name="tests", size=1)
        try:
            async with transaction(pool, tenant) as tx:
                company = FoundCompany(external_id="x", name="Example", country="ZA", domain="example.co.za")
                lead = await leads.create(tx, tenant, company, icp_profile_id=None)
                subject = await enrichments.subject(tx, tenant, lead)
                assert subject is not None
                begun = await enrichments.begin(tx, tenant, lead, "1")
                assert await enrichments.finish(tx, tenant, subject, begun, "1", Learned(steps=steps))
        finally:
            await pool.close()

    in_a_thread(work)


def test_every_field_is_listed_with_its_orders_and_what_became_of_each_vendor(api: Served) -> None:
    # B.06
    assert list(shown(api)) == list(WATERFALLS)
    assert all((view["orders"], view["tried"]) == ([], []) for view in shown(api).values())
    enriched(api)
    [tried] = shown(api)["email"]["tried"]
    assert tried == {
        "field": "email", "operation": "hunter.find", "asked": 3, "accepted": 2, "bought": 2, "cost_usd": 0.01,
    }  # fmt: skip
    assert shown(api, ABROAD)["email"]["tried"] == []


def test_an_order_is_watched_then_followed_and_the_one_before_is_archived(api: Served) -> None:
    # B.08
    first = propose(api)
    assert (first["operations"], first["verdict"]) == (EMAIL["operations"], {})
    second = propose(api, {"field": "email", "operations": ["pdl.person", "hunter.find"]})
    assert [o["id"] for o in shown(api)["email"]["orders"]] == [second["id"]], "one is watched at a time"
    followed = post(api, f"orders/{second['id']}/promote")
    assert followed.status_code == 200
    [order] = shown(api)["email"]["orders"]
    assert (order["id"], order["stage"], order["operations"]) == (second["id"], "ACTIVE", ["pdl.person", "hunter.find"])
    assert order["verdict"]["promoted_by"] == order["made_by"]
    third = propose(api)
    assert {o["stage"] for o in shown(api)["email"]["orders"]} == {"ACTIVE", "SHADOW"}
    assert post(api, f"orders/{third['id']}/promote").status_code == 200
    assert [o["id"] for o in shown(api)["email"]["orders"]] == [third["id"]]
    assert [row["stage"] for row in api.rows(ORDERS)] == ["ARCHIVED", "ARCHIVED", "ACTIVE"]
    audited = api.rows("SELECT action, subject_id FROM app.audit_log WHERE subject_type = 'waterfall' ORDER BY id")
    assert [(a["action"], a["subject_id"]) for a in audited] == [
        ("waterfall.promote", second["id"]), ("waterfall.promote", third["id"]),
    ]  # fmt: skip


def test_orders_of_another_tenant_are_neither_seen_nor_promoted(api: Served) -> None:
    mine, theirs = propose(api), propose(api, tenant=ABROAD)
    assert [o["id"] for o in shown(api)["email"]["orders"]] == [mine["id"]]
    answer = post(api, f"orders/{theirs['id']}/promote")
    assert (answer.status_code, answer.json()["code"]) == (404, "order_not_found")
    assert [o["stage"] for o in shown(api, ABROAD)["email"]["orders"]] == ["SHADOW"]


def test_only_an_order_that_is_watched_can_be_promoted(api: Served) -> None:
    order = propose(api)
    assert post(api, f"orders/{order['id']}/promote").status_code == 200
    for which in (order["id"], uuid4()):
        answer = post(api, f"orders/{which}/promote")
        assert (answer.status_code, answer.json()["code"]) == (404, "order_not_found")
        assert "headwater waterfalls list" in answer.json()["detail"]
    assert post(api, "orders/not-an-id/promote").status_code == 400
    assert [row["stage"] for row in api.rows(ORDERS)] == ["ACTIVE"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"field": "email"},
        {"field": "email", "operations": []},
        {"field": "email", "operations": "hunter.find"},
        {"field": "email", "operations": ["hunter"]},
        {"field": "email", "operations": ["Hunter.find"]},
        {"field": "email", "operations": ["hunter.find; DROP TABLE x"]},
        {"field": "email", "operations": ["hunter.find"] * 21},
        {"field": "email", "operations": ["hunter.find", "apollo.match", "hunter.find"]},
        {"field": "phone", "operations": ["hunter.find"]},
        {"field": "email", "operations": ["hunter.find"], "stage": "ACTIVE"},
    ],
    ids=str,
)
def test_what_makes_no_sense_is_refused_and_changes_nothing(shared_api: Served, body: Any) -> None:
    answer = post(shared_api, "orders", body)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request"), answer.text
    assert shared_api.rows(ORDERS) == []


def test_analysts_read_and_change_nothing(shared_api: Served) -> None:
    assert post(shared_api, "orders", EMAIL, role=Role.ANALYST).status_code == 403
    assert post(shared_api, f"orders/{uuid4()}/promote", role=Role.ANALYST).status_code == 403
    assert shared_api.client.get("/v1/waterfalls").status_code == 401
    assert shared_api.rows(ORDERS) == []
