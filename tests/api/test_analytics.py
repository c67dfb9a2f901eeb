"""Daily figures over HTTP: asked for, listed, added up."""

from __future__ import annotations

from contracts.tenants import Role
from tests.api.server_fixture import ABROAD, HOME, Served

HERE = "/v1/analytics"


def test_a_roll_up_is_a_run_that_ops_asks_for(api: Served) -> None:
    # S2.13
    assert api.client.post(f"{HERE}/rollups", json={}, headers=api.as_(Role.ANALYST)).status_code == 403
    once = api.as_(Role.OPS) | {"Idempotency-Key": "k"}
    body = {"from": "2026-01-01", "to": "2026-01-31"}
    made = api.client.post(f"{HERE}/rollups", json=body, headers=once)
    assert (made.status_code, made.json()["kind"], made.json()["status"]) == (202, "rollup", "pending")
    assert made.json()["params"]["days"] == ["2026-01-01", "2026-01-31"]
    assert api.client.get(made.headers["Location"], headers=once).json()["id"] == made.json()["id"]
    assert api.client.post(f"{HERE}/rollups", json=body, headers=once).json()["id"] == made.json()["id"]
    assert api.client.post(f"{HERE}/rollups", json={"day": "2026-01-01"}, headers=once).status_code == 409
    (event,) = api.rows("SELECT payload FROM outbox_events WHERE type = 'RunRequested'")
    assert '"rollup"' in event["payload"]
    today = api.client.post(f"{HERE}/rollups", json={}, headers=api.as_(Role.OPS)).json()["params"]["days"]
    assert today[0] < today[1]


def test_days_that_make_no_sense_are_refused(shared_api: Served) -> None:
    ops = shared_api.as_(Role.OPS)
    for body in (
        {"day": "2026-01-01", "to": "2026-01-02"}, {"from": "2026-01-02", "to": "2026-01-01"}, {"from": "2026-01-01"},
        {"from": "2024-01-01", "to": "2026-01-01"}, {"day": "yesterday"}, {"day": "9999-01-01"}, {"days": 3}, {"day": "1999-01-01"},
    ):  # fmt: skip
        assert shared_api.client.post(f"{HERE}/rollups", json=body, headers=ops).status_code == 400, body
    for what in ("daily", "funnel"):
        for days in (
            {"from": "2026-01-02", "to": "2026-01-01"},
            {"from": "x"},
            {"from": "2000-01-01"},
            {"until": "2026-01-01"},
        ):
            assert shared_api.client.get(f"{HERE}/{what}", params=days, headers=ops).status_code == 400, (what, days)
    assert shared_api.client.get(f"{HERE}/daily", params={"metric": "x'; --"}, headers=ops).status_code == 400
    assert shared_api.client.get(f"{HERE}/daily", params={"cursor": "nonsense"}, headers=ops).status_code == 400


def test_figures_are_listed_by_day_and_added_up(api: Served) -> None:
    # S2.13
    home = api.tenants[HOME].id
    rows = [
        ("2026-01-05", "funnel", '{"stage": "discovered"}', 8), ("2026-01-06", "funnel", '{"stage": "discovered"}', 2),
        ("2026-01-06", "funnel", '{"stage": "high"}', 4), ("2026-01-06", "spend_usd", "{}", 1.0),
    ]  # fmt: skip
    for day, metric, dims, value in rows:
        api.rows(
            "INSERT INTO daily_metrics (tenant_id, day, metric, dims, dims_hash, value)"
            " VALUES ($1, $2::text::date, $3, $4::text::jsonb, sha256($4::text::bytea), $5) RETURNING id",
            home, day, metric, dims, float(value),
        )  # fmt: skip
    viewer, span = api.as_(Role.VIEWER), {"from": "2026-01-01", "to": "2026-01-31"}
    first = api.client.get(f"{HERE}/daily", params=span | {"limit": 3}, headers=viewer).json()
    rest = api.client.get(
        f"{HERE}/daily", params=span | {"limit": 3, "cursor": first["next_cursor"]}, headers=viewer
    ).json()
    shown = [(m["day"], m["metric"], m["value"]) for m in first["items"] + rest["items"]]
    assert shown == sorted(shown, key=lambda m: (m[0], m[1]))
    assert (len(first["items"]), len(shown), rest["next_cursor"]) == (3, 4, None)
    only = api.client.get(f"{HERE}/daily", params=span | {"metric": "spend_usd"}, headers=viewer).json()["items"]
    assert [m["value"] for m in only] == [1.0]
    funnel = api.client.get(f"{HERE}/funnel", params=span, headers=viewer).json()
    stages = {stage["stage"]: (stage["leads"], stage["of_discovered"]) for stage in funnel["stages"]}
    assert (stages["discovered"], stages["high"], stages["won"]) == ((10, 1.0), (4, 0.4), (0, 0.0))
    assert (funnel["from"], funnel["qualified_leads"], funnel["cost_per_qualified_lead"]) == ("2026-01-01", 4, 0.25)
    assert api.client.get(f"{HERE}/daily", headers=api.as_(Role.OWNER, ABROAD)).json()["items"] == []
