"""WhatsApp over real HTTP: a message goes out once, and every refusal is named for what to do about it."""

from __future__ import annotations

import logging
import traceback
from collections.abc import AsyncIterator

import pytest

from contracts.errors import HeadwaterError, VendorDown, VendorRefused
from contracts.outgoing import MessageReceipt, OutgoingMessage
from contracts.providers import Operation
from tests.providers.sandbox_fixture import KEY, RunningSandbox
from worker.providers import whatsapp
from worker.providers.rules import Said

Send = Operation[OutgoingMessage, MessageReceipt]


def message(to: str = "+6591234567", template: str = "intro_facilities", **more: object) -> OutgoingMessage:
    words = {"to": to, "template": template, "parameters": ("Mei",), "reference": "lead-17:camp-3", **more}
    return OutgoingMessage.model_validate(words)


@pytest.fixture
async def send(sandbox: RunningSandbox) -> AsyncIterator[Send]:
    (built,) = whatsapp.make(sandbox.settings())
    yield built
    await built.close()  # type: ignore[attr-defined]


async def test_a_message_that_was_taken_has_a_receipt(send: Send, sandbox: RunningSandbox) -> None:  # S2.02
    (reply,) = await send.ask([message()], key="k")
    assert reply.outcome == "found"
    assert reply.value is not None
    assert reply.value.message_id.startswith("wamid.")
    assert reply.value.contact_id == "6591234567"
    assert (reply.units, send.spec.unit, send.spec.billable) == (1.0, "message", True)
    assert not send.spec.resend
    assert not send.spec.recoverable
    assert sandbox.totals("whatsapp")["requests"] == 1


@pytest.mark.parametrize(
    ("to", "template", "outcome", "code"),
    [
        ("+6591234526", "intro", "invalid", "131026"),
        ("+6591234547", "intro", "invalid", "131047"),
        ("+6591234549", "intro", "invalid", "131049"),
        ("+6591234550", "intro", "suppressed", "131050"),
        ("+6591234567", "paused", "invalid", "132015"),
        ("+6591234567", "missing", "invalid", "132001"),
        ("+6591234567", "wrong_parameters", "invalid", "132000"),
    ],
)
async def test_what_concerns_one_message_is_a_reply_and_no_error(
    send: Send, to: str, template: str, outcome: str, code: str
) -> None:  # S2.02
    (reply,) = await send.ask([message(to, template)], key="k")
    assert (reply.outcome, reply.value, reply.units) == (outcome, None, 0.0)
    assert reply.note is not None
    assert reply.note.startswith(f"{code}: ")


async def test_meta_not_delivering_says_when_to_try_again(send: Send) -> None:
    (reply,) = await send.ask([message("+6591234549")], key="k")
    assert "24 hours" in (reply.note or "")


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (401, 190, "auth"), (403, 10, "auth"), (403, 200, "auth"), (403, 299, "auth"), (403, 131005, "auth"),
        (403, 368, "auth"), (403, 131031, "auth"), (402, 131042, "quota"), (400, 4, "rate"), (400, 80007, "rate"),
        (400, 130429, "rate"), (400, 131056, "rate"), (400, 131048, "rate"), (500, 131016, "rate"),
        (500, 131000, "transient"), (500, 2_000_000, "transient"), (400, 999_999, "invalid"),
        (400, 131026, "miss"), (400, 131050, "suppressed"), (400, 132012, "miss"), (400, 132016, "miss"),
    ],
)  # fmt: skip
def test_each_documented_code_has_its_class(status: int, code: int, kind: str) -> None:  # S2.02
    body = f'{{"error": {{"message": "(#{code}) no", "code": {code}}}}}'.encode()
    assert whatsapp.RULES.kind_of(Said(status, {"content-type": "application/json"}, body)) == kind


def test_the_wait_that_a_code_asks_for_is_known() -> None:
    body = b'{"error": {"code": 131048}}'
    said = Said(400, {"content-type": "application/json"}, body)
    assert whatsapp.RULES.after_s is not None
    assert whatsapp.RULES.after_s(said) == 3600


async def test_a_message_whose_answer_was_cut_may_have_gone_out_and_is_sent_once(
    send: Send, sandbox: RunningSandbox
) -> None:  # S2.02
    sandbox.fault("reset", vendor="whatsapp")
    with pytest.raises(VendorDown) as caught:
        await send.ask([message()], key="k")
    assert caught.value.sent
    assert await send.recover(message(), key="k") is None
    assert sandbox.totals("whatsapp")["requests"] == 1


async def test_neither_token_nor_recipient_is_in_an_error_or_a_log(
    sandbox: RunningSandbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    (send,) = whatsapp.make(sandbox.settings(whatsapp_token="wrong-token-123456"))
    personal = message()
    with pytest.raises(VendorRefused, match="check WHATSAPP_TOKEN") as caught:
        await send.ask([personal], key="k")
    said = "".join(traceback.format_exception(caught.value)) + caplog.text
    for secret in ("wrong-token-123456", "6591234567", "Mei", KEY):
        assert secret not in said
    await send.close()  # type: ignore[attr-defined]


def test_without_its_settings_it_is_absent(sandbox: RunningSandbox) -> None:  # S3.05
    for missing in ("whatsapp_token", "whatsapp_phone_number_id"):
        with pytest.raises(HeadwaterError, match=missing.upper()) as caught:
            whatsapp.make(sandbox.settings(**{missing: None}))
        assert caught.value.code == "vendor_absent"
