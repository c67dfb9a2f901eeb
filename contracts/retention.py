"""How long rows stay: one line for every table of the database. Pure data.

`tests/db/test_retention_list.py` holds it against the catalog: a new table fails until it has a line here, and no period may be
longer than what `contracts.personal_data.RETENTION` promises for the table's class. `db/retention.py` applies it once a day.

A period counts days by the database's clock, from the column named. Four ways of going:

aged    rows go one by one when their time is over, in small batches; conditions beyond the age stand in `db/retention.sql`
with    rows go with the row they belong to (ON DELETE CASCADE)
apart   another chore sees to it, which is named
kept    rows stay; the reason is named
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import AwareDatetime, BaseModel, computed_field

#: Days that ended runs and their traces are kept (S1.06).
RUN_DAYS = 90
Way = Literal["aged", "with", "apart", "kept"]
_WAYS = {
    "with": "as long as {since}",
    "apart": "{days} d ({since})",
    "kept": "no limit",
    "aged": "{days} d after {since}",
}


@dataclass(frozen=True, slots=True)
class Period:
    """`days`: None = no limit. `since`: the column the days count from, the parent of rows that go with it, or who sees to it."""

    way: Way
    days: int | None
    since: str
    why: str


def aged(days: int, since: str, why: str) -> Period:
    return Period("aged", days, since, why)


def goes_with(parent: str, why: str) -> Period:
    return Period("with", None, parent, why)


def apart(days: int, by: str, why: str) -> Period:
    return Period("apart", days, by, why)


def kept(why: str) -> Period:
    return Period("kept", None, "", why)


class Retained(BaseModel):
    """A table's period as it is shown, and what the last pass over it did (`deleted` rows, at `passed_at`)."""

    table: str
    way: Way
    days: int | None
    since: str
    why: str
    passed_at: AwareDatetime | None = None
    deleted: int | None = None

    @computed_field  # type: ignore[prop-decorator]
    @property
    def stays(self) -> str:
        """How long, in words."""
        return _WAYS[self.way].format(since=self.since, days=self.days)


class RetentionList(BaseModel):
    items: list[Retained]


class Passed(BaseModel):
    """One table looked through: rows that went, or would go in a dry run; pages read; seconds; what kept it from its end."""

    table: str
    rows: int
    pages: int
    seconds: float
    dry_run: bool
    error: str | None = None


class PassList(BaseModel):
    items: list[Passed]


#: In the order in which they are gone through: children that a foreign key holds come before their parents.
PERIODS: Mapping[str, Period] = {
    # Work. Executions and absorbed events stay as long as the month of their event, so that `outbox verify` agrees.
    "outbox_history": apart(RUN_DAYS, "drop_month", "whole months, once their last day is past"),
    "outbox_events": kept("what waits; the handoff moves it to the history"),
    "dead_letters": aged(RUN_DAYS, "resolved_at", "after their answer; unresolved ones stay, however old"),
    "job_attempts": aged(RUN_DAYS, "ended_at", "attempts of executions that ended"),
    "job_executions": aged(RUN_DAYS, "finished_at", "ended ones whose event's month is gone and whose dead letter is answered"),
    "job_reports": goes_with("job_executions", "how far a job said it was, and what it answered"),
    "absorbed_events": aged(RUN_DAYS, "at", "those whose event's month is gone"),
    "ordering_turns": aged(RUN_DAYS, "taken_at", "of keys for which no event waits, and none that was given up"),
    "schedule_fires": aged(RUN_DAYS, "due_at", "what a schedule started or left out"),
    "runs": aged(RUN_DAYS, "created_at", "ended ones that no run is a replay of"),
    "run_slices": goes_with("runs", "parts of a run"),
    "run_vendor_items": goes_with("runs", "what a run read of the ledger"),
    "replay_differences": goes_with("runs", "what a replay found"),
    "night_manifests": goes_with("runs", "what a night worked on"),
    "night_companies": goes_with("runs", "who was chosen, who was not, and why"),
    "night_marks": kept("how far nights have read a source, rewritten in place"),
    "schedules": kept("settings of the tenant; deleted ones keep their name from coming back"),
    "idempotency_keys": aged(RUN_DAYS, "created_at", "as long as what they name"),
    "imports": aged(RUN_DAYS, "finished_at", "those read to their end"),
    "import_errors": goes_with("imports", "what was wrong with rows of a file"),
    "staging_imports": aged(RUN_DAYS, "finished_at", "those read to their end"),
    "crm_pushes": aged(RUN_DAYS, "at", "what was pushed and why"),
    "alerts": aged(RUN_DAYS, "resolved_at", "resolved ones; what stands open stays"),
    "alert_deliveries": goes_with("alerts", "what was told where"),
    "alert_channels": kept("settings of the tenant"),
    "alert_looks": kept("one row, rewritten in place"),
    "isolation_checks": aged(RUN_DAYS, "at", "results of the nightly canary"),
    "workers": apart(1, "forget_workers", "processes that are gone"),
    "source_cursors": kept("one row a source and slice, rewritten in place"),
    # Who did what, and who got in.
    "audit_log": aged(1095, "at", "who did what"),
    "login_failures": apart(2, "forget_logins", "counts that no window looks at"),
    "refresh_tokens": aged(RUN_DAYS, "expires_at", "after their session's end"),
    "sessions": aged(RUN_DAYS, "expires_at", "after their end, with all their tokens gone"),
    # What vendors and sites said.
    "enrichments": aged(365, "started_at", "ended ones"),
    "waterfall_steps": goes_with("enrichments", "who was asked for which field"),
    "source_records": aged(365, "created_at", "provenance and replay"),
    "field_values": aged(365, "superseded_at", "values that newer ones replaced; those in force stay with their entity"),
    "crawl_sites": aged(365, "crawled_at", "walks that nobody repeated"),
    "crawl_pages": goes_with("crawl_sites", "pages of a walk"),
    "crawl_hosts": apart(30, "hosts.forget", "politeness towards hosts"),
    "crawl_robots": apart(1, "hosts.forget", "after their expiry"),
    # Paid calls. Vendors' raw records are emptied by `ledger.drop_raw` when the operation's terms say so (60 days by default).
    "vendor_items": aged(3650, "created_at", "accounting; none that a run still names"),
    "vendor_calls": aged(3650, "sent_at", "accounting; settled ones without items"),
    "budget_counters": apart(400, "budgets.forget", "counters of periods long past"),
    "paces": apart(90, "pace.forget", "limits that nobody used"),
    "breakers": apart(90, "pace.forget", "breakers that nobody used"),
    "vendor_operations": kept("the directory of what can be asked, written anew by each worker"),
    # People and companies. Legitimate interest fades: three years after the last change.
    "message_events": aged(1095, "created_at", "what vendors told of messages"),
    "messages": aged(1095, "updated_at", "after the last thing that happened to them"),
    "leads": aged(1095, "updated_at", "with no younger message, score or feedback"),
    "feature_snapshots": goes_with("leads", "what a lead was scored on"),
    "score_predictions": goes_with("leads", "scores"),
    "labels": goes_with("leads", "what became of a lead"),
    "lead_feedback": goes_with("leads", "what people said of a lead"),
    # Trade: as long as books are kept.
    "samples": aged(3650, "given_at", "what was given to try"),
    "orders": aged(3650, "ordered_at", "what was ordered"),
    "order_lines": goes_with("orders", "what was ordered of what"),
    "sample_metrics": kept("figures of what was given to try"),
    "skus": kept("what is sold, rewritten in place"),
    "trigger_executions": aged(365, "fired_at", "that a trigger fired; longer than any cooldown"),
    "triggers": kept("settings of the tenant"),
    "contacts": aged(1095, "updated_at", "whom no lead and no message names"),
    "consents": goes_with("contacts", "consents of a person"),
    "companies": aged(1095, "updated_at", "which no lead, contact, record or walk names"),
    "accounts": goes_with("companies", "what a company is as a customer"),
    "icp_candidate_companies": goes_with("companies", "whether a company fits a profile"),
    "entity_keys": aged(1095, "created_at", "keys of entities that are gone"),
    "crm_links": aged(1095, "updated_at", "links of entities that are gone"),
    "match_decisions": aged(1095, "created_at", "likely duplicates and what was decided"),
    "opportunities": aged(1095, "updated_at", "tenders not seen for long"),
    "opportunity_evaluations": goes_with("opportunities", "whether a tender fits a profile"),
    # Objections, accounts, figures.
    "suppressions": kept("an objection is heeded for as long as we might write"),
    "suppression_keys": kept("without it no objection could be recognised"),
    "tenants": kept("the directory"),
    "users": kept("until the tenant's end"),
    "api_keys": kept("until the tenant's end; revoked ones tell who had access"),
    "budgets": kept("settings of the tenant"),
    "tenant_policies": kept("settings of the tenant"),
    "tenant_quotas": kept("what the house grants a tenant"),
    "pauses": kept("a row while a tenant is paused"),
    "limits": kept("what operators limit and pause"),
    "odoo_connections": kept("settings of the tenant"),
    "webhook_endpoints": kept("settings of the tenant"),
    "stream_subscriptions": kept("settings of the tenant"),
    "message_templates": kept("settings of the tenant"),
    "icp_profiles": kept("settings of the tenant"),
    "discovery_queries": kept("settings of the tenant"),
    "rule_sets": kept("settings of the tenant, versions that scores name included"),
    "qualification_rules": kept("rules of a rule set"),
    "model_versions": kept("figures without people; scores name them"),
    "model_evaluations": goes_with("model_versions", "how a model did"),
    "waterfall_orders": kept("figures without people"),
    "daily_metrics": kept("figures without people"),
    "staging_acra_companies": kept("a public register"),
    # The machinery.
    "schema_migrations": kept("what was applied"),
    "retention_passes": kept("a row a table"),
    "queue_ageing": kept("one row, rewritten in place"),
    "queue.procrastinate_jobs": kept("a row while a job is under way; the finish deletes it"),
    "queue.procrastinate_events": kept("nothing writes it"),
    "queue.procrastinate_periodic_defers": kept("nothing writes it"),
    "queue.procrastinate_workers": kept("nothing writes it"),
}  # fmt: skip


def periods() -> list[Retained]:
    """All of them as they are shown, without what was done about them."""
    return [Retained(table=table, way=p.way, days=p.days, since=p.since, why=p.why) for table, p in PERIODS.items()]
