"""Job name -> body: the one place that knows all activities."""

from __future__ import annotations

from collections.abc import Mapping

from worker import replaying
from worker.accounts import jobs as accounts
from worker.alerting import jobs as alerting
from worker.analytics import jobs as analytics
from worker.crm_sync import erasure as crm_erasure
from worker.crm_sync import jobs as crm_sync
from worker.discovery import jobs as discovery
from worker.discovery import rehearsal, replay
from worker.enrichment import jobs as enrichment
from worker.enrichment import replay as enrichment_replay
from worker.learning import jobs as learning
from worker.matching import jobs as matching
from worker.messaging import jobs as messaging
from worker.nightly import jobs as nightly
from worker.opportunities import jobs as opportunities
from worker.opportunities import replay as opportunities_replay
from worker.perform import Activity
from worker.probe import jobs as probe
from worker.scoring import jobs as scoring
from worker.staging import jobs as staging

ACTIVITIES: Mapping[str, Activity] = {
    "discovery.run": Activity(discovery.run, discovery.run_stopped),
    "discovery.dry_run": Activity(rehearsal.dry_run, discovery.run_stopped),
    "discovery.fetch": Activity(discovery.fetch, discovery.fetch_stopped),
    "replay.run": Activity(replay.replay, replaying.stopped),
    "opportunities.replay": Activity(opportunities_replay.replay, replaying.stopped),
    "enrichment.replay": Activity(enrichment_replay.replay, replaying.stopped),
    "enrichment.run": Activity(enrichment.run, enrichment.stopped),
    "nightly.plan": Activity(nightly.plan, nightly.plan_stopped),
    "matching.scan": Activity(matching.scan, matching.stopped),
    "opportunities.run": Activity(opportunities.run, opportunities.run_stopped),
    "opportunities.fetch": Activity(opportunities.fetch, opportunities.fetch_stopped),
    "opportunities.share": Activity(opportunities.share, opportunities.stopped),
    "opportunities.evaluate": Activity(opportunities.evaluate, opportunities.stopped),
    "staging.pull": Activity(staging.pull, staging.pull_stopped),
    "staging.fetch": Activity(staging.fetch, staging.fetch_stopped),
    "features.compute": Activity(scoring.compute_features, scoring.stopped),
    "scoring.compute": Activity(scoring.compute_score, scoring.stopped),
    "message.generate": Activity(messaging.generate, messaging.generate_stopped),
    "message.send": Activity(messaging.send, messaging.send_stopped),
    "crm.push": Activity(crm_sync.push, crm_sync.push_stopped),
    "crm.check": Activity(crm_sync.check, crm_sync.check_stopped),
    "crm.erase": Activity(crm_erasure.erase, crm_erasure.stopped),
    "analytics.rollup": Activity(analytics.roll_up, analytics.stopped),
    "accounts.update_types": Activity(accounts.update_types, accounts.stopped),
    "accounts.sample_metrics": Activity(accounts.sample_metrics, accounts.stopped),
    "accounts.burn_rates": Activity(accounts.burn_rates, accounts.stopped),
    "accounts.triggers": Activity(accounts.process_triggers, accounts.stopped),
    "labels.generate": Activity(learning.generate_labels, learning.stopped),
    "model.train": Activity(learning.train, learning.train_stopped),
    "model.evaluate": Activity(learning.evaluate, learning.stopped),
    "alerts.evaluate": Activity(alerting.evaluate, alerting.stopped),
    "alert.deliver": Activity(alerting.deliver, alerting.deliver_stopped),
    "alert.test": Activity(alerting.try_channel, alerting.test_stopped),
    "probe.run": Activity(probe.run, probe.stopped),
    "probe.touch": Activity(probe.run, probe.stopped),
    "probe.single": Activity(probe.run, probe.stopped),
    "probe.hourly": Activity(probe.run, probe.stopped),
}
