"""From a HIGH lead to a delivered message, over the real dispatcher, queue and frame and the sandbox's vendors."""

from __future__ import annotations

import json
from uuid import UUID

import pytest

from contracts import messages_in
from contracts.errors import Conflict
from contracts.messages import WebhookCounts
from db import message_events, suppressions
from db.transaction import transaction
from tests.conftest import Connection
from tests.messaging.house import PHONE, House


def report(reference: str, status: str, number: str = "wamid.X", **more: object) -> bytes:
    said = {"id": number, "status": status, "timestamp": "1767600000", "biz_opaque_callback_data": reference, **more}
    value = {"messaging_product": "whatsapp", "statuses": [said]}
    entry = [{"id": "1", "changes": [{"field": "messages", "value": value}]}]
    return json.dumps({"object": "whatsapp_business_account", "entry": entry}).encode()


async def hear(house: House, body: bytes) -> WebhookCounts:
    async with transaction(house.pool, house.tenant) as tx:
        return await message_events.receive(tx, house.tenant, messages_in.read_whatsapp(body))


async def test_a_high_lead_is_drafted_by_a_model_approved_sent_and_delivered(house: House) -> None:
    # S2.02 S2.11 R20
    await house.decide(vendor="whatsapp", sender="Well Crafted")
    lead = await house.lead()
    await house.may_write(lead)
    draft = await house.drafted(lead)
    assert (draft.state, draft.written_by, draft.language, draft.notes) == ("draft", "model", "en", [])
    assert draft.body.startswith("Hello Thandi, this is Well Crafted. Karoo Workwear (Pty) Ltd stood out")
    assert house.asked("whatsapp") == 0, "nothing goes out without a person's word"

    approved = await house.approve(lead)
    assert (approved.state, approved.approved_by, approved.vendor) == ("approved", "ada", "whatsapp")
    assert await house.work() == ["message.send"]
    sent = await house.message(lead)
    assert sent.state == "sent"
    assert sent.vendor_ref
    assert house.asked("whatsapp") == 1

    for status in ("delivered", "read", "delivered"):
        await hear(house, report(str(sent.id), status, sent.vendor_ref))
    seen = await house.message(lead)
    assert seen.state == "read"
    assert seen.delivered_at is not None
    assert seen.read_at is not None
    assert [(e.kind, e.status) for e in seen.events] == [("report", "delivered"), ("report", "read")]


async def test_it_is_sent_through_trengo_when_nothing_else_is_said(house: House) -> None:  # S2.02
    lead = await house.lead()
    await house.may_write(lead)
    await house.drafted(lead)
    await house.approve(lead)
    await house.work()
    sent = await house.message(lead)
    assert (sent.state, sent.vendor) == ("sent", "trengo")
    assert (house.asked("trengo"), house.asked("whatsapp")) == (1, 0)


@pytest.mark.parametrize(
    ("name", "settings", "words"),
    [
        ("Karoo Workwear", {"langchain_model": None}, "no model is set up"),
        ("Karoo Workwear", {"openai_daily_tokens_cap": 1}, "budget_spent"),
        ("Karoo [[always wrong]]", {}, "the model gave no answer"),
        ("Karoo [[refuse]]", {}, "the model gave no answer"),
    ],
)
async def test_without_a_model_a_budget_or_a_good_answer_the_template_speaks(
    house: House, name: str, settings: dict[str, object], words: str
) -> None:  # S2.02 S2.11
    house.settings = house.sandbox.settings(**settings)
    draft = await house.drafted(await house.lead(name))
    assert (draft.state, draft.written_by) == ("draft", "template")
    assert words in draft.notes[0]
    assert f"We work with companies like {name}" in draft.body


async def test_an_answer_in_another_language_is_not_taken(house: House) -> None:  # S2.02
    draft = await house.drafted(await house.lead("Weber", country="DE", phone="+4930123456", domain="weber.de"))
    assert (draft.language, draft.written_by) == ("de", "template")
    assert "another language" in draft.notes[0]
    assert draft.body.startswith("Guten Tag Thandi")


async def test_a_lead_has_one_draft_however_often_it_is_scored(house: House, conn: Connection) -> None:  # S2.11
    lead = await house.lead()
    first = await house.drafted(lead)
    await conn.execute("UPDATE app.feature_snapshots SET source_version = 'old'")
    await house.scored(lead)
    assert await house.work() == ["message.generate"]
    assert (await house.message(lead)).id == first.id


async def test_who_opted_in_needs_no_person_but_everything_else(house: House) -> None:  # R20
    await house.decide(auto_send=True)
    without = await house.drafted(await house.lead("Limpopo Uniforms"))
    assert (without.state, house.asked("trengo")) == ("draft", 0)
    assert "no_consent" in without.notes[-1]
    lead = await house.lead()
    await house.may_write(lead)
    sent = await house.drafted(lead)
    assert (sent.state, sent.approved_by) == ("sent", "policy")


async def test_what_is_missing_is_said_when_somebody_approves(house: House) -> None:  # R20
    lead = await house.lead(phone="021 123 4567")
    await house.drafted(lead)

    async def refusal() -> str:
        with pytest.raises(Conflict) as refused:
            await house.approve(lead)
        return refused.value.code

    assert await refusal() == "no_phone"
    await house.conn.execute("UPDATE app.contacts SET phone = $1", PHONE)
    assert await refusal() == "no_consent"
    await house.decide(regions={"ZA": "deny"})
    assert await refusal() == "region_denied"
    await house.decide(regions={"ZA": "allow"})
    assert await refusal() == "no_template"
    await house.template(body="Other words {{1}} {{2}} {{3}}")
    assert await refusal() == "template_changed"
    async with transaction(house.pool, house.tenant) as tx:
        await suppressions.add(tx, house.tenant, "any", "domain", "karoo.co.za", by="t")
    assert await refusal() == "suppressed"
    assert (await house.message(lead)).state == "draft"


async def test_nobody_who_is_suppressed_gets_a_draft_that_could_be_sent(house: House) -> None:  # R20
    async with transaction(house.pool, house.tenant) as tx:
        await suppressions.add(tx, house.tenant, "any", "email", "thandi@karoo.co.za", by="t")
    draft = await house.drafted(await house.lead())
    assert draft.state == "suppressed"
    assert "suppression list" in (draft.reason or "")


async def test_a_number_that_stopped_our_messages_is_remembered(house: House) -> None:  # S2.02
    await house.decide(vendor="whatsapp", regions={"ZA": "allow"})
    await house.template()
    lead = await house.lead(phone="+27821234550")
    await house.drafted(lead)
    await house.approve(lead)
    await house.work()
    message = await house.message(lead)
    assert (message.state, house.asked("whatsapp")) == ("failed", 1)
    async with transaction(house.pool, house.tenant) as tx:
        hit = await suppressions.hit(tx, house.tenant, "whatsapp", phones=["+27821234550"])
    assert hit is not None
    assert (hit.reason, hit.source) == ("opt_out", "whatsapp")


async def test_an_answer_that_says_stop_ends_it_and_is_heard_once(house: House, tenant: UUID) -> None:  # R20
    await house.decide(regions={"ZA": "allow"})
    await house.template()
    lead = await house.lead()
    await house.drafted(lead)
    await house.approve(lead)
    await house.work()
    stop = b"message_id=1&contact_identifier=%2B27821234567&message=Stop."

    async def hear_trengo(body: bytes) -> WebhookCounts:
        async with transaction(house.pool, tenant) as tx:
            return await message_events.receive(tx, tenant, messages_in.read_trengo(body, "INBOUND"))

    assert await hear_trengo(stop) == WebhookCounts(applied=1, suppressed=1)
    assert await hear_trengo(stop) == WebhookCounts(repeated=1)
    assert [e.kind for e in (await house.message(lead)).events] == ["stop"]
    stranger = b"message_id=2&contact_identifier=%2B27829999999&message=Hello"
    assert await hear_trengo(stranger) == WebhookCounts(unknown=1)
    async with transaction(house.pool, tenant) as tx:
        assert await suppressions.hit(tx, tenant, "whatsapp", phones=[PHONE])
    audited = await house.conn.fetch("SELECT actor, detail::text FROM app.audit_log WHERE action = 'suppression.added'")
    assert [r["actor"] for r in audited] == ["webhook:trengo"]
    assert PHONE not in audited[0]["detail"]


async def test_a_report_that_overtakes_the_answer_does_not_fall_behind(house: House) -> None:  # S2.02
    """Meta may report a delivery before our own write has ended: our name for it comes along."""
    await house.decide(vendor="whatsapp", regions={"ZA": "allow"})
    await house.template()
    lead = await house.lead()
    await house.drafted(lead)
    message = await house.approve(lead)
    await house.conn.execute("UPDATE app.messages SET state = 'sending' WHERE id = $1", message.id)
    assert await hear(house, report(str(message.id), "delivered", "wamid.A")) == WebhookCounts(applied=1)
    assert await hear(house, report("no-id", "delivered", "wamid.B")) == WebhookCounts(unknown=1)
    assert await hear(house, report(str(message.id), "failed", "wamid.A", errors=[{"code": 131026}])) == WebhookCounts(
        applied=1
    )
    seen = await house.message(lead)
    assert (seen.state, seen.vendor_ref) == ("delivered", "wamid.A")
    await house.work()
    assert (await house.message(lead)).state == "delivered"
