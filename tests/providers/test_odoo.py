"""Odoo over real HTTP, at both its doors: a record is there once, however often and however badly it was sent."""

from __future__ import annotations

import asyncio
import json
import logging
import traceback
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from contracts.errors import BadAnswer, VendorBusy, VendorDown, VendorRefused
from contracts.outgoing import CrmLookup, CrmProbe, CrmReceipt, CrmRecord, CrmSnapshot, CrmStanding
from contracts.providers import Operation, Reply
from tests.providers.sandbox_fixture import KEY, RunningSandbox
from worker.providers import odoo
from worker.providers.odoo_load import reading, row
from worker.providers.odoo_remote import major

Upsert = Operation[CrmRecord, CrmReceipt]
Check = Operation[CrmProbe, CrmStanding]
Connect = Callable[..., Awaitable[tuple[Upsert, Check]]]

#: How to reach each door: Odoo 19 by JSON-2 and by the older RPC, Odoo 16 as "auto" finds it.
DOORS: dict[str, dict[str, str]] = {
    "json2": {},
    "jsonrpc": {"odoo_transport": "jsonrpc"},
    "odoo16": {"path": "/odoo16"},
}


def partner(name: str = "Acme Workwear", number: int = 1, **values: Any) -> CrmRecord:
    return CrmRecord(model="res.partner", external_id=f"headwater.company_{number}", values={"name": name, **values})


def lead(number: int = 1, parent: str | None = "headwater.company_1", **values: Any) -> CrmRecord:
    return CrmRecord(
        model="crm.lead",
        external_id=f"headwater.lead_{number}",
        values={"name": "Acme Workwear: uniforms", "type": "lead", **values},
        parent_external_id=parent,
    )


@pytest.fixture
async def connect(sandbox: RunningSandbox) -> AsyncIterator[Connect]:
    made: list[Any] = []

    async def open_(path: str = "/odoo", **settings: Any) -> tuple[Upsert, Check]:
        operations = odoo.make(sandbox.settings(**{"odoo_url": sandbox.url + path, **settings}))
        made.extend(operations)
        return operations[0], operations[1]

    yield open_
    for each in made:
        await each.close()


def stored(sandbox: RunningSandbox, model: str, path: str = "/odoo") -> list[dict[str, Any]]:
    """What the stand-in keeps of `model`, asked without our adapter."""
    call = {"service": "object", "method": "execute_kw", "args": ["sandbox", 2, KEY, model, "search_read", [[]], {}]}
    body = json.dumps({"jsonrpc": "2.0", "method": "call", "id": 1, "params": call}).encode()
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(urllib.request.Request(f"{sandbox.url}{path}/jsonrpc", body), timeout=10) as answer:
        found: list[dict[str, Any]] = json.load(answer)["result"]
        return found


def lookup(number: int = 1, remote_id: int | None = None, *fields: str) -> CrmLookup:
    chosen = fields or ("name", "phone", "country_id", "is_company", "x_tier")
    return CrmLookup(model="res.partner", external_id=f"headwater.company_{number}", fields=chosen, remote_id=remote_id)


@pytest.fixture
async def reader(sandbox: RunningSandbox) -> AsyncIterator[Callable[..., Operation[CrmLookup, CrmSnapshot]]]:
    made: list[Any] = []

    def open_(path: str = "/odoo", **settings: Any) -> Operation[CrmLookup, CrmSnapshot]:
        operations = {
            one.spec.operation: one
            for one in odoo.make(sandbox.settings(**{"odoo_url": sandbox.url + path, **settings}))
        }
        made.extend(operations.values())
        return operations["read"]

    yield open_
    for each in made:
        await each.close()


def by_hand(sandbox: RunningSandbox, path: str, model: str, method: str, *arguments: Any) -> Any:
    """What somebody does in the stand-in, without our adapter."""
    call = {
        "service": "object",
        "method": "execute_kw",
        "args": ["sandbox", 2, KEY, model, method, list(arguments), {}],
    }
    body = json.dumps({"jsonrpc": "2.0", "method": "call", "id": 1, "params": call}).encode()
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(urllib.request.Request(f"{sandbox.url}{path}/jsonrpc", body), timeout=10) as answer:
        return json.load(answer)["result"]


def ids(replies: list[Reply[CrmReceipt]]) -> list[int]:
    return [reply.value.remote_id for reply in replies if reply.value]


@pytest.mark.parametrize("door", DOORS)
async def test_a_record_sent_twice_is_there_once_with_its_newest_values(
    connect: Connect, sandbox: RunningSandbox, door: str
) -> None:  # S3.07
    upsert, _ = await connect(**DOORS[door])
    path = DOORS[door].get("path", "/odoo")
    first = await upsert.ask([partner(phone="+65000000001"), lead(expected_revenue=1000.0, priority="2")], key="a")
    again = await upsert.ask([partner(phone="+65000000002"), lead(expected_revenue=2500.5, priority="2")], key="b")
    assert [reply.outcome for reply in (*first, *again)] == ["found"] * 4
    assert ids(first) == ids(again)
    (company,), (opportunity,) = stored(sandbox, "res.partner", path), stored(sandbox, "crm.lead", path)
    assert company["phone"] == "+65000000002"
    assert opportunity["partner_id"] == [company["id"], company["name"]]
    assert opportunity["expected_revenue"] == 2500.5
    assert upsert.spec.resend
    assert not upsert.spec.billable


@pytest.mark.parametrize("door", DOORS)
async def test_a_record_whose_answer_was_lost_is_there_once_after_it_is_sent_again(
    connect: Connect, sandbox: RunningSandbox, door: str
) -> None:  # S3.07, design law 5
    upsert, _ = await connect(**DOORS[door])
    path = DOORS[door].get("path", "/odoo")
    await upsert.ask([partner("Another", 2)], key="warm")
    sandbox.fault(
        "reset", vendor="odoo", path=f"{path}/json/2/res.partner/load" if door == "json2" else f"{path}/jsonrpc"
    )
    with pytest.raises(VendorDown) as caught:
        await upsert.ask([partner()], key="a")
    assert caught.value.sent
    assert len(stored(sandbox, "res.partner", path)) == 2, "Odoo acted before the connection was cut"
    (reply,) = await upsert.ask([partner()], key="a")
    assert reply.outcome == "found"
    assert len(stored(sandbox, "res.partner", path)) == 2


async def test_both_doors_lead_to_the_same_record(connect: Connect, sandbox: RunningSandbox) -> None:  # S3.07
    through_json2, through_rpc = (await connect())[0], (await connect(odoo_transport="jsonrpc"))[0]
    assert ids(await through_json2.ask([partner()], key="a")) == ids(await through_rpc.ask([partner()], key="b"))
    assert len(stored(sandbox, "res.partner")) == 1


@pytest.mark.parametrize("door", DOORS)
async def test_a_bad_record_does_not_lose_its_neighbours_and_says_why(
    connect: Connect, sandbox: RunningSandbox, door: str
) -> None:  # S3.07
    upsert, _ = await connect(**DOORS[door])
    batch = [
        partner("First", 1, email="a@first.example"),
        partner("Mei Tan", 2, email="no-address-of-hers"),
        partner("Third", 3, email="c@third.example"),
        lead(4, parent="headwater.nobody"),
        lead(5, parent="headwater.company_3"),
    ]
    replies = await upsert.ask(batch, key="a")
    assert [reply.outcome for reply in replies] == ["found", "invalid", "found", "invalid", "found"]
    assert "email" in (replies[1].note or "")
    assert "Mei Tan" not in (replies[1].note or "")
    assert "no-address-of-hers" not in (replies[1].note or "")
    assert "headwater.nobody" in (replies[3].note or "")
    path = DOORS[door].get("path", "/odoo")
    assert [each["name"] for each in stored(sandbox, "res.partner", path)] == ["First", "Third"]


async def test_a_large_batch_with_many_bad_rows_keeps_every_good_one(connect: Connect, sandbox: RunningSandbox) -> None:
    upsert, _ = await connect()
    batch = [partner("" if n % 7 == 0 else f"Company {n}", n) for n in range(100)]
    replies = await upsert.ask(batch, key="a")
    assert [reply.outcome == "invalid" for reply in replies] == [n % 7 == 0 for n in range(100)]
    assert sandbox.totals("odoo")["requests"] == 4  # version, fields, load, load without the bad ones


@pytest.mark.parametrize("door", DOORS)
async def test_fields_that_the_database_lacks_are_left_out_and_named(
    connect: Connect, sandbox: RunningSandbox, door: str
) -> None:  # S3.07: `mobile` went with version 19
    upsert, _ = await connect(**DOORS[door])
    (reply,) = await upsert.ask([partner(mobile="+65000000009", x_tier="A")], key="a")
    assert reply.value is not None
    assert reply.value.dropped == (("x_tier",) if door == "odoo16" else ("mobile", "x_tier"))


async def test_a_field_that_is_not_mentioned_keeps_its_value_and_none_clears_it(
    connect: Connect, sandbox: RunningSandbox
) -> None:
    upsert, _ = await connect()
    await upsert.ask([partner(phone="+65000000001", city="Singapore")], key="a")
    await upsert.ask([partner(phone=None), partner("Other", 2, city="Durban")], key="b")
    first = stored(sandbox, "res.partner")[0]
    assert (first["phone"], first["city"]) == (False, "Singapore")


@pytest.mark.parametrize("door", DOORS)
async def test_a_record_is_read_as_it_stands_archived_moved_or_gone(
    connect: Connect, reader: Callable[..., Operation[CrmLookup, CrmSnapshot]], sandbox: RunningSandbox, door: str
) -> None:  # S3.07
    upsert, _ = await connect(**DOORS[door])
    read, path = reader(**DOORS[door]), DOORS[door].get("path", "/odoo")
    first, second = ids(
        await upsert.ask(
            [partner(is_company=True, phone=None), partner("Other", 2, **{"country_id/id": "base.sg"})], key="a"
        )
    )
    replies = await read.ask([lookup(3), lookup(2), lookup(1)], key="r")
    assert [reply.outcome for reply in replies] == ["miss", "found", "found"]
    other, company = replies[1].value, replies[2].value
    assert company is not None
    assert other is not None
    assert company.values == {"name": "Acme Workwear", "phone": None, "country_id": None, "is_company": True}
    assert isinstance(other.values["country_id"], int)
    assert (company.remote_id, company.active) == (first, True)
    by_hand(sandbox, path, "res.partner", "write", [first], {"active": False})
    by_hand(sandbox, path, "ir.model.data", "repoint", "headwater.company_2", first)
    archived, moved = await read.ask([lookup(1, first), lookup(2, second)], key="r")
    assert archived.value is not None
    assert moved.value is not None
    assert (archived.value.active, moved.value.remote_id) == (False, first)
    by_hand(sandbox, path, "res.partner", "unlink", [first])
    assert [r.outcome for r in await read.ask([lookup(1, first), lookup(2, second)], key="r")] == ["miss", "miss"]


@pytest.mark.parametrize("door", DOORS)
async def test_whoever_may_not_read_names_reads_by_number(
    connect: Connect, reader: Callable[..., Operation[CrmLookup, CrmSnapshot]], sandbox: RunningSandbox, door: str
) -> None:  # S3.07: newer servers keep names from ordinary users
    upsert, _ = await connect(**DOORS[door], odoo_api_key="ordinary-key-123")
    read = reader(**DOORS[door], odoo_api_key="ordinary-key-123")
    (number,) = ids(await upsert.ask([partner()], key="a"))
    (reply,) = await read.ask([lookup(1, number)], key="r")
    assert reply.value is not None
    assert reply.value.values["name"] == "Acme Workwear"
    assert [reply.outcome for reply in await read.ask([lookup(1), lookup(1, number)], key="r")] == ["miss", "found"]


async def test_the_partner_is_loaded_before_what_belongs_to_it(connect: Connect) -> None:
    upsert, _ = await connect()
    contact = CrmRecord(
        model="res.partner",
        external_id="headwater.contact_1",
        values={"name": "Mei Tan"},
        parent_external_id="headwater.company_1",
    )
    replies = await upsert.ask([lead(parent="headwater.contact_1"), contact, partner()], key="a")
    assert [reply.outcome for reply in replies] == ["found"] * 3


@pytest.mark.parametrize("door", DOORS)
async def test_the_connection_is_tried_without_changing_anything(
    connect: Connect, sandbox: RunningSandbox, door: str
) -> None:  # S3.16
    _, check = await connect(**DOORS[door])
    (reply,) = await check.ask([CrmProbe(models=("res.partner", "crm.lead", "sale.order"))], key="a")
    assert reply.value is not None
    assert reply.value.version == ("16.0" if door == "odoo16" else "19.0")
    assert reply.value.transport == ("json2" if door == "json2" else "jsonrpc")
    assert reply.value.user == "sandbox@example.com"
    assert reply.value.can_create == {"res.partner": True, "crm.lead": True, "sale.order": False}


@pytest.mark.parametrize("door", DOORS)
async def test_a_wrong_key_is_named_and_never_shown(
    connect: Connect, caplog: pytest.LogCaptureFixture, door: str
) -> None:  # S3.16
    caplog.set_level(logging.DEBUG)
    upsert, check = await connect(**DOORS[door], odoo_api_key="wrong-key-123456")
    for asking in (check.ask([CrmProbe()], key="a"), upsert.ask([partner()], key="a")):
        with pytest.raises(VendorRefused, match="check ODOO_API_KEY") as caught:
            await asking
        assert caught.value.code == "vendor_auth"
        said = "".join(traceback.format_exception(caught.value)) + caplog.text
        assert "wrong-key-123456" not in said
        assert "Traceback (most recent call last): ..." not in said, "the server's own traceback"


@pytest.mark.parametrize("door", DOORS)
async def test_with_a_wrong_key_nothing_looks_absent(
    reader: Callable[..., Operation[CrmLookup, CrmSnapshot]], door: str
) -> None:  # S3.16: what is absent is made anew
    with pytest.raises(VendorRefused, match="check ODOO_API_KEY") as caught:
        await reader(**DOORS[door], odoo_api_key="wrong-key-123456").ask([lookup(1)], key="r")
    assert caught.value.code == "vendor_auth"


@pytest.mark.parametrize("door", ["json2", "odoo16"])
async def test_an_app_that_is_not_installed_is_named(connect: Connect, door: str) -> None:
    upsert, _ = await connect(**DOORS[door])
    other = CrmRecord(model="sale.order", external_id="headwater.order_1", values={"name": "x"})
    with pytest.raises(VendorRefused, match="install its app") as caught:
        await upsert.ask([other], key="a")
    assert caught.value.code == "vendor_rejected_request"


async def test_a_wrong_database_is_named(connect: Connect) -> None:
    upsert, _ = await connect(odoo_transport="jsonrpc", odoo_database="elsewhere")
    with pytest.raises(VendorRefused, match="ODOO_DATABASE"):
        await upsert.ask([partner()], key="a")


async def test_a_busy_server_is_busy_and_a_broken_one_is_down(connect: Connect, sandbox: RunningSandbox) -> None:
    upsert, _ = await connect()
    await upsert.ask([partner()], key="warm")
    for kind, error in (
        ("429", VendorBusy),
        ("502", VendorDown),
        ("503", VendorDown),
        ("garbage", BadAnswer),
        ("shape", BadAnswer),
    ):
        sandbox.fault(kind, vendor="odoo", path="/odoo/json/2/res.partner/load")
        with pytest.raises(error):
            await upsert.ask([partner()], key="a")


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    ("model", "error", "code", "words"),
    [
        ("x.busy", VendorDown, "vendor_down", "odoo"),
        ("x.secret", VendorRefused, "vendor_auth", "You are not allowed"),
    ],
)
async def test_what_odoo_says_by_exception_is_told_apart_at_both_doors(
    connect: Connect, door: str, model: str, error: type[VendorDown | VendorRefused], code: str, words: str
) -> None:
    upsert, _ = await connect(**DOORS[door])
    record = CrmRecord(model=model, external_id="headwater.x_1", values={"name": "x"})
    with pytest.raises(error, match=words) as caught:
        await upsert.ask([record], key="a")
    assert caught.value.code == code


async def test_two_askers_at_once_find_the_door_once(connect: Connect, sandbox: RunningSandbox) -> None:
    upsert, _ = await connect()
    await asyncio.gather(*(upsert.ask([partner(f"Company {n}", n)], key=str(n)) for n in range(4)))
    asked = [line for line in sandbox.requests() if line["operation"] == "version"]
    assert [line["count"] for line in asked] == [1]


def test_without_its_settings_it_is_absent(sandbox: RunningSandbox) -> None:  # S3.05, S3.16
    for missing in ("odoo_url", "odoo_api_key"):
        with pytest.raises(VendorRefused, match=missing.upper()) as caught:
            odoo.make(sandbox.settings(**{missing: None}))
        assert caught.value.code == "vendor_absent"


async def test_the_older_door_wants_a_login(connect: Connect) -> None:
    upsert, _ = await connect(path="/odoo16", odoo_login=None)
    with pytest.raises(VendorRefused, match="ODOO_LOGIN") as caught:
        await upsert.ask([partner()], key="a")
    assert caught.value.code == "vendor_absent"


def test_values_become_text_as_an_import_wants_it() -> None:
    record = partner(is_company=True, active=False, color=3.0, latitude=1.25, phone=None)
    known = frozenset({"name", "is_company", "active", "color", "latitude", "phone", "parent_id"})
    made = row(0, record, known)
    assert dict(zip(made.columns, made.cells, strict=True)) == {
        "id": "headwater.company_1", "name": "Acme Workwear", "is_company": "1", "active": "0", "color": "3",
        "latitude": "1.25", "phone": "",
    }  # fmt: skip


def test_an_import_that_saved_nothing_is_no_success() -> None:  # providers.md 18.3: ids false with status 200
    message = {"type": "error", "message": "no", "field": "email", "rows": {"from": 1, "to": 2}, "record": 1}
    loaded = reading({"ids": False, "messages": [{"type": "warning", "message": "w"}, message], "nextrow": 0}, 4)
    assert (loaded.ids, loaded.reasons) == (None, {1: "email: no", 2: "email: no"})
    assert reading({"ids": False, "messages": []}, 2).reason == "Odoo saved nothing and gave no reason"
    answers: tuple[Any, ...] = ({"ids": [1]}, {"ids": [1, None]}, {"ids": True}, [], None, {"ids": [1, 0]})
    for answer in answers:
        with pytest.raises(BadAnswer):
            reading(answer, 2)


@pytest.mark.parametrize(
    ("version", "number"), [("19.0", 19), ("saas~18.4+e", 18), ("19.0-20260504", 19), ("master", 0)]
)
def test_the_version_is_read_in_all_its_forms(version: str, number: int) -> None:
    assert major(version) == number
