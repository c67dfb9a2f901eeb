"""Where alerts go, over real HTTP: each arrives, again and again under one name, and nobody's data with it."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import traceback
import urllib.request
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from contracts.errors import BadAnswer, VendorDown, VendorRefused
from contracts.outgoing import Alert, AlertReceipt
from contracts.providers import Operation, RequestKey
from tests.providers.sandbox_fixture import KEY, RunningSandbox
from worker.providers import pagerduty, slack, webhook
from worker.providers.alert_words import details, plain

Post = Operation[Alert, AlertReceipt]
Open = Callable[..., Post]
MAKERS = {"slack": slack.make, "pagerduty": pagerduty.make, "webhook": webhook.make}


def alert(**more: Any) -> Alert:
    words = {
        "key": "provider:hunter:quota", "summary": "Hunter credits used up", "severity": "warning", "component": "enrichment",
        "details": {"provider": "hunter", "left": 0, "share": 0.5, "nothing": None},
    }  # fmt: skip
    return Alert.model_validate(words | more)


@pytest.fixture
async def opened(sandbox: RunningSandbox) -> AsyncIterator[Open]:
    made: list[Any] = []

    def open_(vendor: str, **settings: Any) -> Post:
        made.extend(MAKERS[vendor](sandbox.settings(**settings)))
        found: Post = made[-1]
        return found

    yield open_
    for each in made:
        await each.close()


def seen(sandbox: RunningSandbox, path: str) -> Any:
    """What somebody at the other end would see."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(sandbox.url + path, timeout=10) as answer:
        return json.load(answer)


async def test_slack_gets_a_line_that_cannot_call_everybody(opened: Open, sandbox: RunningSandbox) -> None:  # S0.19
    post = opened("slack")
    (reply,) = await post.ask([alert(summary="Costs > 90 % <!channel> & more")], key="k")
    await post.ask([alert(resolved=True)], key="k2")
    assert reply.outcome == "found"
    first, second = seen(sandbox, "/slack/posted")
    assert first.startswith("*Warning* (enrichment): Costs &gt; 90 % &lt;!channel&gt; &amp; more\n")
    assert "• left: 0" in first
    assert "nothing" not in first
    assert second.startswith("*Resolved*")


async def test_pagerduty_has_one_incident_however_often_it_is_told_and_can_resolve_it(
    opened: Open, sandbox: RunningSandbox
) -> None:  # S0.19
    post = opened("pagerduty")
    for _ in range(2):
        (reply,) = await post.ask([alert()], key="k")
        assert reply.value == AlertReceipt(reference="provider:hunter:quota")
    (incident,) = seen(sandbox, "/pagerduty/incidents").values()
    assert (incident["state"], incident["count"], incident["payload"]["severity"]) == ("triggered", 2, "warning")
    assert incident["payload"]["custom_details"] == {"provider": "hunter", "left": 0, "share": 0.5}
    await post.ask([alert(resolved=True)], key="k")
    assert seen(sandbox, "/pagerduty/incidents")["provider:hunter:quota"]["state"] == "resolved"
    assert post.spec.resend


async def test_our_webhook_is_signed_and_keeps_its_id_when_it_is_sent_again(
    opened: Open, sandbox: RunningSandbox
) -> None:  # S0.19
    post = opened("webhook")
    sandbox.fault("500", vendor="webhook")
    with pytest.raises(VendorDown):
        await post.ask([alert(event_id="event-1")], key="call-1")
    await post.ask([alert(event_id="event-1")], key="call-2")
    (event,) = seen(sandbox, "/hook/received").values()
    assert event["times"] == 2, "the receiver saw the id before and drops it"
    headers = event["headers"]
    signed = f"{headers['x-headwater-timestamp']}.{event['body']}".encode()
    assert headers["x-headwater-signature"] == "sha256=" + hmac.new(KEY.encode(), signed, hashlib.sha256).hexdigest()
    assert headers["x-headwater-type"] == "alert.raised"
    body = json.loads(event["body"])
    assert (body["id"], body["alert"]["key"]) == ("event-1", "provider:hunter:quota")
    assert post.spec.resend


async def test_our_webhook_names_the_attempt_that_sends_it_beside_the_id_that_stays(
    opened: Open, sandbox: RunningSandbox
) -> None:
    post = opened("webhook")
    for token in (1, 3):
        await post.ask([alert()], key=RequestKey("call-1", f"execution-1.{token}"))
    (event,) = seen(sandbox, "/hook/received").values()
    assert (event["times"], event["headers"]["x-headwater-attempt"]) == (2, "execution-1.3")


@pytest.mark.parametrize("vendor", MAKERS)
async def test_nobodys_data_leaves_with_an_alert(opened: Open, sandbox: RunningSandbox, vendor: str) -> None:  # S0.19
    leaky = alert(
        summary="No mail to mei.tan@example.sg (+65 9123 4567)",
        component="https://www.linkedin.com/in/mei-tan-1",
        details={"who": "Mei <mei.tan@example.sg>", "rate": float("inf")},
    )
    await opened(vendor).ask([leaky], key="k")
    said = json.dumps([seen(sandbox, path) for path in ("/slack/posted", "/pagerduty/incidents", "/hook/received")])
    assert "No mail to" in said
    for personal in ("mei.tan", "9123", "in/mei"):
        assert personal not in said


@pytest.mark.parametrize(
    ("vendor", "settings", "hint"),
    [
        ("slack", {"path": "/slack/services/T0SECRET/B0SECRET/gone"}, "check SLACK_WEBHOOK_URL"),
        ("slack", {"path": "/hook?to=T0SECRET"}, "incoming webhook"),
        ("pagerduty", {"pagerduty_routing_key": "wrong-T0SECRET"}, "check PAGERDUTY_ROUTING_KEY"),
        ("slack", {"path": "http://127.0.0.1:9/services/T0SECRET"}, "cannot be reached"),
        ("webhook", {"alert_webhook_url": "http://127.0.0.1:9/T0SECRET"}, "cannot be reached"),
    ],
)
async def test_a_secret_address_is_in_no_error_and_no_log(
    opened: Open,
    sandbox: RunningSandbox,
    caplog: pytest.LogCaptureFixture,
    vendor: str,
    settings: dict[str, str],
    hint: str,
) -> None:  # S0.19
    caplog.set_level(logging.DEBUG)
    if path := settings.get("path"):
        settings = {"slack_webhook_url": path if path.startswith("http") else sandbox.url + path}
    with pytest.raises((VendorRefused, VendorDown, BadAnswer), match=hint) as caught:
        await opened(vendor, **settings).ask([alert()], key="k")
    said = "".join(traceback.format_exception(caught.value)) + caplog.text
    assert "T0SECRET" not in said


@pytest.mark.parametrize(
    ("vendor", "missing"),
    [
        ("slack", {"slack_webhook_url": None}),
        ("slack", {"slack_webhook_url": "hooks.slack.com/services/T0"}),
        ("pagerduty", {"pagerduty_routing_key": None}),
        ("webhook", {"alert_webhook_url": None}),
        ("webhook", {"alert_webhook_secret": None}),
    ],
)
def test_without_its_settings_it_is_absent(opened: Open, vendor: str, missing: dict[str, Any]) -> None:  # S3.05
    with pytest.raises(VendorRefused, match=next(iter(missing)).upper()) as caught:
        opened(vendor, **missing)
    assert caught.value.code == "vendor_absent"


def test_what_looks_personal_is_blanked_and_the_rest_stays() -> None:
    assert (
        plain("run 0190a-11 of 2026-11-22 03:00\n+27 11 555 1234, a@b.co")
        == "run 0190a-11 of 2026-11-22 03:00 [number], [e-mail]"
    )
    assert plain("spent +12 credits, 1,250 of 2,000") == "spent +12 credits, 1,250 of 2,000"
    assert details(alert(details={f"n{n}": n for n in range(50)})) == {f"n{n}": n for n in range(20)}
