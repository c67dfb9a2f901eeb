"""A connection is tried by a worker, or from the command line; the commands of the CRM and of the daily figures."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import CliRunner

from contracts.crm import Connection
from db import crm_connections
from db.analytics_commands import analytics_app
from db.transaction import transaction
from tests.crm.house import House
from tests.providers.sandbox_fixture import RunningSandbox
from worker.crm_commands import crm_app

Ask = Callable[..., Any]


async def tried(house: House) -> Connection:
    async with transaction(house.pool, house.tenant) as tx:
        await crm_connections.request_test(tx, house.tenant, by="tests")
    await house.work()
    async with transaction(house.pool, house.tenant) as tx:
        return await crm_connections.get(tx, house.tenant)


@pytest.mark.parametrize("door", ["json2", "jsonrpc"])
async def test_a_worker_tries_the_connection_and_changes_nothing_there(house: House, door: str) -> None:
    # S3.16
    await house.connect(door)
    found = await tried(house)
    assert found.tested_at is not None
    assert found.test_result is not None
    assert (found.test_result.ok, found.test_result.transport, found.test_result.user) == (
        True,
        door,
        "sandbox@example.com",
    )
    assert house.stored() == []


async def test_what_is_wrong_with_a_connection_is_its_result_and_never_the_key(house: House) -> None:
    # S3.16
    await house.connect()
    house.settings = house.sandbox.settings(odoo_api_key="wrong-key-424242")
    found = await tried(house)
    assert found.test_result is not None
    assert (found.test_result.ok, found.test_result.code) == (False, "vendor_auth")
    assert "check ODOO_API_KEY" in (found.test_result.error or "")
    house.settings = house.sandbox.settings(odoo_api_key=None)
    assert (await tried(house)).test_result == found.test_result.model_copy(
        update={"code": "vendor_absent", "error": "odoo: there is no ODOO_API_KEY: set it, or do without"}
    )
    house.settings = house.sandbox.settings(odoo_url="https://elsewhere.example")
    moved = (await tried(house)).test_result
    assert moved is not None
    assert moved.code == "crm_url_refused", "what was allowed once need not be now"
    dump = await house.conn.fetchval("SELECT string_agg(t::text, '') FROM app.odoo_connections t")
    assert "wrong-key-424242" not in dump


@pytest.fixture
def headwater(db_url: str, sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Runs a command: its JSON, or what it said when it was to fail or prints none."""
    for name, value in sandbox.env().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DATABASE_URL", db_url)

    def ask(*words: str, status: int = 0, plain: bool = False) -> Any:
        app = analytics_app if words[0] == "analytics" else crm_app
        words = words[1:] if words[0] == "analytics" else words
        done = CliRunner().invoke(app, [*words, *([] if plain or status else ["--json"])])
        assert done.exit_code == status, done.output + done.stderr
        text = done.output + done.stderr
        return text if plain or status else json.loads(done.stdout[done.stdout.index("{") :])

    return ask


def test_the_commands_set_try_and_remove_a_connection(headwater: Ask, sandbox: RunningSandbox) -> None:
    # S3.16
    assert "headwater crm" in headwater("connection", "show", status=1)
    url = f"{sandbox.url}/odoo"
    made = headwater("connection", "set", "--url", url, "--secret-ref", "ODOO_API_KEY", "--database", "sandbox")
    assert (made["url"], made["enabled"], made["tested_at"]) == (url, True, None)
    assert "tvly" not in json.dumps(made)
    result = headwater("connection", "test")
    assert (result["ok"], result["version"]) == (True, "19.0")
    assert headwater("connection", "show")["test_result"]["user"] == "sandbox@example.com"
    assert "crm_secret_refused" in headwater(
        "connection", "set", "--url", url, "--secret-ref", "ODOO_API_KEY_X", status=2
    )
    assert "secret_ref" in headwater("connection", "set", "--url", url, "--secret-ref", "JWT_SECRET", status=2)
    assert "ODOO_PRIVATE_HOSTS" in headwater(
        "connection", "set", "--url", "https://10.1.1.1", "--secret-ref", "ODOO_API_KEY_WELL_CRAFTED", status=2
    )
    headwater("connection", "set", "--url", url, "--secret-ref", "ODOO_API_KEY_WELL_CRAFTED")
    assert "there is no ODOO_API_KEY_WELL_CRAFTED" in headwater("connection", "test", status=1)
    assert "removed" in headwater("connection", "remove", plain=True)
    assert "there was none" in headwater("connection", "remove", plain=True)


def test_the_commands_for_policy_sync_links_and_pushes(headwater: Ask) -> None:
    # S3.17
    assert headwater("policy") == {"min_band": "MEDIUM", "conflicts": "ask"}
    assert headwater("policy", "--min-band", "HIGH") == {"min_band": "HIGH", "conflicts": "ask"}
    assert headwater("policy", "--conflicts", "theirs")["min_band"] == "HIGH"
    assert "min_band" in headwater("policy", "--min-band", "TOP", status=2)
    assert headwater("links") == headwater("pushes") == {"items": [], "next_cursor": None}
    nobody = "01936f3e-9a40-7c11-8f7a-5b1d2c3e4f02"
    assert "lead_not_found" in headwater("sync", "--lead", nobody, "--dry-run", status=1)
    assert "run_id or lead_ids" in headwater("sync", status=2)
    assert "link_not_found" in headwater("resolve", nobody, "--keep", "ours", status=1)
    assert "'ours' or 'theirs'" in headwater("resolve", nobody, "--keep", "mine", status=2)


def test_the_commands_for_daily_figures(headwater: Ask) -> None:
    # S2.13
    made = headwater("analytics", "rollup", "--from", "2026-01-01", "--to", "2026-01-02")
    assert (made["kind"], made["status"], made["params"]["days"]) == ("rollup", "pending", ["2026-01-01", "2026-01-02"])
    assert headwater("analytics", "rollup", "--day", "2026-01-01")["id"] != made["id"]
    assert "swap them" in headwater("analytics", "rollup", "--from", "2026-01-02", "--to", "2026-01-01", status=2)
    assert headwater("analytics", "show") == {"items": [], "next_cursor": None}
    assert headwater("analytics", "funnel")["qualified_leads"] == 0
    assert "nothing yet" in headwater("analytics", "show", plain=True)
