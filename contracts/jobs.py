"""Every job: name, queue, payload, singleton key, retry policy. The worker finds the body, the dispatcher the row.

A key names its cause (run, slice, page), so next month's work has another key. How long a key holds (design law 3):

once       for ever: the next event of this key is absorbed, whatever became of the job
period     for `period_s` seconds of the clock, by the time the event was written; then the same key may be used again
exclusive  while the job is queued, runs, or waits for its next attempt: at most one of a key is alive
coalesce   while it is queued; only for jobs that read current state instead of arguments

An event that finds its key taken is absorbed, and names the execution that absorbed it. What that one answered is its answer too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Literal
from uuid import UUID

from pydantic import AliasGenerator, BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from contracts.errors import Invalid

#: Rescue puts an execution here after two crashes: it runs next alone in a worker process.
ALONE_QUEUE = "alone"


class JobState(StrEnum):
    """States of an execution. The documents know four (S2.05); `documented` maps ours onto them."""

    QUEUED = "queued"  # event -> queued, waiting -> queued, running -> queued (rescued)
    RUNNING = "running"  # queued -> running
    WAITING = "waiting"  # running -> waiting: its redelivery stands in the outbox
    DONE = "done"  # running -> done
    DEAD = "dead"  # running -> dead: gave up, see dead_letters
    CANCELLED = "cancelled"
    QUARANTINED = "quarantined"  # killed three workers
    SUPERSEDED = "superseded"  # coalesced into a younger execution of the same key

    @property
    def documented(self) -> Literal["queued", "running", "completed", "failed"]:
        if self in (JobState.QUEUED, JobState.WAITING):
            return "queued"
        if self is JobState.RUNNING:
            return "running"
        return "completed" if self in (JobState.DONE, JobState.SUPERSEDED) else "failed"


class Payload(BaseModel):
    """Base of job arguments: the documents' camelCase on the wire, both spellings accepted."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        populate_by_name=True,
        alias_generator=AliasGenerator(validation_alias=to_camel, serialization_alias=to_camel),
    )


class RunDiscovery(Payload):
    """Arguments of `discovery.run` and `discovery.dry_run`; the request itself stands on the run's row."""

    run_id: UUID


class FetchPage(Payload):
    """Arguments of `discovery.fetch`: one page of one slice."""

    run_id: UUID
    slice_id: UUID
    page: int = Field(ge=0, le=1_000_000)


class EnrichLead(Payload):
    """Arguments of `enrichment.run` (S2.06). `cause` tells one enrichment of a lead from the next."""

    lead_id: UUID
    discovery_record_id: UUID | None = None
    provider: str | None = Field(default=None, max_length=50)
    icp_profile_id: UUID | None = None
    correlation_id: UUID | None = None
    cause: str = Field(min_length=1, max_length=200)


class RunOpportunities(Payload):
    """Arguments of `opportunities.run` and `opportunities.share`. Pages are fetched by `opportunities.fetch` (FetchPage)."""

    run_id: UUID


class EvaluateOpportunities(Payload):
    """Arguments of `opportunities.evaluate`: a job of the reserved tenant `system` about `for_tenant`."""

    run_id: UUID
    for_tenant: UUID
    round: int = Field(default=0, ge=0, le=1_000_000)


class PullRegister(Payload):
    """Arguments of `staging.pull`. Data sets are fetched by `staging.fetch` (FetchPage)."""

    run_id: UUID


class ComputeFeatures(Payload):
    """Arguments of `features.compute`. `cause`: the enrichment, rule set or merge that asks."""

    lead_id: UUID
    cause: str = Field(min_length=1, max_length=200)


class ComputeScore(Payload):
    """Arguments of `scoring.compute`."""

    lead_id: UUID
    snapshot_id: UUID
    cause: str = Field(min_length=1, max_length=200)


class GenerateLabels(Payload):
    """Arguments of `labels.generate`: one piece of feedback."""

    lead_id: UUID
    feedback_id: UUID


class TrainModel(Payload):
    """Arguments of `model.train`; family and configuration stand on the run's row."""

    run_id: UUID


class EvaluateModel(Payload):
    """Arguments of `model.evaluate`. `cause` tells one look at a version from the next."""

    model_version_id: UUID
    run_id: UUID | None = None
    cause: str = Field(default="trained", min_length=1, max_length=200)


class GenerateMessage(Payload):
    """Arguments of `message.generate`."""

    lead_id: UUID
    prediction_id: UUID


class SendMessage(Payload):
    """Arguments of `message.send`."""

    message_id: UUID


class PushToCrm(Payload):
    """Arguments of `crm.push`. `prediction_id` or, for a sync somebody asked for, `cause`."""

    lead_id: UUID
    prediction_id: UUID | None = None
    cause: str | None = Field(default=None, max_length=200)


class CheckCrm(Payload):
    """Arguments of `crm.check`: one test of a tenant's connection."""

    probe_id: UUID


class PlanNight(Payload):
    """Arguments of `nightly.plan`; what was asked for stands on the run's row."""

    run_id: UUID
    dry_run: bool = False


class EraseInCrm(Payload):
    """Arguments of `crm.erase`: the link to a record that names somebody who was erased. `cause`: the erasure."""

    link_id: UUID
    cause: str = Field(min_length=1, max_length=200)


class RollUp(Payload):
    """Arguments of `analytics.rollup`; the days stand on the run's row."""

    run_id: UUID


class DoBusiness(Payload):
    """Arguments of the `accounts.*` jobs; which rules hold stands in the settings."""

    run_id: UUID


class ScanMatches(Payload):
    """Arguments of `matching.scan`: it reads which companies have not been compared yet."""


class ReplayRun(Payload):
    """Arguments of `replay.run`, `opportunities.replay`, `enrichment.replay`: the replay's own run; its row says
    what is done again.
    """

    run_id: UUID
    apply: bool = False


class EvaluateAlerts(Payload):
    """Arguments of `alerts.evaluate`: a run that ended."""

    run_id: UUID


class DeliverAlert(Payload):
    """Arguments of `alert.deliver`."""

    alert_id: UUID
    channel_id: UUID
    transition: Literal["opened", "resolved"]


class TryAlertChannel(Payload):
    """Arguments of `alert.test`: one test of a channel."""

    channel_id: UUID
    probe_id: UUID


class Probe(Payload):
    """Arguments of the measuring job."""

    probe_id: UUID
    framed: bool = False


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Exponential backoff with full jitter: before attempt n+1 wait uniform(0, min(cap_s, base_s * 2**(n-1)))."""

    max_attempts: int
    base_s: float
    cap_s: float


Scope = Literal["once", "coalesce", "exclusive", "period"]


@dataclass(frozen=True, slots=True)
class JobSpec:
    """What is fixed about a kind of job. `timeout_s` bounds one attempt; `period_s`: how long a key of scope `period` holds."""

    name: str
    queue: str
    payload: type[Payload]
    scope: Scope
    timeout_s: float
    retry: RetryPolicy
    period_s: int | None = None

    def key_at(self, key: str, written_at: datetime) -> str:
        """The key an event written then asks for: of scope `period`, that of its period, which begins at a multiple of it."""
        if self.period_s is None:
            return key
        begins = int(written_at.timestamp()) // self.period_s * self.period_s
        return f"{key}@{datetime.fromtimestamp(begins, UTC):%Y-%m-%dT%H:%M:%SZ}"


_ALL = (
    JobSpec("discovery.run", "discovery", RunDiscovery, "once", 60, RetryPolicy(5, 0.5, 30)),
    JobSpec("discovery.dry_run", "discovery", RunDiscovery, "once", 900, RetryPolicy(3, 0.5, 30)),
    JobSpec("discovery.fetch", "discovery", FetchPage, "once", 120, RetryPolicy(4, 0.5, 60)),
    JobSpec("enrichment.run", "enrichment", EnrichLead, "once", 300, RetryPolicy(3, 1, 60)),
    JobSpec("opportunities.run", "opportunities", RunOpportunities, "once", 60, RetryPolicy(5, 0.5, 30)),
    JobSpec("opportunities.fetch", "opportunities", FetchPage, "once", 180, RetryPolicy(4, 1, 60)),
    JobSpec("opportunities.share", "opportunities", RunOpportunities, "once", 60, RetryPolicy(5, 0.5, 30)),
    JobSpec("opportunities.evaluate", "opportunities", EvaluateOpportunities, "once", 120, RetryPolicy(5, 1, 60)),
    JobSpec("staging.pull", "staging", PullRegister, "once", 120, RetryPolicy(5, 1, 60)),
    JobSpec("staging.fetch", "staging", FetchPage, "once", 1800, RetryPolicy(6, 2, 300)),
    JobSpec("features.compute", "scoring", ComputeFeatures, "once", 60, RetryPolicy(5, 0.5, 30)),
    JobSpec("scoring.compute", "scoring", ComputeScore, "once", 120, RetryPolicy(5, 0.5, 30)),
    JobSpec("labels.generate", "learning", GenerateLabels, "once", 60, RetryPolicy(5, 0.5, 30)),
    JobSpec("model.train", "learning", TrainModel, "once", 900, RetryPolicy(3, 2, 60)),
    JobSpec("model.evaluate", "learning", EvaluateModel, "once", 300, RetryPolicy(3, 2, 60)),
    JobSpec("message.generate", "messaging", GenerateMessage, "once", 180, RetryPolicy(4, 1, 60)),
    JobSpec("message.send", "messaging", SendMessage, "once", 120, RetryPolicy(4, 1, 120)),
    JobSpec("crm.push", "crm_sync", PushToCrm, "once", 120, RetryPolicy(5, 1, 300)),
    JobSpec("crm.check", "crm_sync", CheckCrm, "once", 60, RetryPolicy(3, 1, 10)),
    JobSpec("crm.erase", "crm_sync", EraseInCrm, "once", 120, RetryPolicy(5, 1, 300)),
    JobSpec("analytics.rollup", "analytics", RollUp, "once", 300, RetryPolicy(4, 1, 60)),
    JobSpec("accounts.update_types", "accounts", DoBusiness, "once", 300, RetryPolicy(3, 1, 60)),
    JobSpec("accounts.sample_metrics", "accounts", DoBusiness, "once", 300, RetryPolicy(3, 1, 60)),
    JobSpec("accounts.burn_rates", "accounts", DoBusiness, "once", 300, RetryPolicy(3, 1, 60)),
    JobSpec("accounts.triggers", "accounts", DoBusiness, "once", 300, RetryPolicy(3, 1, 60)),
    JobSpec("nightly.plan", "nightly", PlanNight, "once", 1800, RetryPolicy(5, 1, 60)),
    JobSpec("matching.scan", "matching", ScanMatches, "coalesce", 600, RetryPolicy(4, 1, 60)),
    JobSpec("replay.run", "discovery", ReplayRun, "once", 900, RetryPolicy(3, 1, 30)),
    JobSpec("alerts.evaluate", "alerts", EvaluateAlerts, "once", 60, RetryPolicy(5, 0.5, 30)),
    JobSpec("alert.deliver", "alerts", DeliverAlert, "once", 90, RetryPolicy(8, 2, 600)),
    JobSpec("alert.test", "alerts", TryAlertChannel, "once", 90, RetryPolicy(2, 1, 5)),
    JobSpec("opportunities.replay", "opportunities", ReplayRun, "once", 900, RetryPolicy(3, 1, 30)),
    JobSpec("enrichment.replay", "enrichment", ReplayRun, "once", 900, RetryPolicy(3, 1, 30)),
    JobSpec("probe.run", "probe", Probe, "once", 30, RetryPolicy(3, 0.1, 1)),
    JobSpec("probe.touch", "probe", Probe, "coalesce", 30, RetryPolicy(3, 0.1, 1)),
    JobSpec("probe.single", "probe", Probe, "exclusive", 30, RetryPolicy(3, 0.1, 1)),
    JobSpec("probe.hourly", "probe", Probe, "period", 30, RetryPolicy(3, 0.1, 1), period_s=3600),
)
JOBS: Mapping[str, JobSpec] = {spec.name: spec for spec in _ALL}
QUEUES: tuple[str, ...] = tuple(sorted({spec.queue for spec in _ALL}))


@dataclass(frozen=True, slots=True)
class Job:
    """A job the pipeline wants to exist: which, under what key, with what arguments, for which run."""

    name: str
    key: str
    payload: Payload
    run_id: UUID | None = None
    priority: int = 0


@dataclass(frozen=True, slots=True)
class Again:
    """The pipeline wants an execution that is waiting to be delivered once more."""

    execution_id: UUID


def job(name: str, key: str, payload: Payload, *, run_id: UUID | None = None, priority: int = 0) -> Job:
    """Build a job; the full singleton key is `name:key` (S2.15)."""
    return Job(name, f"{name}:{key}", payload, run_id, priority)


def arguments(name: str, payload: Mapping[str, object]) -> Payload:
    """Validate a stored payload against the job's contract.

    Raises: Invalid (code `unknown_job` or `bad_payload`).
    """
    spec = JOBS.get(name)
    if spec is None:
        raise Invalid(f"no job is called {name!r}; known: {', '.join(JOBS)}", code="unknown_job")
    try:
        return spec.payload.model_validate(payload)
    except ValidationError as error:
        where = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()[:5])
        raise Invalid(f"the arguments of {name} do not fit their contract: {where}", code="bad_payload") from error
