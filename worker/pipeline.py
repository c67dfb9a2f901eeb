"""event -> jobs: the whole flow on one page. Total and pure."""

from __future__ import annotations

from typing import assert_never

from contracts.events import (
    EnrichmentRequested,
    Event,
    LeadDiscovered,
    LeadEnriched,
    OpportunitiesShared,
    Probed,
    Redelivery,
    RunFinished,
    RunRequested,
    SliceReady,
)
from contracts.jobs import (
    Again,
    EnrichLead,
    EvaluateOpportunities,
    FetchPage,
    Job,
    Probe,
    PullRegister,
    RunDiscovery,
    RunOpportunities,
    job,
)


def jobs_for(event: Event) -> list[Job | Again]:
    """Decide which jobs follow from a fact. An empty list means: known, and nothing follows."""
    match event:
        case RunRequested():
            if event.kind == "opportunities":
                asked = RunOpportunities(run_id=event.run_id)
                return [job("opportunities.run", str(event.run_id), asked, run_id=event.run_id)]
            if event.kind == "maintenance":
                return [job("staging.pull", str(event.run_id), PullRegister(run_id=event.run_id), run_id=event.run_id)]
            name = "discovery.dry_run" if event.dry_run else "discovery.run"
            return [job(name, str(event.run_id), RunDiscovery(run_id=event.run_id), run_id=event.run_id)]
        case SliceReady():
            page = FetchPage(run_id=event.run_id, slice_id=event.slice_id, page=event.page)
            fetch = {None: "discovery.fetch", "opportunities": "opportunities.fetch", "maintenance": "staging.fetch"}
            name = fetch[event.kind]
            return [job(name, f"{event.run_id}:{event.slice_id}:{event.page}", page, run_id=event.run_id)]
        case LeadDiscovered():
            return []  # enriched when asked for: the nightly run chooses whom
        case EnrichmentRequested():
            lead = EnrichLead(
                lead_id=event.lead_id,
                discovery_record_id=event.discovery_record_id,
                provider=event.provider,
                icp_profile_id=event.icp_profile_id,
                cause=event.cause,
            )
            return [job("enrichment.run", f"{event.lead_id}:{event.cause}", lead)]
        case LeadEnriched():
            return []  # features.compute is not built yet
        case RunFinished(kind="opportunities", status="completed" | "partial"):
            # What follows a run is not its own any more: no run id, so that it can be neither cancelled nor reopened with it.
            return [job("opportunities.share", str(event.run_id), RunOpportunities(run_id=event.run_id))]
        case OpportunitiesShared():
            about = EvaluateOpportunities(run_id=event.run_id, for_tenant=event.for_tenant, round=event.round)
            return [job("opportunities.evaluate", f"{event.run_id}:{event.for_tenant}:{event.round}", about)]
        case RunFinished():
            return []  # nobody waits for it yet: alerts will
        case Redelivery():
            return [Again(event.execution_id)]
        case Probed():
            name = "probe.touch" if event.key else "probe.run"
            return [job(name, event.key or str(event.probe_id), Probe(probe_id=event.probe_id, framed=event.framed))]
        case _:
            assert_never(event)
