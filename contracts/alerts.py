"""Alerts: what wants a person's eye, and the channels they are told on."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from contracts.outgoing import MAIL_ADDRESS
from contracts.texts import NoNul

Severity = Literal["critical", "error", "warning", "info"]
#: Worst first.
SEVERITIES: tuple[Severity, ...] = ("critical", "error", "warning", "info")
AlertState = Literal["open", "ack", "resolved"]
Transition = Literal["opened", "resolved"]
ChannelKind = Literal["webhook", "slack", "pagerduty", "email", "sentry"]
MAX_CHANNELS = 20


class AlertView(BaseModel):
    """One open row a rule and scope; what happens again is counted. `evidence` holds no personal data."""

    tenant_id: UUID
    id: UUID
    rule: str
    scope: str
    severity: Severity
    state: AlertState
    first_seen: AwareDatetime
    last_seen: AwareDatetime
    count: int
    evidence: dict[str, Any]
    acknowledged_by: str | None = None
    acknowledged_at: AwareDatetime | None = None
    resolved_at: AwareDatetime | None
    resolved_by: str | None = Field(default=None, description="None: by itself, when the condition was over")


class AlertList(BaseModel):
    items: list[AlertView]


class AlertPage(BaseModel):
    items: list[AlertView]
    next_cursor: str | None


class AlertedRun(BaseModel):
    """A run that an alert names. `items` is what it went through, `errors` what of it failed; durations in seconds."""

    id: UUID
    kind: str
    job: str | None
    status: str
    finished_at: AwareDatetime | None
    duration_s: float | None
    items: int | None
    errors: int


class AlertDelivery(BaseModel):
    """What was told where."""

    channel_id: UUID
    channel: str
    kind: ChannelKind
    transition: Transition
    state: Literal["sending", "sent", "skipped", "dead"]
    attempts: int
    reason: str | None
    began_at: AwareDatetime
    ended_at: AwareDatetime | None


class AlertDetail(AlertView):
    """The same with one sentence, the runs it was measured against and where it was told."""

    summary: str
    runs: list[AlertedRun] = Field(description="the run or runs it is about, then its baseline; those that still stand")
    deliveries: list[AlertDelivery]


ChannelName = Annotated[str, Field(min_length=1, max_length=100), NoNul]
ChannelUrl = Annotated[str, Field(min_length=8, max_length=2000), NoNul]
SecretRef = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]{2,199}$")]
Address = Annotated[str, Field(pattern=MAIL_ADDRESS, max_length=320)]


class CreateAlertChannel(BaseModel):
    """Body of POST /v1/alert-channels. What names the place depends on the kind:

    webhook: `url`, or `secret_ref` ALERT_WEBHOOK_URL. slack: `url` of an incoming webhook, or the setting that holds it.
    pagerduty: the setting that holds its routing key. email: `address`. sentry: nothing, SENTRY_DSN is a setting.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={
            "examples": [
                {
                    "name": "night shift",
                    "kind": "webhook",
                    "url": "https://hooks.karoo.co.za/alerts",
                    "min_severity": "error",
                }
            ]
        },
    )

    name: ChannelName
    kind: ChannelKind
    url: ChannelUrl | None = None
    secret_ref: SecretRef | None = None
    address: Address | None = None
    min_severity: Severity = "warning"
    enabled: bool = True

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        places = {"url": self.url, "secret_ref": self.secret_ref, "address": self.address}
        given = {name for name, value in places.items() if value is not None}
        allowed: dict[ChannelKind, set[str]] = {
            "webhook": {"url", "secret_ref"}, "slack": {"url", "secret_ref"}, "pagerduty": {"secret_ref"}, "email": {"address"},
            "sentry": set(),
        }  # fmt: skip
        takes = allowed[self.kind]
        if given - takes or len(given) != min(1, len(takes)):
            raise ValueError(
                f"a channel of kind {self.kind} takes {' or '.join(sorted(takes)) or 'no place of its own'}"
            )
        return self


class ChangeAlertChannel(BaseModel):
    """Body of PATCH: what is named is replaced. Another place is another channel: make a new one."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, json_schema_extra={"examples": [{"min_severity": "critical"}]}
    )

    name: ChannelName | None = None
    min_severity: Severity | None = None
    enabled: bool | None = None


class AlertChannel(BaseModel):
    """A channel as it stands. `place` says where it leads without what is secret about it."""

    id: UUID
    name: str
    kind: ChannelKind
    place: str
    min_severity: Severity
    enabled: bool
    failures: int = Field(description="deliveries given up since the last that arrived")
    last_error: str | None
    last_sent_at: AwareDatetime | None
    tested_at: AwareDatetime | None
    test_result: str | None = Field(description="delivered, or why not")
    created_by: str
    created_at: AwareDatetime
    updated_at: AwareDatetime


class NewAlertChannel(AlertChannel):
    """A channel just made. A webhook's signing secret is shown this once."""

    signing_secret: str | None = None


class AlertChannelPage(BaseModel):
    items: list[AlertChannel]
    next_cursor: str | None


class AlertTestAnswer(BaseModel):
    """A test is under way: its result will stand in the channel's `test_result`."""

    channel_id: UUID
    probe_id: UUID


class AlertWay(BaseModel):
    """Where an alert goes and with what: for the worker only, never shown."""

    model_config = ConfigDict(frozen=True)

    tenant_id: UUID
    slug: str
    channel_id: UUID
    kind: ChannelKind
    url: str | None = None
    secret_ref: str | None = None
    address: str | None = None
