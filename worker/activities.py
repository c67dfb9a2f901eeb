"""Job name -> body: the one place that knows all activities."""

from __future__ import annotations

from collections.abc import Mapping

from worker.discovery import jobs as discovery
from worker.discovery import rehearsal
from worker.enrichment import jobs as enrichment
from worker.learning import jobs as learning
from worker.opportunities import jobs as opportunities
from worker.perform import Activity
from worker.probe import jobs as probe
from worker.staging import jobs as staging

ACTIVITIES: Mapping[str, Activity] = {
    "discovery.run": Activity(discovery.run, discovery.run_stopped),
    "discovery.dry_run": Activity(rehearsal.dry_run, discovery.run_stopped),
    "discovery.fetch": Activity(discovery.fetch, discovery.fetch_stopped),
    "enrichment.run": Activity(enrichment.run, enrichment.stopped),
    "opportunities.run": Activity(opportunities.run, opportunities.run_stopped),
    "opportunities.fetch": Activity(opportunities.fetch, opportunities.fetch_stopped),
    "opportunities.share": Activity(opportunities.share, opportunities.stopped),
    "opportunities.evaluate": Activity(opportunities.evaluate, opportunities.stopped),
    "staging.pull": Activity(staging.pull, staging.pull_stopped),
    "staging.fetch": Activity(staging.fetch, staging.fetch_stopped),
    "labels.generate": Activity(learning.generate_labels, learning.stopped),
    "model.train": Activity(learning.train, learning.train_stopped),
    "model.evaluate": Activity(learning.evaluate, learning.stopped),
    "probe.run": Activity(probe.run, probe.stopped),
    "probe.touch": Activity(probe.run, probe.stopped),
}
