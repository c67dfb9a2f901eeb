"""What comes back about messages, in our words: delivery reports, answers, and wishes to be left alone.

Bodies are read here after `contracts/signatures.py` has proved where they come from. They hold people's data: nothing in them goes
into an error or a log. Vendors add members and kinds, so what is unknown is counted (`dropped`) and the rest is read. Each item
has a `key`, since vendors deliver more than once. Source: providers.md, sections 15, 16 and 22 (8).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from urllib.parse import parse_qs

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from contracts.errors import Invalid
from contracts.texts import storable

Vendor = Literal["trengo", "whatsapp"]
Phone = Annotated[str, Field(pattern=r"^\+[1-9]\d{6,14}$", description="E.164")]
_Id = Annotated[str, Field(min_length=1, max_length=500)]

#: WhatsApp's code for "this person stopped our marketing messages".
STOPPED = 131050
MAX_BYTES = 1_000_000
_STATUSES = ("sent", "delivered", "read", "failed")
_STOP = re.compile(
    r"\W*(?:please\s+)?(?:stop(?:\s*all)?|unsubscribe(?:\s+me)?|opt[\s-]?out|remove\s+me|end|quit|cancel)\W*(?:please\W*)?",
    re.IGNORECASE,
)


class _In(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DeliveryReport(_In):
    """How far a message of ours got. `reference` is ours, from when it was sent."""

    vendor: Vendor
    message_id: _Id
    status: Literal["sent", "delivered", "read", "failed"]
    at: AwareDatetime | None = None
    recipient: Phone | None = None
    reference: Annotated[str, Field(max_length=512)] | None = None
    error_code: int | None = None

    @property
    def key(self) -> str:
        return f"{self.vendor}:{self.message_id}:{self.status}"

    @property
    def suppress(self) -> bool:
        """True when the report says that the recipient wants no more messages."""
        return self.error_code == STOPPED


class IncomingMessage(_In):
    """Somebody wrote to us. `sender` is None where the vendor gives an id of its own instead of a number (`sender_id`)."""

    vendor: Vendor
    message_id: _Id
    at: AwareDatetime | None = None
    sender: Phone | None = None
    sender_id: Annotated[str, Field(max_length=500)] | None = None
    conversation_id: Annotated[str, Field(max_length=500)] | None = None
    text: Annotated[str, Field(max_length=4000)] | None = None

    @property
    def key(self) -> str:
        return f"{self.vendor}:{self.message_id}"

    @property
    def suppress(self) -> bool:
        """True when the text asks to be left alone: it goes onto the suppression list."""
        return asks_to_stop(self.text or "")


class Preference(_In):
    """Somebody stopped or resumed our marketing messages. A stop goes onto the suppression list."""

    vendor: Vendor
    wish: Literal["stop", "resume"]
    at: AwareDatetime | None = None
    phone: Phone | None = None
    person_id: Annotated[str, Field(max_length=500)] | None = None

    @property
    def key(self) -> str:
        at = int(self.at.timestamp()) if self.at else 0
        return f"{self.vendor}:{self.person_id or self.phone}:{self.wish}:{at}"

    @property
    def suppress(self) -> bool:
        return self.wish == "stop"


class Received(_In):
    """One webhook call. `dropped` counts what could not be read, or is of a kind we do not follow."""

    reports: tuple[DeliveryReport, ...] = ()
    messages: tuple[IncomingMessage, ...] = ()
    preferences: tuple[Preference, ...] = ()
    dropped: int = 0


def asks_to_stop(text: str) -> bool:
    """True for a message that is nothing but a wish to be left alone: "STOP", "please unsubscribe me." and the like."""
    return bool(_STOP.fullmatch(text.strip()[:100]))


def read_trengo(body: bytes, event: str) -> Received:
    """A Trengo webhook: form-encoded. `event` is the type that the address was registered for, e.g. INBOUND.

    Raises Invalid for a body that is no form, or an INBOUND one without a message id.
    """
    try:
        fields = parse_qs(_bounded(body).decode(), max_num_fields=200)
    except ValueError:
        raise Invalid("the body is not form-encoded text: send it as Trengo does") from None
    if event.upper() != "INBOUND":
        return Received(dropped=1)
    number, sender = _first(fields, "message_id", 500), _first(fields, "contact_identifier", 500)
    if number is None:
        raise Invalid("the form has no message_id: send it as Trengo does")
    message = IncomingMessage(
        vendor="trengo",
        message_id=number,
        sender=_phone(sender),
        sender_id=_first(fields, "contact_id", 500),
        conversation_id=_first(fields, "ticket_id", 500),
        text=_first(fields, "message", 4000),
    )
    return Received(messages=(message,))


def read_whatsapp(body: bytes) -> Received:
    """A webhook of the WhatsApp Cloud API: statuses, messages, user preferences. Raises Invalid for a body that is none."""
    try:
        call = json.loads(_bounded(body))
    except (ValueError, RecursionError):
        raise Invalid("the body is not JSON: send it as Meta does") from None
    if not isinstance(call, dict) or call.get("object") != "whatsapp_business_account":
        raise Invalid("the body is no WhatsApp webhook: subscribe the field `messages` of a WhatsApp business account")
    reports, messages, preferences, dropped = list[DeliveryReport](), list[IncomingMessage](), list[Preference](), 0
    for item in _items(call):
        if isinstance(item, DeliveryReport):
            reports.append(item)
        elif isinstance(item, IncomingMessage):
            messages.append(item)
        elif isinstance(item, Preference):
            preferences.append(item)
        else:
            dropped += 1
    return Received(reports=tuple(reports), messages=tuple(messages), preferences=tuple(preferences), dropped=dropped)


def _items(call: Mapping[str, Any]) -> Iterator[DeliveryReport | IncomingMessage | Preference | None]:
    for entry in _objects(call.get("entry")):
        for change in _objects(entry.get("changes")):
            value = change.get("value")
            if not isinstance(value, dict):
                yield None
                continue
            yield from map(_report, _objects(value.get("statuses")))
            yield from map(_message, _objects(value.get("messages")))
            yield from map(_preference, _objects(value.get("user_preferences")))
            if not any(isinstance(value.get(name), list) for name in ("statuses", "messages", "user_preferences")):
                yield None


def _report(given: Mapping[str, Any]) -> DeliveryReport | None:
    number, status = _text(given.get("id"), 500), given.get("status")
    if number is None or status not in _STATUSES:
        return None
    errors = _objects(given.get("errors"))
    code = errors[0].get("code") if errors else None
    return DeliveryReport(
        vendor="whatsapp",
        message_id=number,
        status=status,
        at=_moment(given.get("timestamp")),
        recipient=_phone(given.get("recipient_id")),
        reference=_text(given.get("biz_opaque_callback_data"), 512),
        error_code=code if isinstance(code, int) else None,
    )


def _message(given: Mapping[str, Any]) -> IncomingMessage | Preference | None:
    number, sender = _text(given.get("id"), 500), _text(given.get("from"), 500)
    if number is None:
        return None
    at, system, said = _moment(given.get("timestamp")), given.get("system"), given.get("text")
    # The same wish also comes as a message, to accounts that do not subscribe to `user_preferences`.
    if isinstance(system, dict) and system.get("marketing") in ("stop", "resume"):
        return Preference(vendor="whatsapp", wish=system["marketing"], at=at, phone=_phone(sender), person_id=sender)
    return IncomingMessage(
        vendor="whatsapp",
        message_id=number,
        at=at,
        sender=_phone(sender),
        sender_id=sender,
        text=_text(said.get("body") if isinstance(said, dict) else None, 4000),
    )


def _preference(given: Mapping[str, Any]) -> Preference | None:
    wish, person = given.get("value"), _text(given.get("wa_id"), 500) or _text(given.get("user_id"), 500)
    if wish not in ("stop", "resume") or person is None:
        return None
    at = _moment(given.get("timestamp"))
    return Preference(vendor="whatsapp", wish=wish, at=at, phone=_phone(person), person_id=person)


def _bounded(body: bytes) -> bytes:
    if len(body) > MAX_BYTES:
        raise Invalid(f"the body is longer than {MAX_BYTES} bytes: no webhook is")
    return body


def _first(fields: Mapping[str, list[str]], name: str, most: int) -> str | None:
    return _text(next(iter(fields.get(name, ())), None), most)


def _text(value: object, most: int) -> str | None:
    text = storable(value.strip(), most) if isinstance(value, str) else None
    return text or None


def _phone(value: object) -> str | None:
    digits = re.sub(r"[\s().+-]", "", value) if isinstance(value, str) else ""
    return f"+{digits}" if re.fullmatch(r"[1-9][0-9]{6,14}", digits) else None


def _moment(value: object) -> datetime | None:
    """Unix seconds, as a number or in text."""
    try:
        return datetime.fromtimestamp(int(value), UTC) if isinstance(value, int | str) else None
    except (ValueError, OverflowError, OSError):
        return None


def _objects(value: object) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
