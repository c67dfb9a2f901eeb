"""Trengo over real HTTP: a message goes out once, a 200 with an error in it is a failure."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from contracts.errors import VendorBusy, VendorDown, VendorRefused
from contracts.outgoing import MessageReceipt, MessageTemplates, OutgoingMessage, TemplatesQuery
from contracts.providers import Operation
from tests.providers.sandbox_fixture import RunningSandbox
from worker.providers import trengo
from worker.providers.rules import heard_hint

Send = Operation[OutgoingMessage, MessageReceipt]
List = Operation[TemplatesQuery, MessageTemplates]


def message(to: str = "+6591234567", template: str = "98231", **more: object) -> OutgoingMessage:
    words = {"to": to, "template": template, "parameters": ("Mei",), "reference": "lead-17:camp-3", **more}
    return OutgoingMessage.model_validate(words)


@pytest.fixture
async def operations(sandbox: RunningSandbox) -> AsyncIterator[tuple[Send, List]]:
    send, templates = trengo.make(sandbox.settings())
    yield send, templates
    await send.close()  # type: ignore[attr-defined]


async def test_a_message_that_was_taken_has_a_receipt_with_its_conversation(
    operations: tuple[Send, List],
) -> None:  # S2.02
    send, _ = operations
    first, second = [(await send.ask([message()], key="k"))[0] for _ in range(2)]
    assert first.outcome == second.outcome == "found"
    assert first.value is not None
    assert second.value is not None
    assert first.value.message_id != second.value.message_id
    assert first.value.conversation_id == second.value.conversation_id == "412345"
    assert first.value.contact_id == "90011"
    assert (send.spec.unit, send.spec.resend, send.spec.recoverable) == ("message", False, False)


@pytest.mark.parametrize(
    ("to", "template", "outcome", "note"),
    [
        ("+6591234526", "98231", "invalid", "131026"),
        ("+6591234550", "98231", "suppressed", "131050"),
        ("+6591234567", "403403", "invalid", "Template was rejected"),
        ("+1234567", "98231", "invalid", "recipient_phone_number: The recipient phone number … is invalid"),
        ("+6591234567", "intro", "invalid", "trengo.templates"),
    ],
)
async def test_a_message_that_was_turned_down_is_a_reply(
    operations: tuple[Send, List], to: str, template: str, outcome: str, note: str
) -> None:  # S2.02
    (reply,) = await operations[0].ask([message(to, template)], key="k")
    assert (reply.outcome, reply.value, reply.units) == (outcome, None, 0.0)
    assert note in (reply.note or "")


async def test_a_template_that_does_not_exist_stops_the_call(operations: tuple[Send, List]) -> None:
    with pytest.raises(VendorRefused, match="hsm id is invalid") as caught:
        await operations[0].ask([message(template="404404")], key="k")
    assert caught.value.code == "vendor_rejected_request"


async def test_a_message_whose_answer_was_cut_may_have_gone_out_and_is_sent_once(
    operations: tuple[Send, List], sandbox: RunningSandbox
) -> None:  # S2.02
    sandbox.fault("reset", vendor="trengo")
    with pytest.raises(VendorDown) as caught:
        await operations[0].ask([message()], key="k")
    assert caught.value.sent
    assert await operations[0].recover(message(), key="k") is None
    assert sandbox.totals("trengo")["requests"] == 1


async def test_too_fast_says_how_long_to_wait(operations: tuple[Send, List], sandbox: RunningSandbox) -> None:
    sandbox._call("/__control/limit", {"vendor": "trengo", "limit": 1, "seconds": 30})
    await operations[0].ask([message()], key="k")
    with pytest.raises(VendorBusy) as caught:
        await operations[0].ask([message()], key="k")
    assert caught.value.after_s is not None
    assert 25 <= caught.value.after_s <= 30
    hint = heard_hint.get()
    assert hint is not None
    assert (hint.remaining, hint.limit) == (0, 120)


async def test_the_templates_are_listed_page_by_page(operations: tuple[Send, List]) -> None:
    _, templates = operations
    (first,) = await templates.ask([TemplatesQuery()], key="k")
    assert first.value is not None
    assert first.value.next_page == 2
    (second,) = await templates.ask([TemplatesQuery(page=2)], key="k")
    assert second.value is not None
    assert second.value.next_page is None
    listed = [(each.id, each.status) for each in (*first.value.templates, *second.value.templates)]
    assert listed == [("98231", "accepted"), ("98232", "pending"), ("98233", "rejected")]
    assert not templates.spec.billable


def test_without_a_token_it_is_absent(sandbox: RunningSandbox) -> None:  # S3.05
    with pytest.raises(VendorRefused, match="TRENGO_API_TOKEN") as caught:
        trengo.make(sandbox.settings(trengo_api_token=None))
    assert caught.value.code == "vendor_absent"
