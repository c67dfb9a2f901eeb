"""The register's webhook and what is shown of it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import pytest
from pydantic import SecretStr

from contracts.staging import MAX_ROWS
from contracts.tenants import SYSTEM_TENANT, Role
from tests.api.server_fixture import ABROAD, HOME, Served, served, settings_of_tests
from tests.staging.rows import row

SECRET = "the secret of the register's webhook"
OPEN = {"x-webhook-secret": SECRET}


@pytest.fixture
def api(db_url: str) -> Iterator[Served]:
    settings = settings_of_tests(acra_webhook_secret=SecretStr(SECRET), api_max_body_bytes=5_000_000)
    with served(db_url, settings) as running:
        yield running


def send(api: Served, rows: object, **headers: str) -> httpx.Response:
    return api.client.post("/v1/staging/acra", json=rows, headers=headers or OPEN)


def test_rows_are_stored_once_and_every_tenant_reads_the_same(api: Served) -> None:
    # S3.18 R18
    sent = [row(1), row(2), row(3, entity_name="na"), "no row"]
    first = send(api, sent)
    assert first.status_code == 200, first.text
    told = {"read": 4, "new": 2, "changed": 0, "unchanged": 0, "dropped": 2, "repeated": 0}
    bad = ["row 3: 200000003K has no entity_name", "row 4: is no object with ACRA's column names"]
    assert first.json() == {**told, "bad": bad}
    lines = "\n".join(json.dumps(each) for each in (row(1), row(2, entity_name="NEW NAME"), row(4))) + "\n{nonsense\n"
    again = api.client.post(
        "/v1/staging/acra",
        content=lines,
        headers={"Authorization": f"Bearer {SECRET}", "Content-Type": "application/x-ndjson"},
    )
    assert {**again.json(), "bad": None} == {
        "read": 4, "new": 1, "changed": 1, "unchanged": 1, "dropped": 1, "repeated": 0, "bad": None,
    }  # fmt: skip
    owners = api.rows("SELECT DISTINCT tenant_id FROM staging_acra_companies")
    assert [each["tenant_id"] for each in owners] == [SYSTEM_TENANT]
    shown = [
        api.client.get("/v1/staging/acra", params={"limit": 2}, headers=api.as_(Role.VIEWER, tenant)).json()
        for tenant in (HOME, ABROAD)
    ]
    assert shown[0] == shown[1]
    assert len(shown[0]["items"]) == 2
    rest = api.client.get(
        "/v1/staging/acra", params={"cursor": shown[0]["next_cursor"]}, headers=api.as_(Role.VIEWER)
    ).json()
    names = {each["entity_name"] for each in (*shown[0]["items"], *rest["items"])}
    assert names == {"ZEBRA 1 PTE. LTD.", "NEW NAME", "ZEBRA 4 PTE. LTD."}
    newest = max(each["changed_at"] for each in shown[0]["items"])
    later = api.client.get("/v1/staging/acra", params={"since": newest}, headers=api.as_(Role.VIEWER)).json()
    assert {each["entity_name"] for each in later["items"]} >= {each["entity_name"] for each in rest["items"]}
    status = api.client.get("/v1/staging", headers=api.as_(Role.VIEWER)).json()
    assert (status["companies"], len(status["imports"]), status["imports"][0]["rows_read"]) == (3, 1, 8)


def test_what_a_tenant_writes_itself_is_shown_to_nobody(api: Served) -> None:
    """The register is what the reserved tenant holds: a row of somebody else's is no part of it, not even for its writer."""
    # S3.18 R18
    send(api, [row(1)])
    mine = "INSERT INTO staging_acra_companies (tenant_id, uen, entity_name, source, content_hash)"
    api.rows(f"{mine} VALUES ($1, '299900001X', 'FORGED', 'file', '')", api.tenants[ABROAD].id)
    for tenant in (HOME, ABROAD):
        headers = api.as_(Role.OWNER, tenant)
        assert api.client.get("/v1/staging/acra/299900001X", headers=headers).status_code == 404
        assert api.client.get("/v1/staging/acra/200000001k", headers=headers).json()["uen"] == "200000001K"
        assert "FORGED" not in api.client.get("/v1/staging/acra", headers=headers).text


def test_the_wrong_secret_opens_nothing(api: Served) -> None:
    # S3.18
    for name, value in (
        ("x-webhook-secret", "wrong"),
        ("x-webhook-secret", SECRET[:-1]),
        ("x-webhook-secret", ""),
        ("x-webhook-secret", "\xe9\xe8"),
        ("Authorization", "Bearer wrong"),
        ("Authorization", f"Basic {SECRET}"),
        ("x-job-secret", SECRET),
    ):
        headers = [(name.encode(), value.encode("latin-1"))]
        answer = api.client.post("/v1/staging/acra", json=[row(1)], headers=headers)
        assert answer.status_code == 401, (name, value)
        assert SECRET not in answer.text
    assert api.count("staging_acra_companies") == 0


def test_no_role_and_no_job_secret_opens_the_webhook_and_unset_it_is_shut(api: Served) -> None:
    # S3.18
    for role in Role:
        assert send(api, [row(1)], **api.as_(role)).status_code == 401
    api.app.state.settings = settings_of_tests(acra_webhook_secret=None)
    assert send(api, [row(1)]).status_code == 401
    api.app.state.settings = settings_of_tests(acra_webhook_secret=SecretStr(""))
    assert send(api, [row(1)], Authorization="Bearer x").status_code == 401
    assert api.count("staging_acra_companies") == 0


def test_what_is_no_list_of_rows_is_refused_with_a_reason(api: Served) -> None:
    many = json.dumps([{}] * (MAX_ROWS + 1)).encode()
    for body, status in ((b"{", 400), (b'"text"', 400), (b'{"rows": 1}', 400), (b"[" * 5000, 400), (many, 413)):
        answer = api.client.post("/v1/staging/acra", content=body, headers={**OPEN, "Content-Type": "application/json"})
        assert answer.status_code == status, body[:20]
        assert answer.headers["content-type"] == "application/problem+json"
    assert api.count("staging_imports") == 0
