"""event -> jobs: total, pure, and under the documented keys (S2.01, S2.15)."""

from __future__ import annotations

import json
from typing import get_args
from uuid import UUID, uuid4

import pytest

from contracts import events
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
from contracts.jobs import JOBS, Again, Job, arguments
from worker.activities import ACTIVITIES
from worker.pipeline import jobs_for

RUN, PART, LEAD = UUID(int=1), UUID(int=2), UUID(int=3)
ROUTES: list[tuple[Event, list[tuple[str, str]]]] = [
    (RunRequested(run_id=RUN), [("discovery.run", f"discovery.run:{RUN}")]),
    (RunRequested(run_id=RUN, dry_run=True), [("discovery.dry_run", f"discovery.dry_run:{RUN}")]),
    (SliceReady(run_id=RUN, slice_id=PART, page=3), [("discovery.fetch", f"discovery.fetch:{RUN}:{PART}:3")]),
    (LeadDiscovered(lead_id=LEAD), []),
    (LeadDiscovered(lead_id=LEAD, enrich=True), [("enrichment.run", f"enrichment.run:{LEAD}:discovered")]),
    (RunRequested(run_id=RUN, kind="training"), [("model.train", f"model.train:{RUN}")]),
    (
        RunRequested(run_id=RUN, kind="job", job="accounts.burn_rates"),
        [("accounts.burn_rates", f"accounts.burn_rates:{RUN}")],
    ),
    (RunRequested(run_id=RUN, kind="nightly"), [("nightly.plan", f"nightly.plan:{RUN}")]),  # S3.01
    (RunRequested(run_id=RUN, kind="nightly", dry_run=True), [("nightly.plan", f"nightly.plan:{RUN}")]),
    (
        LeadScored(lead_id=LEAD, prediction_id=PART, band="MEDIUM", score=0.5, export=True, cause=f"night:{RUN}"),
        [],  # its night pushes it
    ),
    (RunRequested(run_id=RUN, kind="rollup"), [("analytics.rollup", f"analytics.rollup:{RUN}")]),
    (FeaturesRequested(lead_id=LEAD, cause="merge:1"), [("features.compute", f"features.compute:{LEAD}:merge:1")]),
    (
        FeaturesComputed(lead_id=LEAD, snapshot_id=PART, cause="merge:1"),
        [("scoring.compute", f"scoring.compute:{PART}:merge:1")],
    ),
    (LeadScored(lead_id=LEAD, prediction_id=PART, band="LOW", score=0.1), []),
    (
        LeadScored(lead_id=LEAD, prediction_id=PART, band="MEDIUM", score=0.66, export=True),
        [("crm.push", f"crm.push:{PART}")],
    ),
    (
        LeadScored(lead_id=LEAD, prediction_id=PART, band="HIGH", score=0.8, export=True),
        [("message.generate", f"message.generate:{PART}"), ("crm.push", f"crm.push:{PART}")],
    ),
    (FeedbackGiven(lead_id=LEAD, feedback_id=PART), [("labels.generate", f"labels.generate:{PART}")]),
    (ModelTrained(model_version_id=PART, run_id=RUN), [("model.evaluate", f"model.evaluate:{PART}")]),
    (
        EvaluationRequested(model_version_id=PART, cause="night:1"),
        [("model.evaluate", f"model.evaluate:{PART}:night:1")],
    ),
    (
        TriggerFired(
            trigger_id=PART, execution_id=RUN, name="n", rule="stock_below", subject_kind="sku", subject_id=LEAD
        ),
        [],
    ),
    (MessageApproved(message_id=PART), [("message.send", f"message.send:{PART}")]),
    (CrmSyncRequested(lead_id=LEAD, cause="asked:1"), [("crm.push", f"crm.push:{LEAD}:asked:1")]),
    (CrmErasureRequested(link_id=PART, cause="c"), [("crm.erase", f"crm.erase:{PART}:c")]),
    (CrmProbeRequested(for_tenant=LEAD, probe_id=PART), [("crm.check", f"crm.check:{PART}")]),
    (MatchingRequested(for_tenant=LEAD), [("matching.scan", f"matching.scan:{LEAD}")]),
    (ReplayRequested(run_id=RUN), [("replay.run", f"replay.run:{RUN}:show")]),
    (ReplayRequested(run_id=RUN, apply=True), [("replay.run", f"replay.run:{RUN}:apply")]),
    (RunFinished(run_id=RUN, status="completed"), [("alerts.evaluate", f"alerts.evaluate:{RUN}:completed")]),
    (RunFinished(run_id=RUN, status="cancelled"), []),
    (
        AlertOpened(alert_id=RUN, rule="run.slow", severity="warning", channels=(PART, LEAD)),
        [
            ("alert.deliver", f"alert.deliver:{RUN}:{PART}:opened"),
            ("alert.deliver", f"alert.deliver:{RUN}:{LEAD}:opened"),
        ],
    ),
    (
        AlertResolved(alert_id=RUN, rule="run.slow", severity="warning", channels=(PART,)),
        [("alert.deliver", f"alert.deliver:{RUN}:{PART}:resolved")],
    ),
    (AlertOpened(alert_id=RUN, rule="run.slow", severity="warning"), []),
    (AlertTestRequested(channel_id=PART, probe_id=RUN), [("alert.test", f"alert.test:{RUN}")]),
    (ReplayRequested(run_id=RUN, of="opportunities"), [("opportunities.replay", f"opportunities.replay:{RUN}:show")]),
    (
        ReplayRequested(run_id=RUN, apply=True, of="enrichments"),
        [("enrichment.replay", f"enrichment.replay:{RUN}:apply")],
    ),
    (RunRequested(run_id=RUN, kind="maintenance"), [("staging.pull", f"staging.pull:{RUN}")]),
    (
        SliceReady(run_id=RUN, slice_id=PART, page=3, kind="maintenance"),
        [("staging.fetch", f"staging.fetch:{RUN}:{PART}:3")],
    ),
    (RunRequested(run_id=RUN, kind="opportunities"), [("opportunities.run", f"opportunities.run:{RUN}")]),
    (
        SliceReady(run_id=RUN, slice_id=PART, page=3, kind="opportunities"),
        [("opportunities.fetch", f"opportunities.fetch:{RUN}:{PART}:3")],
    ),
    (
        RunFinished(run_id=RUN, status="partial", kind="opportunities"),
        [
            ("opportunities.share", f"opportunities.share:{RUN}"),
            ("alerts.evaluate", f"alerts.evaluate:{RUN}:partial"),
        ],
    ),
    (
        RunFinished(run_id=RUN, status="failed", kind="opportunities"),
        [("alerts.evaluate", f"alerts.evaluate:{RUN}:failed")],
    ),
    (
        OpportunitiesShared(run_id=RUN, for_tenant=LEAD, round=1),
        [("opportunities.evaluate", f"opportunities.evaluate:{RUN}:{LEAD}:1")],
    ),
    (EnrichmentRequested(lead_id=LEAD, cause="1"), [("enrichment.run", f"enrichment.run:{LEAD}:1")]),
    (
        LeadEnriched(lead_id=LEAD, enrichment_id=PART),
        [("features.compute", f"features.compute:{LEAD}:enrichment:{PART}")],
    ),
    (Probed(probe_id=LEAD), [("probe.run", f"probe.run:{LEAD}")]),
    (Probed(probe_id=LEAD, key="k"), [("probe.touch", "probe.touch:k")]),
    (Probed(probe_id=LEAD, key="k", scope="exclusive"), [("probe.single", "probe.single:k")]),
    (Probed(probe_id=LEAD, key="k", scope="period"), [("probe.hourly", "probe.hourly:k")]),
]


@pytest.mark.parametrize(("event", "expected"), ROUTES, ids=lambda v: v.type if hasattr(v, "type") else "")
def test_each_fact_leads_to_its_jobs(event: Event, expected: list[tuple[str, str]]) -> None:
    made = [job for job in jobs_for(event) if isinstance(job, Job)]
    assert [(job.name, job.key) for job in made] == expected
    for job in made:
        arguments(
            job.name, json.loads(job.payload.model_dump_json(by_alias=True))
        )  # what it hands on fits the job's contract


def test_no_fact_is_forgotten() -> None:
    covered = {type(event) for event, _ in ROUTES} | {Redelivery}
    assert covered == set(get_args(Event))


def test_a_redelivery_is_the_same_execution_again() -> None:
    execution = uuid4()
    assert jobs_for(Redelivery(execution_id=execution)) == [Again(execution)]


def test_the_same_fact_gives_the_same_jobs() -> None:
    for event, _ in ROUTES:
        assert jobs_for(event) == jobs_for(
            events.parse(event.type, event.version, json.loads(events.payload_of(event)))
        )


def test_every_job_has_a_body_and_every_body_a_contract() -> None:
    assert set(ACTIVITIES) == set(JOBS)
