"""How a tenant writes: settings, templates, consents, as the API takes and shows them (R20)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Literal
from uuid import UUID

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from contracts.message_texts import LANGUAGES, MAX_BODY, PARAMETERS, places
from contracts.outgoing import MAIL_ADDRESS
from contracts.regions import Gate
from contracts.texts import Moment, NoNul

MessageChannel = Literal["whatsapp", "email"]
#: Who carries WhatsApp; mail is carried by the house's mail server, `smtp`.
SendVendor = Literal["trengo", "whatsapp"]
MAIL: Final = "smtp"
ConsentChannel = Literal["any", "whatsapp", "email", "phone"]
_Code = Annotated[
    str, Field(pattern=r"^[a-z]{2,3}(_[A-Z]{2})?$", max_length=20, description="language, e.g. en or pt_BR")
]
_Country = Annotated[str, Field(pattern="^[A-Z]{2}$", description="ISO 3166-1 alpha-2")]


def _both(name: str) -> AliasChoices:
    return AliasChoices(name, to_camel(name))


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class MessageSettings(BaseModel):
    """How a tenant writes. `auto_send`: the policy itself approves drafts (R20). `regions`: gates by country, before ours.

    `channels`: on which drafts are made; mail only to contacts with an address. `reply_to`: where answers to mails go, also those
    that ask to be left alone. `vendor`: who carries WhatsApp.
    """

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
    channels: Annotated[list[MessageChannel], Field(max_length=2)] = ["whatsapp"]
    reply_to: Annotated[str, Field(max_length=320, pattern=MAIL_ADDRESS)] | None = Field(
        default=None, validation_alias=_both("reply_to")
    )

    @model_validator(mode="after")
    def _default_is_allowed(self) -> MessageSettings:
        if self.default_language not in self.languages:
            raise ValueError("default_language is not among languages: add it there")
        return self


class SetTemplate(_Body):
    """Body of PUT /v1/message-templates: a tenant's own words for one channel, step and language.

    On WhatsApp `vendor_templates` says how a vendor calls the text it approved; of a mail, `smtp` is its subject.
    """

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
    body: Annotated[str, Field(min_length=1, max_length=MAX_BODY["email"]), NoNul]
    parameters: Annotated[list[Literal[PARAMETERS]], Field(max_length=20)]  # type: ignore[valid-type]
    vendor_templates: dict[SendVendor | Literal["smtp"], Annotated[str, Field(min_length=1, max_length=200), NoNul]] = (
        Field(default={}, validation_alias=_both("vendor_templates"))
    )

    @model_validator(mode="after")
    def _every_place_is_filled(self) -> SetTemplate:
        if places(self.body) != list(range(1, len(self.parameters) + 1)):
            raise ValueError("body must hold {{1}} to {{n}}, one for each of parameters: number them without a gap")
        if len(self.body) > MAX_BODY[self.channel]:
            raise ValueError(
                f"body has more than {MAX_BODY[self.channel]} characters, the most of this channel: shorten it"
            )
        if self.channel == "email":
            self._subject()
        elif MAIL in self.vendor_templates:
            raise ValueError("vendor_templates.smtp is the subject of a mail: set it on channel email")
        trengo = self.vendor_templates.get("trengo")
        if trengo is not None and not (trengo.isascii() and trengo.isdigit()):
            raise ValueError("vendor_templates.trengo is a number: `trengo.templates` lists them")
        return self

    def _subject(self) -> None:
        subject = self.vendor_templates.get("smtp")
        if set(self.vendor_templates) != {MAIL} or subject is None or not subject.isprintable():
            raise ValueError('vendor_templates of a mail is its subject, in one line: {"smtp": "A word from {{2}}"}')
        if not set(places(subject)) <= set(places(self.body)):
            raise ValueError("the subject may only hold places that body has")


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
    given_at: Moment | None = Field(default=None, validation_alias=_both("given_at"), description="absent: now")


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
