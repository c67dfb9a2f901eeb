"""Every fact the outbox may carry: one closed, versioned union. The pipeline decides what each leads to.

A fact names rows by id; whoever acts on it reads their current state. Wire names are the documents' camelCase (R24); both
spellings are accepted. `parse` is the only way from a stored row back to a fact.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, get_args
from uuid import UUID

from pydantic import AliasGenerator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel

from contracts.accounts import BusinessJob
from contracts.alerts import Severity
from contracts.errors import Invalid
from contracts.runs import RunKind

#: When an event of an ordering key fails, the rest of the key `block` = wait until an operator has answered its dead letter,
#: `park` = go on once it is one, `skip` = go on at once, and it is tried again out of order.
OnFailure = Literal["block", "park", "skip"]


class Fact(BaseModel):
    """Base of all facts. `aggregate_type` and `about`, a field, say which row; `on_failure` holds under an ordering key."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        populate_by_name=True,
        alias_generator=AliasGenerator(validation_alias=to_camel, serialization_alias=to_camel),
    )

    version: ClassVar[int] = 1
    aggregate_type: ClassVar[str]
    about: ClassVar[str]
    on_failure: ClassVar[OnFailure] = "park"

    type: str

    @property
    def aggregate_id(self) -> UUID:
        """The row the fact is about."""
        row: UUID = getattr(self, self.about)
        return row


class RunRequested(Fact):
    """A run was asked for: its row is committed, `pending`."""

    aggregate_type: ClassVar[str] = "run"
    about: ClassVar[str] = "run_id"
    type: Literal["RunRequested"] = "RunRequested"
    run_id: UUID
    kind: RunKind = "discovery"
    dry_run: bool = False
    job: BusinessJob | None = Field(default=None, description="of a run of kind job", exclude_if=lambda v: v is None)


class SliceReady(Fact):
    """A page of a slice may be fetched. `page` counts from 0; the cursor stands on the slice's row."""

    aggregate_type: ClassVar[str] = "run"
    about: ClassVar[str] = "run_id"
    type: Literal["SliceReady"] = "SliceReady"
    run_id: UUID
    slice_id: UUID
    page: Annotated[int, Field(ge=0, le=1_000_000)]
    kind: Literal["opportunities", "maintenance"] | None = Field(
        default=None, description="of its run; None: a discovery run"
    )


class LeadDiscovered(Fact):
    """A lead that did not exist before: `new`, waiting for enrichment (S2.06)."""

    aggregate_type: ClassVar[str] = "lead"
    about: ClassVar[str] = "lead_id"
    type: Literal["LeadDiscovered"] = "LeadDiscovered"
    lead_id: UUID
    discovery_record_id: UUID | None = None
    provider: Annotated[str, Field(max_length=50)] | None = None
    icp_profile_id: UUID | None = None
    enrich: bool = Field(
        default=False, description="somebody waits for it: it is enriched at once, not when a night chooses it"
    )


class EnrichmentRequested(Fact):
    """A lead is to be enriched (S2.06). `cause` tells one enrichment of a lead from the next."""

    aggregate_type: ClassVar[str] = "lead"
    about: ClassVar[str] = "lead_id"
    type: Literal["EnrichmentRequested"] = "EnrichmentRequested"
    lead_id: UUID
    discovery_record_id: UUID | None = None
    provider: Annotated[str, Field(max_length=50)] | None = None
    icp_profile_id: UUID | None = None
    cause: Annotated[str, Field(min_length=1, max_length=200)]


class LeadEnriched(Fact):
    """An enrichment ended and its facts are committed."""

    aggregate_type: ClassVar[str] = "lead"
    about: ClassVar[str] = "lead_id"
    type: Literal["LeadEnriched"] = "LeadEnriched"
    lead_id: UUID
    enrichment_id: UUID
    cause: Annotated[str, Field(min_length=1, max_length=200)] | None = Field(
        default=None, description="of the enrichment, where somebody waits for what follows it"
    )


class FeaturesRequested(Fact):
    """A lead is to be looked at anew although nothing was asked about it: rules, a merge or an import changed what counts."""

    aggregate_type: ClassVar[str] = "lead"
    about: ClassVar[str] = "lead_id"
    type: Literal["FeaturesRequested"] = "FeaturesRequested"
    lead_id: UUID
    cause: Annotated[str, Field(min_length=1, max_length=200)]


class FeaturesComputed(Fact):
    """A lead's snapshot is committed. `cause` tells one look from the next: the same snapshot may be scored by newer rules."""

    aggregate_type: ClassVar[str] = "lead"
    about: ClassVar[str] = "lead_id"
    type: Literal["FeaturesComputed"] = "FeaturesComputed"
    lead_id: UUID
    snapshot_id: UUID
    cause: Annotated[str, Field(min_length=1, max_length=200)]


class LeadScored(Fact):
    """A prediction that decides is committed. `export`: at or above what the tenant's CRM takes, when it was scored."""

    aggregate_type: ClassVar[str] = "lead"
    about: ClassVar[str] = "lead_id"
    type: Literal["LeadScored"] = "LeadScored"
    lead_id: UUID
    prediction_id: UUID
    band: Literal["LOW", "MEDIUM", "HIGH"]
    score: Annotated[float, Field(ge=0, le=1)]
    export: bool = False
    cause: Annotated[str, Field(min_length=1, max_length=200)] | None = Field(
        default=None, description="of the look that led to it, where somebody waits for it"
    )


class FeedbackGiven(Fact):
    """Somebody said what became of a lead (S2.12)."""

    aggregate_type: ClassVar[str] = "lead"
    about: ClassVar[str] = "lead_id"
    type: Literal["FeedbackGiven"] = "FeedbackGiven"
    lead_id: UUID
    feedback_id: UUID


class ModelTrained(Fact):
    """A new model version stands in SHADOW: it is to be evaluated beside the active one."""

    aggregate_type: ClassVar[str] = "model"
    about: ClassVar[str] = "model_version_id"
    type: Literal["ModelTrained"] = "ModelTrained"
    model_version_id: UUID
    run_id: UUID | None = None


class EvaluationRequested(Fact):
    """A model version is to be held against what came true by now. `cause` tells one look from the next."""

    aggregate_type: ClassVar[str] = "model"
    about: ClassVar[str] = "model_version_id"
    type: Literal["EvaluationRequested"] = "EvaluationRequested"
    model_version_id: UUID
    cause: Annotated[str, Field(min_length=1, max_length=200)]


class TriggerFired(Fact):
    """A tenant's trigger fired for a subject, once for a window: for the webhooks that want to hear of it."""

    aggregate_type: ClassVar[str] = "trigger"
    about: ClassVar[str] = "trigger_id"
    type: Literal["TriggerFired"] = "TriggerFired"
    trigger_id: UUID
    execution_id: UUID
    name: Annotated[str, Field(min_length=1, max_length=80)]
    rule: Annotated[str, Field(max_length=50)]
    subject_kind: Literal["account", "sku", "sample"]
    subject_id: UUID


class MessageApproved(Fact):
    """A draft may go out: a person said so, or the tenant has opted in (R20)."""

    aggregate_type: ClassVar[str] = "message"
    about: ClassVar[str] = "message_id"
    type: Literal["MessageApproved"] = "MessageApproved"
    message_id: UUID


class CrmSyncRequested(Fact):
    """A lead is to stand in the CRM as it is now, whatever its score (S3.17). `cause` tells one request from the next."""

    aggregate_type: ClassVar[str] = "lead"
    about: ClassVar[str] = "lead_id"
    type: Literal["CrmSyncRequested"] = "CrmSyncRequested"
    lead_id: UUID
    cause: Annotated[str, Field(min_length=1, max_length=200)]
    run_id: UUID | None = None


class CrmProbeRequested(Fact):
    """A tenant's connection to its CRM is to be tried (S3.16). `probe_id` tells one test from the next."""

    aggregate_type: ClassVar[str] = "tenant"
    about: ClassVar[str] = "for_tenant"
    type: Literal["CrmProbeRequested"] = "CrmProbeRequested"
    for_tenant: UUID
    probe_id: UUID


class CrmErasureRequested(Fact):
    """A person was erased here, and a record in the CRM names them (B.09). `cause` tells one erasure from the next."""

    aggregate_type: ClassVar[str] = "crm_link"
    about: ClassVar[str] = "link_id"
    type: Literal["CrmErasureRequested"] = "CrmErasureRequested"
    link_id: UUID
    cause: Annotated[str, Field(min_length=1, max_length=200)]


class MatchingRequested(Fact):
    """Companies came in that nobody has compared with the others yet. Whoever scans takes all there are."""

    aggregate_type: ClassVar[str] = "tenant"
    about: ClassVar[str] = "for_tenant"
    type: Literal["MatchingRequested"] = "MatchingRequested"
    for_tenant: UUID


class ReplayRequested(Fact):
    """A run is to be done again from stored answers under today's code and rules (B.03): `run_id` is the replay's own run.

    `of`: what is done again. None: a discovery run.
    """

    aggregate_type: ClassVar[str] = "run"
    about: ClassVar[str] = "run_id"
    type: Literal["ReplayRequested"] = "ReplayRequested"
    run_id: UUID
    apply: bool = False
    of: Literal["opportunities", "enrichments"] | None = None


class RunFinished(Fact):
    """A run reached a terminal status."""

    aggregate_type: ClassVar[str] = "run"
    about: ClassVar[str] = "run_id"
    type: Literal["RunFinished"] = "RunFinished"
    run_id: UUID
    status: Literal["completed", "partial", "failed", "cancelled"]
    kind: Literal["opportunities"] | None = Field(
        default=None, description="None: whoever waits for none in particular"
    )


class OpportunitiesShared(Fact):
    """A tenant's profiles are to be held against what a run of the reserved tenant `system` brought. `round` counts from 0."""

    aggregate_type: ClassVar[str] = "run"
    about: ClassVar[str] = "run_id"
    type: Literal["OpportunitiesShared"] = "OpportunitiesShared"
    run_id: UUID
    for_tenant: UUID
    round: Annotated[int, Field(ge=0, le=1_000_000)] = 0


class AlertOpened(Fact):
    """An alert was opened. `channels`: where it is to be told, as they were configured then."""

    aggregate_type: ClassVar[str] = "alert"
    about: ClassVar[str] = "alert_id"
    type: Literal["AlertOpened"] = "AlertOpened"
    alert_id: UUID
    rule: Annotated[str, Field(max_length=100)]
    severity: Severity
    channels: tuple[UUID, ...] = Field(default=(), max_length=50)


class AlertResolved(Fact):
    """An alert is over. `channels`: where it was told."""

    aggregate_type: ClassVar[str] = "alert"
    about: ClassVar[str] = "alert_id"
    type: Literal["AlertResolved"] = "AlertResolved"
    alert_id: UUID
    rule: Annotated[str, Field(max_length=100)]
    severity: Severity
    channels: tuple[UUID, ...] = Field(default=(), max_length=50)


class AlertTestRequested(Fact):
    """A channel for alerts is to be tried. `probe_id` tells one test from the next."""

    aggregate_type: ClassVar[str] = "alert_channel"
    about: ClassVar[str] = "channel_id"
    type: Literal["AlertTestRequested"] = "AlertTestRequested"
    channel_id: UUID
    probe_id: UUID


class Redelivery(Fact):
    """A job whose attempt failed is due again: the same execution, its next attempt."""

    aggregate_type: ClassVar[str] = "execution"
    about: ClassVar[str] = "execution_id"
    type: Literal["Redelivery"] = "Redelivery"
    execution_id: UUID


class Probed(Fact):
    """A measuring event: benchmarks and health probes send it, its job does nothing."""

    aggregate_type: ClassVar[str] = "probe"
    about: ClassVar[str] = "probe_id"
    type: Literal["Probed"] = "Probed"
    probe_id: UUID
    key: Annotated[str, Field(max_length=200)] = ""
    framed: bool = False
    scope: Literal["exclusive", "period"] | None = Field(
        default=None, description="of its key; None: it coalesces", exclude_if=lambda v: v is None
    )


Event = (
    RunRequested
    | SliceReady
    | LeadDiscovered
    | EnrichmentRequested
    | LeadEnriched
    | FeaturesRequested
    | FeaturesComputed
    | LeadScored
    | FeedbackGiven
    | ModelTrained
    | EvaluationRequested
    | TriggerFired
    | MessageApproved
    | CrmSyncRequested
    | CrmProbeRequested
    | CrmErasureRequested
    | MatchingRequested
    | ReplayRequested
    | RunFinished
    | OpportunitiesShared
    | AlertOpened
    | AlertResolved
    | AlertTestRequested
    | Redelivery
    | Probed
)

_EVENT: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="type")])
_TYPE = {"type"}
_VERSIONS: dict[str, int] = {kind.__name__: kind.version for kind in get_args(Event)}


def parse(type_: str, version: int, payload: object) -> Event:
    """Turn a stored event back into a fact.

    Raises: Invalid (code `unknown_event`, `unknown_version` or `bad_payload`) naming what does not fit.
    """
    known = _VERSIONS.get(type_)
    if known is None:
        raise Invalid(f"no event is called {type_!r}; known: {', '.join(sorted(_VERSIONS))}", code="unknown_event")
    if version > known or version < 1:
        raise Invalid(
            f"{type_} version {version} is not known here (newest: {known}); upgrade first", code="unknown_version"
        )
    if not isinstance(payload, dict):
        raise Invalid(
            f"{type_} v{version} does not fit its contract: its payload is no JSON object", code="bad_payload"
        )
    try:
        return _EVENT.validate_python({**payload, "type": type_})
    except ValidationError as error:
        where = "; ".join(f"{'.'.join(map(str, e['loc'][1:]))}: {e['msg']}" for e in error.errors()[:5])
        raise Invalid(f"{type_} v{version} does not fit its contract: {where}", code="bad_payload") from error


def payload_of(event: Event) -> bytes:
    """The body of an event as JSON text, in the documents' spelling, without its type: the pools pass it on as it is."""
    return event.model_dump_json(by_alias=True, exclude=_TYPE, exclude_none=True).encode()
