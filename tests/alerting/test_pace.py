"""Alerts keep the pace of where they go, together with all other workers; none is lost by it, and no breaker keeps one back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from db import alerts
from db.pool import open_pool
from db.transaction import transaction
from tests.alerting.house import House
from tests.exchange.receiver import Receiver
from tests.providers.sandbox_fixture import RunningSandbox
from worker.pace import Pacer


@pytest.fixture
async def paced(house: House, db_url: str) -> AsyncIterator[House]:
    """With a pacer of its own, as a worker has."""
    pool = await open_pool(db_url, name="tests", size=4)
    house.pacer = Pacer(pool, house.settings)
    yield house
    await house.pacer.close()
    pool.terminate()


def by_slack(house: House, sandbox: RunningSandbox) -> str:
    kept = {"webhook_allow_loopback", "webhook_signing_key", "dispatch_tenant_buffer", "default_tenant_slug"}
    house.settings = sandbox.settings(**house.settings.model_dump(exclude_unset=False, include=kept))
    return f"{sandbox.url}/slack/services/T0/B0/secret"


async def opens(house: House, *scopes: str) -> None:
    for scope in scopes:
        async with transaction(house.pool, house.tenant) as tx:
            await alerts.raise_(tx, house.tenant, "isolation.leak_found", scope, "critical", {"rows": 1})
    await house.work()


async def ends(house: House) -> list[tuple[Any, ...]]:
    """(state, attempts) of each delivery, in the order in which they began."""
    found = await house.conn.fetch("SELECT d.state, d.attempts FROM app.alert_deliveries d ORDER BY d.began_at")
    return [tuple(row) for row in found]


async def test_a_slack_webhook_is_posted_to_as_often_as_it_takes_whoever_posts(
    paced: House, sandbox: RunningSandbox
) -> None:
    # S0.19 S2.02: two channels of one webhook, one message a second
    sandbox._call("/__control/limit", {"vendor": "slack", "limit": 1, "seconds": 1})
    url = by_slack(paced, sandbox)
    for name in ("day", "night"):
        await paced.channel(name, kind="slack", url=url)
    await opens(paced, "canary")
    assert sandbox._call("/__control/requests")["violations"].get("slack", 0) == 0
    await paced.persist()
    assert {state for state, _ in await ends(paced)} == {"sent"}
    assert sandbox._call("/__control/requests")["violations"].get("slack", 0) == 0
    assert sandbox.totals("slack")["requests"] == 2


@pytest.mark.slow
async def test_what_slack_says_to_one_worker_another_waits_for(
    paced: House, sandbox: RunningSandbox, db_url: str
) -> None:
    # S0.19 S2.02
    sandbox.fault("429", vendor="slack", retry_after_s=40)
    url = by_slack(paced, sandbox)
    await paced.channel(kind="slack", url=url)
    await opens(paced, "one")
    first, pool = paced.pacer, await open_pool(db_url, name="tests", size=2)
    paced.pacer = Pacer(pool, paced.settings)
    await opens(paced, "two")
    assert sandbox.totals("slack")["requests"] == 1
    waits = await paced.conn.fetch(
        "SELECT a.outcome, a.error_class FROM app.job_attempts a JOIN app.job_executions e ON e.id = a.execution_id"
        " WHERE e.job = 'alert.deliver' ORDER BY a.started_at"
    )
    assert [tuple(row) for row in waits] == [("snoozed", "vendor_busy"), ("snoozed", "paced")]
    await paced.conn.execute("DELETE FROM app.paces")
    paced.pacer = Pacer(pool, paced.settings)
    await paced.persist()
    assert {state for state, _ in await ends(paced)} == {"sent"}
    await paced.pacer.close()
    pool.terminate()
    paced.pacer = first


async def test_no_place_can_ask_for_a_wait_in_which_nobody_hears_that_it_fails(
    paced: House, sandbox: RunningSandbox
) -> None:
    # S0.19: an alert is given up after its tries, and then told on the other channels
    sandbox.fault("429", vendor="slack", retry_after_s=86_400)
    await paced.channel(kind="slack", url=by_slack(paced, sandbox))
    await opens(paced, "one", "two")
    waits = await paced.conn.fetch(
        "SELECT extract(epoch FROM a.retry_at - a.ended_at)::int FROM app.job_attempts a"
        " JOIN app.job_executions e ON e.id = a.execution_id WHERE e.job = 'alert.deliver'"
    )
    assert len(waits) == 2
    assert all(500 <= row[0] <= 660 for row in waits), waits


async def test_a_refusal_is_one_alerts_end_and_the_next_is_told(paced: House, receiver: Receiver) -> None:
    # S0.19: a channel that was mended is not left alone for the hour that a breaker might take
    receiver.answers = [404] * 4
    await paced.channel(kind="webhook", url=receiver.url)
    await opens(paced, *"abcde")
    assert [state for state, _ in await ends(paced)] == ["dead"] * 4 + ["sent"]
    assert await paced.conn.fetchval("SELECT count(*) FROM app.breakers WHERE state <> 'closed'") == 0


async def test_an_outage_spends_attempts_so_that_the_others_are_told(paced: House, receiver: Receiver) -> None:
    # S4.07: put off behind a breaker, nobody would hear that a channel fails
    receiver.usual = 503
    await paced.channel("down", kind="webhook", url=receiver.url)
    await opens(paced, "canary")
    await paced.persist()
    assert await ends(paced) == [("dead", 8)]
    assert "alert.channel_failing" in await paced.open()
