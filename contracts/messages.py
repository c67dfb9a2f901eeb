"""Messages: drafts and what became of them, as the API takes and shows them (R20)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from contracts.message_settings import Template
from contracts.message_texts import MAX_PARAMETER, one_line
from contracts.texts import NoNul

State = Literal["draft", "approved", "sending", "sent", "delivered", "read", "failed", "rejected", "suppressed"]
_Reason = Annotated[str, Field(min_length=1, max_length=1000), NoNul]
_Parameter = Annotated[str, Field(min_length=1, max_length=MAX_PARAMETER), NoNul, AfterValidator(one_line)]

#: How far a message is: a report never takes it back (S2.02).
RANK: dict[str, int] = {"sending": 1, "sent": 2, "delivered": 3, "read": 4}


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Message(BaseModel):
    """One message to one lead. `notes` say what whoever approves should know; `reason` why it ended as it did."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    lead_id: UUID
    contact_id: UUID | None
    prediction_id: UUID | None
    company_name: str | None = None
    contact_name: str | None = None
    channel: str
    sequence_step: int
    state: State
    language: str
    template: str
    parameters: list[str]
    body: str
    written_by: Literal["model", "template", "person"]
    notes: list[str]
    approved_by: str | None
    approved_at: datetime | None
    reason: str | None
    vendor: str | None
    vendor_ref: str | None
    sent_at: datetime | None
    delivered_at: datetime | None
    read_at: datetime | None
    created_at: datetime
    updated_at: datetime


class MessageEvent(BaseModel):
    """What a vendor told us about it: a report, or what the recipient answered."""

    kind: Literal["report", "answer", "stop", "resume"]
    status: str | None
    body: str | None
    at: datetime | None
    created_at: datetime


class MessageDetail(Message):
    events: list[MessageEvent]


class MessagePage(BaseModel):
    items: list[Message]
    next_cursor: str | None


class ChangeMessage(_Body):
    """Body of PATCH /v1/messages/{id}: what fills the template, all of it; the text around it is what the vendor approved."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"parameters": ["Thandi", "Well Crafted", "We make workwear for companies like yours."]}]
        }
    )

    parameters: Annotated[list[_Parameter], Field(max_length=20)]


class RejectMessage(_Body):
    """Body of POST /v1/messages/{id}/reject."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "we know them already"}]})

    reason: _Reason


class WebhookCounts(BaseModel):
    """What a call of a vendor came to. `unknown`: about no message of ours; `dropped`: not readable, or of a kind we leave."""

    applied: int = 0
    repeated: int = 0
    unknown: int = 0
    suppressed: int = 0
    dropped: int = 0


class Drafted(BaseModel):
    """A message as it was composed, before it has a row."""

    model_config = ConfigDict(frozen=True)

    template: Template
    parameters: list[str]
    body: str
    written_by: Literal["model", "template"]
    notes: list[str] = []


class Subject(BaseModel):
    """What a draft may be made of: given facts, nothing else."""

    model_config = ConfigDict(frozen=True)

    lead_id: UUID
    contact_id: UUID | None
    contact_name: str | None
    contact_title: str | None
    contact_email: str | None
    contact_phone: str | None
    contact_linkedin_url: str | None
    company_name: str
    country: str | None
    city: str | None
    domain: str | None
    industry: str | None
    tenant_name: str
    has_message: bool = False
    #: The lead that stands for this one since a merge: it is written to instead.
    merged_into: UUID | None = None

    def facts(self) -> dict[str, Any]:
        """Those that say something, by name, without what reaches a person."""
        named = {
            "company_name": self.company_name,
            "industry": self.industry,
            "city": self.city,
            "title": self.contact_title,
        }
        return {name: value for name, value in named.items() if value}
