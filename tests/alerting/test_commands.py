"""`headwater alerts`, as somebody in a shell has it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import CliRunner

from contracts.settings import Settings
from db import alerts, tenants
from db.pool import open_pool
from db.transaction import transaction
from tests.alerting.house import SIGNING_KEY
from tests.exchange.receiver import Receiver
from worker.alert_commands import alerts_app


@pytest.fixture
def headwater(db_url: str, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Runs `headwater alerts …` where one alert is open; gives JSON, or the words."""
    monkeypatch.setenv("DATABASE_URL", db_url)
    monkeypatch.setenv("LOG_LEVEL", "ERROR")
    monkeypatch.setenv("WEBHOOK_ALLOW_LOOPBACK", "true")
    monkeypatch.setenv("WEBHOOK_SIGNING_KEY", SIGNING_KEY.get_secret_value())

    async def scene() -> None:
        pool = await open_pool(db_url, name="tests", size=2)
        tenant = (await tenants.ensure_default(pool, Settings())).id
        async with transaction(pool, tenant) as tx:
            evidence = {"duration_s": 60.0, "median_s": 10.0, "n": 5}
            await alerts.raise_(tx, tenant, "run.slow", "discovery", "warning", evidence)
        pool.terminate()

    asyncio.run(scene())

    def run(*words: object, status: int = 0) -> Any:
        done = CliRunner().invoke(alerts_app, [str(word) for word in words])
        assert done.exit_code == status, done.output
        return json.loads(done.stdout) if "--json" in words else done.output

    return run


def test_alerts_are_listed_shown_looked_after_and_ended(headwater: Callable[..., Any]) -> None:
    # S4.07 S0.19
    (alert,) = headwater("list", "--json")["items"]
    shown = headwater("show", alert["id"], "--json")
    assert (shown["evidence"]["median_s"], shown["runs"], shown["deliveries"]) == (10.0, [], [])
    assert "usual are 10 s (median of 5)" in headwater("show", alert["id"])
    headwater("ack", alert["id"])
    assert headwater("show", alert["id"], "--json")["acknowledged_by"].startswith("cli")
    headwater("resolve", alert["id"])
    assert headwater("list", "--json")["items"] == []
    assert "over already" in headwater("resolve", alert["id"], status=1)
    assert headwater("list", "--resolved", "--json")["items"][0]["state"] == "resolved"


def test_a_channel_is_made_tried_without_a_worker_and_removed(
    headwater: Callable[..., Any], receiver: Receiver
) -> None:
    # S4.07
    made = headwater("channels", "create", "night", "--kind", "webhook", "--url", receiver.url, "--json")
    assert made["signing_secret"].startswith("whsec_")
    tried = headwater("test-delivery", made["id"], "--json")
    assert tried["test_result"] == "delivered"
    assert receiver.posts[0].told["alert"]["severity"] == "info"
    receiver.usual = 500
    tried = headwater("test-delivery", made["id"], "--json", status=1)
    assert tried["test_result"] == "the webhook answered 500"
    listed = headwater("channels", "list", "--json")["items"]
    assert [c["name"] for c in listed] == ["night"]
    assert receiver.url not in headwater("channels", "list")
    headwater("channels", "remove", made["id"])
    assert "channels list" in headwater("test-delivery", made["id"], status=1)
