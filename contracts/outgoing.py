"""What leaves the house, in our words, whichever vendor carries it: messages, records for the CRM, alerts, and their receipts."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from contracts.findings import Short

#: An address that every mail server takes: ASCII, nothing quoted, nothing that could end it in a header.
MAIL_ADDRESS = r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,255}$"


class _Words(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


# --- messages ----------------------------------------------------------------------------------------------------------------


class OutgoingMessage(_Words):
    """A template message to one phone. `reference` is ours and comes back in the vendor's delivery reports."""

    to: Annotated[str, Field(pattern=r"^\+[1-9]\d{6,14}$", description="E.164")]
    template: Annotated[str, Field(min_length=1, max_length=200, description="template id (Trengo) or name (WhatsApp)")]
    language: Annotated[str, Field(max_length=20)] = "en"
    parameters: tuple[Annotated[str, Field(max_length=1000)], ...] = ()
    reference: Annotated[str, Field(max_length=512)]


class OutgoingMail(_Words):
    """A mail to one person, in plain text. `reference` is ours and names it for ever; `reply_to`: where answers go, also those that
    ask to be left alone (absent: to the sender).
    """

    to: Annotated[str, Field(pattern=MAIL_ADDRESS, description="one address, in ASCII")]
    subject: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\r\n]+$")]
    body: Annotated[str, Field(min_length=1, max_length=4000)]
    sender_name: Annotated[str, Field(max_length=200, pattern=r"^[^\r\n]*$")] = ""
    reply_to: Annotated[str, Field(pattern=MAIL_ADDRESS)] | None = None
    reference: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,100}$")]


class MessageReceipt(_Words):
    """The vendor took the message; that is not yet a delivery."""

    message_id: Annotated[str, Field(max_length=500)]
    conversation_id: Annotated[str, Field(max_length=500)] | None = None
    contact_id: Annotated[str, Field(max_length=500)] | None = None


class TemplatesQuery(_Words):
    """One page of the message templates an account has."""

    page: int = Field(default=1, ge=1, le=10_000)


class MessageTemplate(_Words):
    """A template: `id` is what `OutgoingMessage.template` wants. An accepted one may still be refused when it is sent."""

    id: Annotated[str, Field(min_length=1, max_length=200)]
    name: Short | None = None
    language: Annotated[str, Field(max_length=20)] | None = None
    status: Literal["accepted", "pending", "rejected", "unknown"] = "unknown"
    text: Annotated[str, Field(max_length=4000)] | None = None


class MessageTemplates(_Words):
    templates: tuple[MessageTemplate, ...] = ()
    next_page: int | None = None


# --- a CRM -------------------------------------------------------------------------------------------------------------------


class CrmRecord(_Words):
    """A record to be there afterwards, once: `external_id` names it for ever, `values` are the CRM's own field names."""

    model: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_.]{1,63}$", description="e.g. res.partner, crm.lead")]
    external_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_]+\.[A-Za-z0-9_-]+$", max_length=200)]
    values: dict[str, str | int | float | bool | None]
    parent_external_id: Annotated[str, Field(max_length=200)] | None = Field(
        default=None, description="partner the record belongs to (its `parent_id` or `partner_id`)"
    )


class CrmReceipt(_Words):
    remote_id: int
    dropped: tuple[Short, ...] = Field(default=(), description="fields that this database lacks: they were not sent")


class CrmLookup(_Words):
    """How a record stands in the CRM right now. `remote_id`: what it was called there when we last heard of it."""

    model: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_.]{1,63}$")]
    external_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_]+\.[A-Za-z0-9_-]+$", max_length=200)]
    fields: tuple[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")], ...]
    remote_id: int | None = Field(default=None, ge=1)


class CrmSnapshot(_Words):
    """A record as it stands: the fields that were asked for and exist, with None for what is empty; a relation is the other's id.

    `remote_id` may be another than we knew: people merge records. `active` is False for an archived one.
    """

    remote_id: int
    active: bool = True
    values: dict[str, str | int | float | bool | None]


class CrmProbe(_Words):
    """Try a connection to a CRM. `models` are those that records shall be created in."""

    models: tuple[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_.]{1,63}$")], ...] = ("res.partner", "crm.lead")


class CrmStanding(_Words):
    """A connection that works: as whom, and what may be created there. A model that is not installed counts as "may not"."""

    version: Short
    transport: Literal["json2", "jsonrpc"]
    user: Short
    can_create: dict[str, bool]


# --- alerts ------------------------------------------------------------------------------------------------------------------


class Alert(_Words):
    """What a person must know. `key` names the trouble: the same key again updates it, `resolved` ends it. No personal data."""

    key: Annotated[str, Field(min_length=1, max_length=255)]
    summary: Annotated[str, Field(min_length=1, max_length=1000)]
    severity: Literal["critical", "error", "warning", "info"]
    component: Short | None = None
    details: dict[str, str | int | float | bool | None] = Field(default_factory=dict)
    resolved: bool = False
    event_id: Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,200}$")] | None = Field(
        default=None, description="names this telling, also when it is told again: receivers drop what they have seen"
    )


class AlertReceipt(_Words):
    reference: Short | None = None
