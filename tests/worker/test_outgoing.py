"""What leaves the house, through the ledger and over real HTTP, when the answer is lost: a message is never sent again, a record
for the CRM always, and it is there once.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest

from contracts.errors import Hopeless, VendorDown
from contracts.outgoing import Alert, CrmProbe, CrmRecord, OutgoingMessage
from contracts.providers import Operation
from db.transaction import Pool
from tests.conftest import Connection
from tests.providers.sandbox_fixture import RunningSandbox
from tests.worker.asking import attempt
from worker import ask
from worker.providers import registry

MESSAGE = {"to": "+6591234567", "parameters": ("Mei",), "reference": "lead-17:camp-3"}


@pytest.fixture
async def built(sandbox: RunningSandbox) -> AsyncIterator[registry.Registry]:
    made = registry.build(sandbox.settings())
    yield made
    await made.close()


def asked(sandbox: RunningSandbox, vendor: str, operation: str) -> int:
    lines = [line for line in sandbox.requests() if (line["vendor"], line["operation"]) == (vendor, operation)]
    return sum(line["count"] for line in lines)


@pytest.mark.parametrize(
    ("vendor", "form", "fault"),
    [
        ("whatsapp", "intro_facilities", "reset"),
        ("whatsapp", "intro_facilities", "timeout"),
        ("whatsapp", "intro_facilities", "500"),
        ("whatsapp", "intro_facilities", "garbage"),
        ("trengo", "98231", "reset"),
    ],
)
async def test_a_message_whose_answer_is_lost_is_not_sent_again(
    pool: Pool, tenant: UUID, sandbox: RunningSandbox, vendor: str, form: str, fault: str
) -> None:  # S2.02, design law 5
    settings = sandbox.settings(vendor_timeout_s=0.2) if fault == "timeout" else sandbox.settings()
    made = registry.build(settings)
    message = OutgoingMessage.model_validate({**MESSAGE, "template": form})
    sandbox.fault(fault, vendor=vendor)
    for _ in range(3):
        with pytest.raises(Hopeless):
            await ask.items(await attempt(pool, tenant), made.operation(f"{vendor}.send"), [message])
    assert asked(sandbox, vendor, "send") == 1
    await made.close()


async def test_a_message_that_was_sent_is_not_sent_again_when_its_job_runs_again(
    conn: Connection, pool: Pool, tenant: UUID, sandbox: RunningSandbox, built: registry.Registry
) -> None:  # S2.02, design law 5
    message = OutgoingMessage.model_validate({**MESSAGE, "template": "intro_facilities"})
    send = built.operation("whatsapp.send")
    replies = [(await ask.items(await attempt(pool, tenant), send, [message]))[0] for _ in range(2)]
    assert replies[0].value == replies[1].value
    assert asked(sandbox, "whatsapp", "send") == 1
    # A turned-down message stands for good as well: the next one needs a reference of its own.
    refused = message.model_copy(update={"to": "+6591234550"})
    outcomes = [(await ask.items(await attempt(pool, tenant), send, [refused]))[0].outcome for _ in range(2)]
    assert outcomes == ["suppressed", "suppressed"]
    assert asked(sandbox, "whatsapp", "send") == 2
    kept = await conn.fetchval("SELECT min(expires_at) > app.now() + interval '9 years' FROM app.vendor_items")
    assert kept


async def test_a_record_whose_answer_was_lost_is_sent_again_and_is_there_once(
    pool: Pool, tenant: UUID, sandbox: RunningSandbox, built: registry.Registry
) -> None:  # S3.07, design law 5
    upsert: Operation[Any, Any] = built.operation("odoo.upsert")
    record = CrmRecord(model="res.partner", external_id="headwater.company_1", values={"name": "Acme"})
    sandbox.fault("reset", vendor="odoo", path="/odoo/json/2/res.partner/load")
    with pytest.raises(VendorDown):
        await ask.items(await attempt(pool, tenant), upsert, [record])
    (first,) = await ask.items(await attempt(pool, tenant), upsert, [record])
    (second,) = await ask.items(await attempt(pool, tenant), upsert, [record])
    assert first.value == second.value
    loads = [line for line in sandbox.requests() if line["operation"] == "json2" and line["outcomes"].get("200")]
    assert loads, "each time Odoo was asked, and each time it was the same record"
    (standing,) = await ask.items(await attempt(pool, tenant), built.operation("odoo.check"), [CrmProbe()])
    assert standing.value is not None
    assert standing.value.can_create["res.partner"]


async def test_what_changed_back_is_sent_again(
    pool: Pool, tenant: UUID, sandbox: RunningSandbox, built: registry.Registry
) -> None:  # S3.07: a stored receipt must not stand in for a request
    upsert = built.operation("odoo.upsert")
    for phone in ("+65000000001", "+65000000002", "+65000000001"):
        values = {"name": "Acme", "phone": phone}
        record = CrmRecord(model="res.partner", external_id="headwater.company_1", values=values)
        await ask.items(await attempt(pool, tenant), upsert, [record])
    loads = [line for line in sandbox.requests() if line["vendor"] == "odoo" and line["operation"] == "json2"]
    assert sum(line["count"] for line in loads) == 4  # the fields once, three loads


async def test_an_alert_that_comes_back_is_told_again(
    pool: Pool, tenant: UUID, sandbox: RunningSandbox, built: registry.Registry
) -> None:  # S0.19
    post = built.operation("pagerduty.event")
    alert = Alert(key="provider:hunter:quota", summary="Hunter credits used up", severity="warning")
    for each in (alert, alert.model_copy(update={"resolved": True}), alert):
        (reply,) = await ask.items(await attempt(pool, tenant), post, [each])
        assert reply.outcome == "found"
    assert sandbox.totals("pagerduty")["requests"] == 3
