"""WhatsApp Business Cloud API (Meta): a template message to one phone, `POST /{phone number id}/messages`.

Source: providers.md, section 16. A receipt says that Meta took the message; whether it arrives comes by webhook
(`contracts/messages_in.py`). There is no idempotency key and no way to ask for a message again, so a lost answer is never sent
again and never recovered: our reference (`biz_opaque_callback_data`) comes back in the delivery report, if the message went out.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, Field

from contracts.outgoing import MessageReceipt, OutgoingMessage
from contracts.providers import Operation, OperationSpec, Pace, Reply, Terms, Window
from contracts.settings import Settings
from worker.providers.answers import is_json, parse_any, shaped
from worker.providers.http import VendorClient
from worker.providers.keys import absent, usable_key
from worker.providers.lenient import Lenient, Words, listed, members, whole
from worker.providers.operation import OneByOne, found, patience
from worker.providers.redaction import unnaming
from worker.providers.rules import Kind, Said, VendorRules
from worker.providers.whatsapp_codes import kind_of, turned_down, wait_s

#: A receipt stands for good: its message must never go out a second time.
KEEP_S = 3650 * 86_400.0


def _code(said: Said) -> int | None:
    if said.status < 400 or not is_json(said.content_type):
        return None
    try:
        body = members(parse_any(said.body))
    except ValueError:
        return None
    return whole(members(body.get("error")).get("code"))


def _kind(said: Said) -> Kind | None:
    code = _code(said)
    return kind_of(code) if code is not None else None


def _wait_s(said: Said) -> float | None:
    code = _code(said)
    return wait_s(code) if code is not None and "retry-after" not in said.headers else None


RULES = VendorRules(
    vendor="whatsapp",
    address_setting="WHATSAPP_BASE_URL",
    key_setting="WHATSAPP_TOKEN",
    classify=_kind,
    after_s=_wait_s,
)
SEND = OperationSpec(
    vendor="whatsapp",
    operation="send",
    answer=MessageReceipt,
    terms=Terms.OWN,
    pace=Pace("whatsapp", (Window(10, 1),), concurrency=2),
    unit="message",
    keep_s=KEEP_S,
    keep_miss_s=KEEP_S,
)


class _Message(BaseModel):
    id: str = Field(min_length=1, max_length=500)


class _Contact(Lenient):
    wa_id: Words = None


class _Answer(BaseModel):
    messages: Annotated[list[_Message], Field(min_length=1)]
    contacts: Annotated[list[_Contact], BeforeValidator(listed)] = []


class WhatsAppSend(OneByOne[OutgoingMessage, MessageReceipt]):
    """`Operation` that sends one template message. Billed a message, when it is delivered."""

    def __init__(self, http: VendorClient, phone_number_id: str) -> None:
        super().__init__(SEND, http)
        self._path = f"/{phone_number_id}/messages"

    async def one(self, query: OutgoingMessage, *, key: str) -> Reply[MessageReceipt]:  # noqa: ARG002 - it knows no keys
        with unnaming((query.to, query.to[1:], *query.parameters)):
            heard = await self._http.ask("POST", self._path, json=_body(query))
        if heard.kind is not None:
            return turned_down(whole(members(members(heard.json).get("error")).get("code")) or 0)
        answer = shaped(_Answer, members(heard.json), SEND.vendor)
        contact = answer.contacts[0].wa_id if answer.contacts else None
        receipt = MessageReceipt(message_id=answer.messages[0].id, contact_id=contact)
        return found(receipt, units=SEND.units, ref=receipt.message_id, raw=heard.json)


def make(settings: Settings) -> list[Operation[Any, Any]]:
    """What WhatsApp offers. Raises VendorRefused (`vendor_absent`) naming the setting that is missing."""
    key = usable_key(settings, "whatsapp", "whatsapp_token")
    if not settings.whatsapp_phone_number_id:
        raise absent(
            "whatsapp", "there is no WHATSAPP_PHONE_NUMBER_ID: set the id (not the number) of the sending phone"
        )
    http = VendorClient(RULES, settings.whatsapp_base_url, timeout_s=patience(settings, SEND), key=key)
    return [WhatsAppSend(http, settings.whatsapp_phone_number_id)]


def _body(query: OutgoingMessage) -> dict[str, Any]:
    template: dict[str, Any] = {"name": query.template, "language": {"code": query.language}}
    if query.parameters:
        # A parameter must be one line without runs of spaces.
        filled = [{"type": "text", "text": " ".join(text.split())} for text in query.parameters]
        template["components"] = [{"type": "body", "parameters": filled}]
    return {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": query.to.removeprefix("+"),
        "type": "template",
        "biz_opaque_callback_data": query.reference,
        "template": template,
    }
