"""Webhook endpoints over HTTP: registered with a secret that is shown once, changed, removed; nobody else's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import SecretStr

from contracts.tenants import Role
from tests.api.server_fixture import ABROAD, HOME, Served, served, settings_of_tests

URL = "/v1/webhook-endpoints"
BODY: dict[str, Any] = {"url": "https://hooks.karoo.co.za/x?y=1", "events": ["RunFinished", "LeadScored"]}


@pytest.fixture
def api(db_url: str) -> Iterator[Served]:
    settings = settings_of_tests(webhook_signing_key=SecretStr("a master key of the tests, long enough for it"))
    with served(db_url, settings) as running:
        yield running


def test_an_endpoint_is_made_shown_changed_and_removed(api: Served) -> None:
    made = api.client.post(URL, json=BODY, headers=api.as_(Role.OPS))
    assert (made.status_code, made.headers["cache-control"]) == (201, "no-store")
    secret = made.json()["secret"]
    assert secret.startswith("whsec_")
    address = f"{URL}/{made.json()['id']}"
    assert made.headers["location"] == address
    shown = api.client.get(address, headers=api.as_(Role.OPS)).json()
    assert "secret" not in shown
    assert (shown["events"], shown["enabled"], shown["ordering"]) == (["LeadScored", "RunFinished"], True, "none")
    everything = "".join(str(row) for row in api.rows("SELECT to_jsonb(e) FROM webhook_endpoints e"))
    everything += "".join(str(row) for row in api.rows("SELECT to_jsonb(a) FROM audit_log a"))
    assert secret not in everything
    changed = api.client.patch(address, json={"enabled": False, "ordering": "park"}, headers=api.as_(Role.OPS)).json()
    assert (changed["enabled"], changed["ordering"], changed["url"]) == (False, "park", BODY["url"])
    rotated = api.client.post(f"{address}/secret", headers=api.as_(Role.OPS)).json()["secret"]
    assert rotated != secret
    assert len(api.client.get(URL, headers=api.as_(Role.OPS)).json()["items"]) == 1
    assert api.client.delete(address, headers=api.as_(Role.OPS)).status_code == 204
    assert api.client.delete(address, headers=api.as_(Role.OPS)).json()["code"] == "endpoint_not_found"


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.karoo.co.za/", "https://127.0.0.1/", "https://[::1]/", "https://localhost/", "https://karoo.co.za:8443/",
        "https://me:pw@karoo.co.za/", "https://intranet/", "ftp://karoo.co.za/", "https://169.254.169.254/x", "https:///",
    ],
)  # fmt: skip
def test_addresses_that_cannot_be_public_are_refused(api: Served, url: str) -> None:
    answer = api.client.post(URL, json={**BODY, "url": url}, headers=api.as_(Role.OPS))
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_webhook_url")


def test_only_ops_and_only_their_own(api: Served) -> None:
    made = api.client.post(URL, json=BODY, headers=api.as_(Role.OPS)).json()
    assert api.client.post(URL, json=BODY, headers=api.as_(Role.ANALYST)).status_code == 403
    assert api.client.get(URL, headers=api.as_(Role.VIEWER)).status_code == 403
    abroad = api.as_(Role.OWNER, ABROAD)
    for method, path, body in (
        ("GET", "", None), ("PATCH", "", {"enabled": False}), ("POST", "/secret", None), ("DELETE", "", None),
    ):  # fmt: skip
        answer = api.client.request(method, f"{URL}/{made['id']}{path}", json=body, headers=abroad)
        assert answer.status_code == 404
    assert api.client.get(URL, headers=abroad).json()["items"] == []
    assert api.client.post(URL, json={**BODY, "events": ["Redelivery"]}, headers=api.as_(Role.OPS)).status_code == 400
    for _ in range(19):
        assert api.client.post(URL, json=BODY, headers=api.as_(Role.OPS)).status_code == 201
    full = api.client.post(URL, json=BODY, headers=api.as_(Role.OPS))
    assert (full.status_code, full.json()["code"]) == (409, "too_many_endpoints")
    assert api.tenants[HOME].id != api.tenants[ABROAD].id
