"""event -> jobs: the whole flow on one page. Total and pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, assert_never
from uuid import UUID

from contracts.errors import Invalid
from contracts.events import (
    AlertOpened,
    AlertResolved,
    AlertTestRequested,
    CrmErasureRequested,
    CrmProbeRequested,
    CrmSyncRequested,
    EnrichmentRequested,
    EvaluationRequested,
    Event,
    FeaturesComputed,
    FeaturesRequested,
    FeedbackGiven,
    LeadDiscovered,
    LeadEnriched,
    LeadScored,
    MatchingRequested,
    MessageApproved,
    ModelTrained,
    OpportunitiesShared,
    Probed,
    Redelivery,
    ReplayRequested,
    RunFinished,
    RunRequested,
    SliceReady,
    TriggerFired,
)
from contracts.jobs import (
    Again,
    CheckCrm,
    ComputeFeatures,
    ComputeScore,
    DeliverAlert,
    DoBusiness,
    EnrichLead,
    EraseInCrm,
    EvaluateAlerts,
    EvaluateModel,
    EvaluateOpportunities,
    FetchPage,
    GenerateLabels,
    GenerateMessage,
    Job,
    Payload,
    PlanNight,
    Probe,
    PullRegister,
    PushToCrm,
    ReplayRun,
    RollUp,
    RunDiscovery,
    RunOpportunities,
    ScanMatches,
    SendMessage,
    TrainModel,
    TryAlertChannel,
    job,
)
from contracts.nights import night_of


def jobs_for(event: Event) -> list[Job | Again]:
    """Decide which jobs follow from a fact. An empty list means: known, and nothing follows."""
    match event:
        case RunRequested():
            name, asked = _beginning(event)
            return [job(name, str(event.run_id), asked, run_id=event.run_id)]
        case SliceReady():
            page = FetchPage(run_id=event.run_id, slice_id=event.slice_id, page=event.page)
            fetch = {None: "discovery.fetch", "opportunities": "opportunities.fetch", "maintenance": "staging.fetch"}
            name = fetch[event.kind]
            return [job(name, f"{event.run_id}:{event.slice_id}:{event.page}", page, run_id=event.run_id)]
        case LeadDiscovered():
            if not event.enrich:
                return []  # the nightly run chooses whom
            found = EnrichLead(
                lead_id=event.lead_id,
                discovery_record_id=event.discovery_record_id,
                provider=event.provider,
                icp_profile_id=event.icp_profile_id,
                cause="discovered",
            )
            return [job("enrichment.run", f"{event.lead_id}:discovered", found)]
        case EnrichmentRequested():
            lead = EnrichLead(
                lead_id=event.lead_id,
                discovery_record_id=event.discovery_record_id,
                provider=event.provider,
                icp_profile_id=event.icp_profile_id,
                cause=event.cause,
            )
            return [job("enrichment.run", f"{event.lead_id}:{event.cause}", lead, run_id=night_of(event.cause))]
        case LeadEnriched():
            return [_look_at(event.lead_id, event.cause or f"enrichment:{event.enrichment_id}")]
        case FeaturesRequested():
            return [_look_at(event.lead_id, event.cause)]
        case FeaturesComputed():
            score = ComputeScore(lead_id=event.lead_id, snapshot_id=event.snapshot_id, cause=event.cause)
            return [job("scoring.compute", f"{event.snapshot_id}:{event.cause}", score, run_id=night_of(event.cause))]
        case LeadScored():
            return _after_score(event)
        case FeedbackGiven():
            said = GenerateLabels(lead_id=event.lead_id, feedback_id=event.feedback_id)
            return [job("labels.generate", str(event.feedback_id), said)]
        case ModelTrained():
            model = EvaluateModel(model_version_id=event.model_version_id, run_id=event.run_id)
            return [job("model.evaluate", str(event.model_version_id), model)]
        case EvaluationRequested():
            look = EvaluateModel(model_version_id=event.model_version_id, cause=event.cause)
            return [job("model.evaluate", f"{event.model_version_id}:{event.cause}", look)]
        case MessageApproved():
            return [job("message.send", str(event.message_id), SendMessage(message_id=event.message_id))]
        case CrmSyncRequested():
            push = PushToCrm(lead_id=event.lead_id, cause=event.cause)
            return [job("crm.push", f"{event.lead_id}:{event.cause}", push, run_id=event.run_id)]
        case CrmProbeRequested():
            return [job("crm.check", str(event.probe_id), CheckCrm(probe_id=event.probe_id))]
        case CrmErasureRequested():
            erase = EraseInCrm(link_id=event.link_id, cause=event.cause)
            return [job("crm.erase", f"{event.link_id}:{event.cause}", erase)]
        case MatchingRequested():
            return [job("matching.scan", str(event.for_tenant), ScanMatches())]
        case ReplayRequested():
            again = ReplayRun(run_id=event.run_id, apply=event.apply)
            name = {None: "replay.run", "opportunities": "opportunities.replay", "enrichments": "enrichment.replay"}[
                event.of
            ]
            return [job(name, f"{event.run_id}:{'apply' if event.apply else 'show'}", again, run_id=event.run_id)]
        case RunFinished():
            return _after_run(event)
        case OpportunitiesShared():
            about = EvaluateOpportunities(run_id=event.run_id, for_tenant=event.for_tenant, round=event.round)
            return [job("opportunities.evaluate", f"{event.run_id}:{event.for_tenant}:{event.round}", about)]
        case TriggerFired():
            return []  # told to whoever subscribed
        case AlertOpened():
            return _tell(event.alert_id, event.channels, "opened")
        case AlertResolved():
            return _tell(event.alert_id, event.channels, "resolved")
        case AlertTestRequested():
            probe = TryAlertChannel(channel_id=event.channel_id, probe_id=event.probe_id)
            return [job("alert.test", str(event.probe_id), probe)]
        case Redelivery():
            return [Again(event.execution_id)]
        case Probed():
            kept = {None: "probe.touch", "exclusive": "probe.single", "period": "probe.hourly"}[event.scope]
            name = kept if event.key else "probe.run"
            return [job(name, event.key or str(event.probe_id), Probe(probe_id=event.probe_id, framed=event.framed))]
        case _:
            assert_never(event)


def _beginning(event: RunRequested) -> tuple[str, Payload]:
    """The job a run begins with."""
    match event.kind:
        case "opportunities":
            return "opportunities.run", RunOpportunities(run_id=event.run_id)
        case "maintenance":
            return "staging.pull", PullRegister(run_id=event.run_id)
        case "training":
            return "model.train", TrainModel(run_id=event.run_id)
        case "rollup":
            return "analytics.rollup", RollUp(run_id=event.run_id)
        case "discovery":
            return "discovery.dry_run" if event.dry_run else "discovery.run", RunDiscovery(run_id=event.run_id)
        case "job":
            if event.job is None:
                raise Invalid("a run of kind job names its job", code="no_job")
            return event.job, DoBusiness(run_id=event.run_id)
        case "nightly":
            return "nightly.plan", PlanNight(run_id=event.run_id, dry_run=event.dry_run)
        case _:
            assert_never(event.kind)


def _after_run(event: RunFinished) -> list[Job | Again]:
    """What follows a run is not its own any more: no run id, so that it can be neither cancelled nor reopened with it.

    A run that was retried ends once more, differently: its status is part of the key.
    """
    if event.status == "cancelled":
        return []
    jobs: list[Job | Again] = []
    if event.kind == "opportunities" and event.status != "failed":
        jobs.append(job("opportunities.share", str(event.run_id), RunOpportunities(run_id=event.run_id)))
    look = EvaluateAlerts(run_id=event.run_id)
    return [*jobs, job("alerts.evaluate", f"{event.run_id}:{event.status}", look)]


def _tell(alert: UUID, channels: Sequence[UUID], transition: Literal["opened", "resolved"]) -> list[Job | Again]:
    return [
        job(
            "alert.deliver",
            f"{alert}:{channel}:{transition}",
            DeliverAlert(alert_id=alert, channel_id=channel, transition=transition),
        )
        for channel in channels
    ]


def _look_at(lead_id: UUID, cause: str) -> Job:
    look = ComputeFeatures(lead_id=lead_id, cause=cause)
    return job("features.compute", f"{lead_id}:{cause}", look, run_id=night_of(cause))


def _after_score(event: LeadScored) -> list[Job | Again]:
    """HIGH leads get a draft, those the CRM takes are pushed; both hang on the prediction that decided.

    A night pushes its leads itself, whether their score is another one or not.
    """
    jobs: list[Job | Again] = []
    if event.band == "HIGH":
        draft = GenerateMessage(lead_id=event.lead_id, prediction_id=event.prediction_id)
        jobs.append(job("message.generate", str(event.prediction_id), draft))
    if event.export and night_of(event.cause) is None:
        push = PushToCrm(lead_id=event.lead_id, prediction_id=event.prediction_id)
        jobs.append(job("crm.push", str(event.prediction_id), push))
    return jobs
