"""Trengo: a WhatsApp template through the shared inbox (`POST /wa_sessions`), and which templates there are.

Source: providers.md, section 15; the shape of the answer is known from client code only, so ids are read as they come and
`message.error` is a failure although the status is 200. Our reference is not part of the request, and nothing else in a ticket
tells two messages of one text to one contact apart: a lost answer is therefore neither recovered nor sent again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any
from urllib.parse import parse_qs, urlsplit

from pydantic import BaseModel, BeforeValidator

from contracts.errors import BadAnswer, VendorRefused
from contracts.outgoing import MessageReceipt, MessageTemplate, MessageTemplates, OutgoingMessage, TemplatesQuery
from contracts.providers import Operation, OperationSpec, Pace, Reply, Terms, Window
from contracts.settings import Settings
from worker.providers.answers import is_json, parse_any, retry_after_s, shaped
from worker.providers.http import VendorClient
from worker.providers.keys import usable_key
from worker.providers.lenient import Lenient, Words, members, readable, whole, words
from worker.providers.operation import OneByOne, found, invalid, miss, patience
from worker.providers.redaction import unnamed, unnaming
from worker.providers.rules import MAX_SAID, Kind, PaceHint, Said, VendorRules
from worker.providers.whatsapp_codes import code_in, kind_of, turned_down

KEEP_S = 3650 * 86_400.0
WINDOW_S = 60.0
#: Members of a 422 that are about this message; all others are about our set-up.
_OF_THE_MESSAGE = ("recipient_phone_number", "params")


def _kind(said: Said) -> Kind | None:
    # A refusal that names members is returned ("miss"): TrengoSend tells whether it is about one message or about our set-up.
    return "miss" if said.status == 422 and _faults(said) else None


def _faults(said: Said) -> bool:
    if not is_json(said.content_type):
        return False
    try:
        return bool(members(members(parse_any(said.body)).get("errors")))
    except ValueError:
        return False


def _hint(headers: Mapping[str, str]) -> PaceHint | None:
    remaining = whole(headers.get("x-ratelimit-remaining"))
    if remaining is None:
        return None
    return PaceHint(remaining, retry_after_s(headers) or WINDOW_S, whole(headers.get("x-ratelimit-limit")))


RULES = VendorRules(
    vendor="trengo",
    address_setting="TRENGO_BASE_URL",
    key_setting="TRENGO_API_TOKEN",
    classify=_kind,
    hint=_hint,
)
_PACE = Pace("trengo", (Window(90, WINDOW_S),), concurrency=1)
SEND = OperationSpec(
    vendor="trengo",
    operation="send",
    answer=MessageReceipt,
    terms=Terms.OWN,
    pace=_PACE,
    unit="message",
    keep_s=KEEP_S,
    keep_miss_s=KEEP_S,
)
TEMPLATES = OperationSpec(
    vendor="trengo",
    operation="templates",
    answer=MessageTemplates,
    terms=Terms.OWN,
    pace=_PACE,
    unit="call",
    units=0.0,
    billable=False,
    keep_s=600.0,
    keep_miss_s=600.0,
)


class _Sent(Lenient):
    id: Words = None
    ticket_id: Words = None
    contact_id: Words = None
    error: Any = None


class _Answer(BaseModel):
    message: _Sent


class TrengoSend(OneByOne[OutgoingMessage, MessageReceipt]):
    """`Operation` that sends one template message; `template` is Trengo's number of it."""

    def __init__(self, http: VendorClient, channel_id: int | None) -> None:
        super().__init__(SEND, http)
        self._channel_id = channel_id

    async def one(self, query: OutgoingMessage, *, key: str) -> Reply[MessageReceipt]:  # noqa: ARG002 - it knows no keys
        if not (query.template.isascii() and query.template.isdigit()):
            return invalid("Trengo's templates have numbers: give the id that trengo.templates lists")
        personal = (query.to, query.to[1:], *query.parameters)
        with unnaming(personal):
            heard = await self._http.ask("POST", "/wa_sessions", json=self._body(query))
        if heard.kind is not None:
            return _unprocessable(members(members(heard.json).get("errors")), personal)
        sent = shaped(_Answer, members(heard.json), SEND.vendor).message
        if sent.error:
            return _turned_down(sent.error, personal)
        if sent.id is None:
            raise BadAnswer("trengo took a message without giving its id: its API may have changed", vendor="trengo")
        receipt = MessageReceipt(message_id=sent.id, conversation_id=sent.ticket_id, contact_id=sent.contact_id)
        return found(receipt, units=SEND.units, ref=sent.id, raw=heard.json)

    def _body(self, query: OutgoingMessage) -> dict[str, Any]:
        filled = enumerate(query.parameters, start=1)
        body: dict[str, Any] = {
            "recipient_phone_number": query.to,
            "hsm_id": int(query.template),
            "params": [{"type": "body", "key": f"{{{{{n}}}}}", "value": " ".join(text.split())} for n, text in filled],
        }
        if self._channel_id is not None:
            body["channel_id"] = self._channel_id
        return body


class _Template(BaseModel):
    id: int
    title: Words = None
    slug: Words = None
    message: Annotated[str | None, BeforeValidator(lambda value: words(value, 4000))] = None
    status: Words = None
    language: Annotated[str | None, BeforeValidator(lambda value: words(value, 20))] = None


class _Links(Lenient):
    next: Words = None


class _Templates(BaseModel):
    data: Annotated[list[_Template], BeforeValidator(readable(_Template))]
    links: _Links = _Links()


class TrengoTemplates(OneByOne[TemplatesQuery, MessageTemplates]):
    """`Operation` that lists the templates of the account, a page at a time. Free."""

    async def one(self, query: TemplatesQuery, *, key: str) -> Reply[MessageTemplates]:  # noqa: ARG002
        raw = await self._http.get("/wa_templates", {"page": str(query.page)})
        if not isinstance(raw.get("data"), list):
            raise BadAnswer("trengo answered in another shape (data): its API may have changed", vendor="trengo")
        answer = shaped(_Templates, raw, TEMPLATES.vendor)
        value = MessageTemplates(
            templates=tuple(_template(each) for each in answer.data), next_page=_page_of(answer.links.next)
        )
        return found(value, units=0.0, raw=raw) if value.templates else miss("no templates there", value=value, raw=raw)


def make(settings: Settings) -> list[Operation[Any, Any]]:
    """What Trengo offers. Raises VendorRefused (`vendor_absent`) naming the setting that is missing."""
    key = usable_key(settings, "trengo", "trengo_api_token")
    http = VendorClient(RULES, settings.trengo_base_url, timeout_s=patience(settings, SEND), key=key)
    return [TrengoSend(http, settings.trengo_channel_id), TrengoTemplates(TEMPLATES, http)]


def _unprocessable(errors: Mapping[str, Any], personal: Sequence[str]) -> Reply[MessageReceipt]:
    """What a 422 says, member by member. Raises VendorRefused when it is not about this message alone."""
    firsts = ((name, each[0] if isinstance(each, list) and each else each) for name, each in errors.items())
    said = unnamed("; ".join(f"{name}: {words(first) or 'refused'}" for name, first in firsts), personal)
    if all(name.partition(".")[0] in _OF_THE_MESSAGE for name in errors):
        return invalid(said)
    hint = "check TRENGO_CHANNEL_ID, and the template with trengo.templates"
    text = f"trengo answered 422: {said[:MAX_SAID]} · {hint}"
    raise VendorRefused(text, code="vendor_rejected_request", vendor="trengo", status=422)


def _turned_down(error: object, personal: Sequence[str]) -> Reply[MessageReceipt]:
    """Trengo took the message and WhatsApp did not."""
    said = words(error) or words(members(error).get("message")) or "no reason given"
    code = code_in(said)
    if code is not None and kind_of(code) in ("miss", "suppressed"):
        return turned_down(code)
    return invalid(f"WhatsApp did not take it: {unnamed(said, personal)}")


def _template(given: _Template) -> MessageTemplate:
    status = (given.status or "").lower()
    return MessageTemplate(
        id=str(given.id),
        name=given.title or given.slug,
        language=given.language,
        status=status if status in ("accepted", "pending", "rejected") else "unknown",
        text=given.message,
    )


def _page_of(link: str | None) -> int | None:
    numbers = parse_qs(urlsplit(link or "").query).get("page", [])
    return int(numbers[0]) if numbers and numbers[0].isascii() and numbers[0].isdigit() else None
