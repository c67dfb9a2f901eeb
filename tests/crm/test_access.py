"""Where a tenant's CRM may stand, and which key may be sent there: nobody has a key sent to an address of theirs."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from contracts.crm_access import CrmAccess, check, own_reference
from contracts.errors import HeadwaterError, Invalid, VendorRefused
from contracts.outgoing import CrmProbe
from contracts.settings import Settings
from tests.providers.sandbox_fixture import RunningSandbox
from worker.providers.odoo_tenants import TenantOdoos

OWN = "ODOO_API_KEY_ACME_SA"


def settings(**given: Any) -> Settings:
    fresh = Settings.model_construct().model_dump()
    return Settings.model_construct(**{**fresh, "odoo_url": "http://10.0.0.5:8069/odoo", **given})


def access(url: str = "https://acme.odoo.com", ref: str = OWN, **more: Any) -> CrmAccess:
    return CrmAccess(slug="acme-sa", url=url, secret_ref=ref, **more)


def test_a_tenants_key_bears_its_name() -> None:
    # S3.16
    assert own_reference("acme-sa") == OWN
    check(access(), settings())
    for url in ("https://abc.de", "https://8.8.8.8", "https://acme.odoo.com:8069/path", "HTTPS://ACME.Odoo.com"):
        check(access(url), settings())


@pytest.mark.parametrize(
    "ref",
    [
        "ODOO_API_KEY_OTHER",
        "ODOO_API_KEY_ACME",
        "JWT_SECRET",
        "DATABASE_URL",
        "ODOO_API_KEY",
        "ODOO_URL",
        "",
        "odoo_api_key_acme_sa",
    ],
)
def test_any_other_name_is_refused_and_the_right_one_said(ref: str) -> None:
    # S3.16
    with pytest.raises(Invalid, match=OWN) as refused:
        check(access(ref=ref), settings())
    assert refused.value.code == "crm_secret_refused"


def test_the_houses_key_goes_to_the_houses_server_only() -> None:
    # S3.16
    for url in ("http://10.0.0.5:8069/odoo16", "http://10.0.0.5:8069"):
        check(access(url, "ODOO_API_KEY"), settings())
    for url in (
        "http://10.0.0.5:8070",
        "https://10.0.0.5:8069",
        "https://evil.example",
        "http://10.0.0.5:8069@evil.example/",
    ):
        with pytest.raises(Invalid):
            check(access(url, "ODOO_API_KEY"), settings())
    with pytest.raises(Invalid, match="ODOO_URL only"):
        check(access(ref="ODOO_API_KEY"), settings(odoo_url=None))


@pytest.mark.parametrize(
    "url",
    [
        "http://acme.odoo.com", "https://localhost", "https://10.0.0.6", "https://127.0.0.1", "https://[::1]", "https://169.254.169.254",
        "https://intranet", "https://db.internal", "https://0x7f000001", "https://2130706433", "https://127.1", "https://user@acme.odoo.com",
        "ftp://acme.odoo.com", "file:///etc/passwd", "https://", "acme.odoo.com", "https://printer.local.", "https://acme.com:99999",
        "https://acme.com\\@10.0.0.6", "https://[::ffff:10.0.0.1]", "https://0177.0.0.1", "https://192.168.0.1.",
    ],
)  # fmt: skip
def test_an_address_that_is_not_the_open_internets_is_refused(url: str) -> None:
    # S3.16
    with pytest.raises(Invalid) as refused:
        check(access(url), settings())
    assert refused.value.code == "crm_url_refused"


def test_an_operator_may_allow_a_host_by_name() -> None:
    check(access("http://odoo.lan:8069"), settings(odoo_private_hosts=("odoo.lan",)))
    with pytest.raises(Invalid, match="ODOO_PRIVATE_HOSTS"):
        check(access("https://other.lan"), settings(odoo_private_hosts=("odoo.lan",)))


@pytest.mark.parametrize("transport", ["json2", "jsonrpc"])
async def test_a_name_that_resolves_into_a_private_network_is_not_dialled(
    monkeypatch: pytest.MonkeyPatch, transport: Any
) -> None:
    # S3.16: DNS may say something else than the name promises
    heard: list[Any] = []
    with socket.create_server(("127.0.0.1", 0)) as trap:
        trap.settimeout(0.2)
        port = trap.getsockname()[1]
        place = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_a, **_k: [place])
        monkeypatch.setenv(OWN, "a-key-of-acme-123")
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
        crms = TenantOdoos(settings())
        where = access(f"https://acme.odoo.com:{port}", transport=transport, database="acme", login="x")
        with pytest.raises(VendorRefused, match="private network") as refused:
            await crms.operations(where)["check"].ask([CrmProbe()], key="k")
        assert "a-key-of-acme-123" not in str(vars(refused.value))
        with pytest.raises(TimeoutError):
            heard.append(trap.accept())
        await crms.close()
    assert heard == []


async def test_a_tenants_own_key_is_read_from_its_setting_only(
    sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    # S3.16
    crms = TenantOdoos(sandbox.settings())
    where = access(sandbox.url + "/odoo", transport="auto", database="sandbox")
    with pytest.raises(VendorRefused, match=f"there is no {OWN}"):
        crms.operations(where)
    monkeypatch.setenv(OWN, "wrong-key-98765")
    with pytest.raises(HeadwaterError, match=f"check {OWN}") as refused:
        await crms.operations(where)["check"].ask([CrmProbe()], key="k")
    assert "wrong-key-98765" not in str(vars(refused.value))
    monkeypatch.setenv(OWN, "a-better-key")
    operations = crms.operations(where)
    (reply,) = await operations["check"].ask([CrmProbe()], key="k")
    assert reply.value is not None
    assert reply.value.user == "sandbox@example.com"
    assert crms.operations(where) is operations, "kept while nothing changes"
    other = crms.operations(access(sandbox.url + "/odoo16", database="sandbox", login="sandbox@example.com"))
    assert other["check"].credential != operations["check"].credential, "one server's breaker is not the other's"  # type: ignore[attr-defined]
    await crms.close()
