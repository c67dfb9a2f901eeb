"""What vendors tell us over real HTTP: only signed, only about our messages, each thing once."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from contracts.signatures import signature
from contracts.tenants import Role
from tests.api.server_fixture import HOME, Served, served, settings_of_tests
from tests.conftest import Databases

TRENGO, META, TOKEN = SecretStr("trengo's secret"), SecretStr("meta's secret"), SecretStr("a token")
PHONE = "+27821234567"


@pytest.fixture(scope="module")
def told(databases: Databases, template: str) -> Iterator[Served]:
    url = databases.create(template)
    settings = settings_of_tests(trengo_webhook_secret=TRENGO, whatsapp_app_secret=META, whatsapp_verify_token=TOKEN)
    with served(url, settings) as running:
        yield running
    databases.drop(url)


def trengo(
    api: Served, body: bytes, *, secret: SecretStr = TRENGO, at: float | None = None, tenant: str = HOME
) -> httpx.Response:
    moment = str(int(time.time() if at is None else at))
    headers = {
        "Trengo-Signature": f"{moment};{signature(secret, body, moment)}",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    return api.client.post(f"/v1/webhooks/trengo/{tenant}", content=body, headers=headers)


def whatsapp(api: Served, value: dict[str, Any], *, secret: SecretStr = META) -> httpx.Response:
    entry = [{"id": "1", "changes": [{"field": "messages", "value": value}]}]
    body = json.dumps({"object": "whatsapp_business_account", "entry": entry}).encode()
    headers = {"X-Hub-Signature-256": f"sha256={signature(secret, body)}", "Content-Type": "application/json"}
    return api.client.post(f"/v1/webhooks/whatsapp/{HOME}", content=body, headers=headers)


def checked(api: Served, phone: str) -> dict[str, Any]:
    body = {"channel": "whatsapp", "phones": [phone]}
    answer: dict[str, Any] = api.client.post("/v1/suppressions/check", json=body, headers=api.as_(Role.VIEWER)).json()
    return answer


def test_an_unsigned_or_old_call_is_refused_and_changes_nothing(told: Served) -> None:  # R20
    body = b"message_id=9&contact_identifier=%2B27820000009&message=STOP"
    assert trengo(told, body, secret=SecretStr("guess")).status_code == 401
    assert trengo(told, body, at=time.time() - 3600).json()["code"] == "stale_signature"
    assert told.client.post(f"/v1/webhooks/trengo/{HOME}", content=body).status_code == 401
    assert whatsapp(told, {"messages": []}, secret=TRENGO).status_code == 401
    assert not checked(told, "+27820000009")["suppressed"]


def test_a_stop_is_heeded_once_and_a_resume_takes_it_back(told: Served) -> None:  # R20
    body = b"message_id=1&contact_identifier=%2B27821234567&message=STOP"
    first, again = trengo(told, body), trengo(told, body)
    assert (first.json()["suppressed"], again.json()["repeated"]) == (1, 1)
    assert checked(told, PHONE)["entry"]["reason"] == "opt_out"
    wish = {"wa_id": "27829999999", "timestamp": "1767600000"}
    assert whatsapp(told, {"user_preferences": [{**wish, "value": "stop"}]}).json()["suppressed"] == 1
    assert checked(told, "+27829999999")["suppressed"]
    assert (
        whatsapp(told, {"user_preferences": [{**wish, "timestamp": "1767700000", "value": "resume"}]}).json()["applied"]
        == 1
    )
    assert not checked(told, "+27829999999")["suppressed"]
    assert checked(told, PHONE)["suppressed"], "what another vendor was told stands"


def test_what_is_about_no_message_of_ours_is_counted(told: Served) -> None:  # S2.02
    report = {"id": "wamid.unknown", "status": "delivered", "timestamp": "1767600000"}
    answer = whatsapp(told, {"statuses": [report, {"id": "x", "status": "odd"}]})
    assert (answer.status_code, answer.json()["unknown"], answer.json()["dropped"]) == (200, 1, 1)


def test_bad_bodies_and_tenants_are_named(told: Served) -> None:
    assert trengo(told, b"contact_identifier=1").status_code == 400
    body = b"[]"
    headers = {"X-Hub-Signature-256": f"sha256={signature(META, body)}"}
    assert told.client.post(f"/v1/webhooks/whatsapp/{HOME}", content=body, headers=headers).status_code == 400
    assert trengo(told, b"message_id=1", tenant="nobody").status_code == 404
    assert trengo(told, b"message_id=1", tenant="system").status_code == 404


def test_meta_is_answered_when_it_sets_the_webhook_up(told: Served) -> None:
    asked = {"hub.mode": "subscribe", "hub.verify_token": "a token", "hub.challenge": "1158201444"}
    answer = told.client.get(f"/v1/webhooks/whatsapp/{HOME}", params=asked)
    assert (answer.status_code, answer.text) == (200, "1158201444")
    assert answer.headers["content-type"].startswith("text/plain")
    for wrong in ({"hub.verify_token": "guess"}, {"hub.challenge": "<script>"}, {"hub.mode": "x"}):
        assert told.client.get(f"/v1/webhooks/whatsapp/{HOME}", params=asked | wrong).status_code == 401


def test_without_secrets_the_doors_are_shut(shared_api: Served) -> None:
    empty = SecretStr("")
    assert trengo(shared_api, b"message_id=1", secret=empty).status_code == 401
    assert whatsapp(shared_api, {}, secret=empty).status_code == 401
    asked = {"hub.mode": "subscribe", "hub.verify_token": "", "hub.challenge": "1"}
    assert shared_api.client.get(f"/v1/webhooks/whatsapp/{HOME}", params=asked).status_code == 401
