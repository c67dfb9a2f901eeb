"""Messages: drafts and what became of them, templates, consents and a tenant's settings, as the API takes and shows them (R20)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, AliasChoices, AwareDatetime, BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from contracts.message_texts import LANGUAGES, MAX_BODY, MAX_PARAMETER, PARAMETERS, one_line, places
from contracts.regions import Gate
from contracts.texts import NoNul

State = Literal["draft", "approved", "sending", "sent", "delivered", "read", "failed", "rejected", "suppressed"]
MessageChannel = Literal["whatsapp"]
SendVendor = Literal["trengo", "whatsapp"]
ConsentChannel = Literal["any", "whatsapp", "email", "phone"]
_Code = Annotated[
    str, Field(pattern=r"^[a-z]{2,3}(_[A-Z]{2})?$", max_length=20, description="language, e.g. en or pt_BR")
]
_Country = Annotated[str, Field(pattern="^[A-Z]{2}$", description="ISO 3166-1 alpha-2")]
_Reason = Annotated[str, Field(min_length=1, max_length=1000), NoNul]
_Parameter = Annotated[str, Field(min_length=1, max_length=MAX_PARAMETER), NoNul, AfterValidator(one_line)]

#: How far a message is: a report never takes it back (S2.02).
RANK: dict[str, int] = {"sending": 1, "sent": 2, "delivered": 3, "read": 4}


def _both(name: str) -> AliasChoices:
    return AliasChoices(name, to_camel(name))


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


class MessageSettings(BaseModel):
    """How a tenant writes. `auto_send`: the policy itself approves drafts (R20). `regions`: gates by country, before ours."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={
            "examples": [
                {
                    "auto_send": False,
                    "languages": ["en", "de"],
                    "default_language": "en",
                    "regions": {"ZA": "consent_required", "SG": "allow"},
                    "sender": "Well Crafted",
                    "vendor": "trengo",
                }
            ]
        },
    )

    auto_send: bool = Field(default=False, strict=True, validation_alias=_both("auto_send"))
    languages: Annotated[list[_Code], Field(min_length=1, max_length=50)] = list(LANGUAGES)
    default_language: _Code = Field(default="en", validation_alias=_both("default_language"))
    regions: Annotated[dict[_Country, Gate], Field(max_length=250)] = {}
    default_gate: Gate | None = Field(default=None, validation_alias=_both("default_gate"))
    sender: Annotated[str, Field(min_length=1, max_length=100), NoNul] | None = None
    vendor: SendVendor | None = None

    @model_validator(mode="after")
    def _default_is_allowed(self) -> MessageSettings:
        if self.default_language not in self.languages:
            raise ValueError("default_language is not among languages: add it there")
        return self


class SetTemplate(_Body):
    """Body of PUT /v1/message-templates: a tenant's own words for one channel, step and language."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "language": "en",
                    "body": "Hello {{1}}, this is {{2}}. {{3}} Reply STOP and we will not write again.",
                    "parameters": ["first_name", "sender", "opener"],
                    "vendor_templates": {"trengo": "98231", "whatsapp": "intro_facilities"},
                }
            ]
        }
    )

    channel: MessageChannel = "whatsapp"
    sequence_step: Annotated[int, Field(strict=True, ge=1, le=20)] = Field(
        default=1, validation_alias=_both("sequence_step")
    )
    language: _Code
    body: Annotated[str, Field(min_length=1, max_length=MAX_BODY["whatsapp"]), NoNul]
    parameters: Annotated[list[Literal[PARAMETERS]], Field(max_length=20)]  # type: ignore[valid-type]
    vendor_templates: dict[SendVendor, Annotated[str, Field(min_length=1, max_length=200), NoNul]] = Field(
        default={}, validation_alias=_both("vendor_templates")
    )

    @model_validator(mode="after")
    def _every_place_is_filled(self) -> SetTemplate:
        if places(self.body) != list(range(1, len(self.parameters) + 1)):
            raise ValueError("body must hold {{1}} to {{n}}, one for each of parameters: number them without a gap")
        trengo = self.vendor_templates.get("trengo")
        if trengo is not None and not (trengo.isascii() and trengo.isdigit()):
            raise ValueError("vendor_templates.trengo is a number: `trengo.templates` lists them")
        return self


class Template(BaseModel):
    """A template in use. `id` is null for the words that come with the product, which no vendor has approved for you yet."""

    model_config = ConfigDict(frozen=True)

    id: UUID | None
    channel: str
    sequence_step: int
    language: str
    body: str
    parameters: list[str]
    vendor_templates: dict[str, str]
    set_by: str | None = None
    updated_at: datetime | None = None

    @property
    def name(self) -> str:
        """How a message names its template."""
        return f"{self.channel}/{self.sequence_step}/{self.language}"


class TemplateList(BaseModel):
    items: list[Template]


class RecordConsent(_Body):
    """Body of POST /v1/consents: a person agreed to be written to, or is a customer."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "contact_id": "01936f3e-9a40-7c11-8f7a-5b1d2c3e4f12",
                    "channel": "whatsapp",
                    "basis": "opt_in",
                    "source": "trade fair, signed form 17",
                }
            ]
        }
    )

    contact_id: UUID = Field(validation_alias=_both("contact_id"))
    channel: ConsentChannel = "any"
    basis: Literal["opt_in", "existing_customer"]
    source: Annotated[str, Field(min_length=1, max_length=200), NoNul]
    note: Annotated[str, Field(max_length=1000), NoNul] | None = None
    given_at: AwareDatetime | None = Field(default=None, validation_alias=_both("given_at"), description="absent: now")


class Consent(BaseModel):
    model_config = ConfigDict(frozen=True)

    id: UUID
    contact_id: UUID
    channel: str
    basis: str
    source: str
    note: str | None
    given_at: datetime
    recorded_by: str
    withdrawn_at: datetime | None
    withdrawn_by: str | None
    created_at: datetime


class ConsentPage(BaseModel):
    items: list[Consent]
    next_cursor: str | None


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

    def facts(self) -> dict[str, Any]:
        """Those that say something, by name, without what reaches a person."""
        named = {
            "company_name": self.company_name,
            "industry": self.industry,
            "city": self.city,
            "title": self.contact_title,
        }
        return {name: value for name, value in named.items() if value}
