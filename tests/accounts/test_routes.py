"""Customers, stock, samples and triggers over HTTP and on the command line."""

from __future__ import annotations

import json
from typing import Any

import pytest
from typer import Typer
from typer.testing import CliRunner

from contracts.accounts import DOCUMENTED_JOBS
from contracts.tenants import Role
from db.account_commands import accounts_app
from db.jobs_commands import jobs_app
from tests.accounts.shop import Shop
from tests.api.server_fixture import Served


async def test_what_the_jobs_worked_out_can_be_read(api: Served, home: Shop) -> None:
    # S4.01 S4.04
    customer, prospect = await home.customer("Karoo"), await home.customer("Zebra")
    tea = await home.sku("tea", 5)
    await home.sample(customer, tea, 60)
    await home.order(customer, 45, lines=[(tea, 90)])
    for job in ("accounts.update_types", "accounts.sample_metrics", "accounts.burn_rates"):
        await home.run(job)
    viewer = api.as_(Role.VIEWER)

    def get(path: str) -> Any:
        answer = api.client.get(path, headers=viewer)
        assert answer.status_code == 200, answer.text
        return answer.json()

    found = get("/v1/accounts")
    assert [(a["name"], a["account_type"], a["orders"], a["value_12m"]) for a in found["items"]] == [
        ("Karoo", "NEW", 1, 100)
    ]
    assert get("/v1/accounts?account_type=KEY")["items"] == []
    assert get(f"/v1/accounts/{prospect}")["account_type"] == "PROSPECT"
    assert [s["code"] for s in get("/v1/skus?low=true")["items"]] == ["tea"]
    sku = get(f"/v1/skus/{tea}")
    # It first moved 45 days ago.
    assert (sku["burn_rate"], sku["days_left"]) == (2, 2.5) or sku["burn_rate"] == pytest.approx(90 / 46, abs=1e-6)
    metric = get(f"/v1/sample-metrics?sku_id={tea}")["items"][0]
    assert (metric["sku_code"], metric["samples"], metric["converted"], metric["revenue"]) == ("tea", 1, 1, 90)
    assert api.client.get(f"/v1/skus/{customer}", headers=viewer).status_code == 404


async def test_pages_of_figures_follow_each_other(api: Served, home: Shop) -> None:
    tea, company = await home.sku("tea"), await home.customer("c")
    for n in range(5):
        await home.sample(company, tea, 40 + 31 * n, rep=f"rep {n % 2}")
    await home.run("accounts.sample_metrics")
    walked: list[Any] = []
    cursor = ""
    while True:
        page = api.client.get(f"/v1/sample-metrics?limit=2{cursor}", headers=api.as_(Role.VIEWER)).json()
        walked += page["items"]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert [m["period"] for m in walked] == sorted((m["period"] for m in walked), reverse=True)
    assert len({m["id"] for m in walked}) == len(walked) >= 4


def test_triggers_are_made_changed_and_removed(api: Served) -> None:
    # S4.01
    ops = api.as_(Role.OPS)
    body = {"name": "quiet", "rule": "no_order_for", "params": {"days": 45}}
    made = api.client.post("/v1/triggers", json=body, headers=ops)
    assert (made.status_code, made.headers["location"]) == (201, f"/v1/triggers/{made.json()['id']}")
    here = made.headers["location"]
    again = api.client.post("/v1/triggers", json=body, headers=ops)
    assert (again.status_code, again.json()["code"]) == (409, "trigger_exists")
    wrong = api.client.post("/v1/triggers", json={**body, "name": "x", "params": {"weeks": 1}}, headers=ops)
    assert (wrong.status_code, wrong.json()["code"]) == (400, "bad_params")
    assert api.client.post("/v1/triggers", json=body, headers=api.as_(Role.ANALYST)).status_code == 403
    changed = api.client.patch(here, json={"enabled": False, "params": {"days": 60}}, headers=ops).json()
    assert (changed["enabled"], changed["params"]) == (False, {"days": 60, "types": []})
    assert [t["name"] for t in api.client.get("/v1/triggers", headers=ops).json()["items"]] == ["quiet"]
    assert api.client.get("/v1/triggers/executions", headers=ops).json() == {"items": [], "next_cursor": None}
    assert api.client.delete(here, headers=ops).status_code == 204
    assert api.client.get(here, headers=ops).status_code == 404
    actions = api.rows("SELECT action FROM audit_log WHERE subject_type = 'trigger' ORDER BY at")
    assert [row["action"] for row in actions] == ["trigger.added", "trigger.changed", "trigger.removed"]


def test_the_commands(db_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # S4.03 S4.12 S4.09: by every name, dry, for a tenant, from the environment
    monkeypatch.setenv("DATABASE_URL", db_url)

    def ask(app: Typer, *words: str, status: int = 0) -> Any:
        done = CliRunner().invoke(app, list(words))
        assert done.exit_code == status, done.output + done.stderr
        if "--json" in words and not status:
            return json.loads(done.stdout[done.stdout.index("{") :])
        return done.output + done.stderr

    for name in (*DOCUMENTED_JOBS, "accounts.triggers"):
        run = ask(jobs_app, "run", name, "--dry-run", "--json")
        assert (run["kind"], run["status"], run["dry_run"], run["triggered_by"]) == ("job", "pending", True, "cli")
    assert "process-triggers" in ask(jobs_app, "run", "make-coffee", status=2)
    monkeypatch.setenv("TENANT_SLUG", "nobody")
    assert "headwater tenants list" in ask(jobs_app, "run", "triggers", status=1)
    monkeypatch.delenv("TENANT_SLUG")
    assert "headwater import orders" in ask(accounts_app, "list")
    made = ask(accounts_app, "watch", "low", "stock_below", '{"days": 5}', "--json")
    assert made["rule"] == "stock_below"
    assert "it takes days" in ask(accounts_app, "watch", "x", "stock_below", "{}", status=2)
    assert "is no JSON" in ask(accounts_app, "watch", "x", "stock_below", "days", status=2)
    assert "low" in ask(accounts_app, "triggers")
    ask(accounts_app, "unwatch", made["id"])
    assert "100 lines" in ask(accounts_app, "seed", "--lines", "100")
    assert "--force" in ask(accounts_app, "seed", "--lines", "100", status=1)
    assert "seeded before" in ask(accounts_app, "seed", "--lines", "100", "--force", status=1)
    assert len(ask(accounts_app, "skus", "--json")["items"]) == 10
