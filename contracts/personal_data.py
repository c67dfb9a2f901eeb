"""Where personal data can stand, and how long: every text and JSON column of every tenant's table, by kind. Pure.

`tests/messaging/test_personal_map.py` holds this against the catalog: a new column fails until it is classified here.

kind     what it holds                                                              erasing a person
people   what reaches, names or describes people, and texts in which they may be    cut out; rows of theirs blanked
staff    who of the tenant's own people did it                                      stays: they are asked for by name elsewhere
ours     states, kinds, names of jobs and vendors, our own words                    stays
company  companies, public registers                                                stays
secret   hashes of passwords, names of settings                                     stays; never shown

Retention: how long rows of a class may stay at most. `contracts/retention.py` has the period of each table and keeps to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal["people", "staff", "ours", "company", "secret"]
#: class -> (days a row may stay at most, None: no limit; counted from; why)
RETENTION: Mapping[str, tuple[int | None, str, str]] = {
    "account": (None, "the tenant's end", "users, keys and settings of the tenant itself"),
    "lead": (1095, "the lead's last change", "prospects: legitimate interest fades; three years as CNIL recommends"),
    "source": (365, "when it was read", "what vendors and sites said, for provenance and replay"),
    "vendor": (
        3650,
        "the call",
        "accounting of paid calls; answers expire by their vendor's terms, raw records after 60 days",
    ),
    "work": (90, "when it ended", "events, jobs, runs and their errors"),
    "audit": (1095, "when it happened", "who did what, without personal data"),
    "objection": (None, "the objection", "keyed hashes: an objection must be heeded for as long as we might write"),
    "message": (1095, "the last event", "what was sent to whom, and on what basis"),
    "trade": (
        3650,
        "the order, the sample",
        "the tenant's own sales: no country asks for commercial books beyond ten years",
    ),
    "public": (None, "publication", "public registers and tenders"),
    "figures": (None, "the day", "models and figures without people"),
}


@dataclass(frozen=True, slots=True)
class Table:
    """A table's retention class and the kinds of its columns, as words."""

    retention: str
    people: str = ""
    staff: str = ""
    ours: str = ""
    company: str = ""
    hidden: str = ""

    def kinds(self) -> dict[str, Kind]:
        """Column -> kind."""
        named: dict[Kind, str] = {
            "people": self.people,
            "staff": self.staff,
            "ours": self.ours,
            "company": self.company,
            "secret": self.hidden,
        }
        return {column: kind for kind, columns in named.items() for column in columns.split()}


TABLES: Mapping[str, Table] = {
    "absorbed_events": Table("work", ours="job"),
    "accounts": Table("trade", ours="account_type previous_type"),
    "alert_channels": Table(
        "account", people="last_error test_result", staff="name address created_by", ours="kind min_severity",
        hidden="url secret_ref",
    ),
    "alert_deliveries": Table("work", people="reason", ours="transition state"),
    "alerts": Table("work", people="evidence", staff="acknowledged_by resolved_by", ours="rule scope severity state"),
    "api_keys": Table("account", staff="name created_by", ours="role scopes"),
    "audit_log": Table("audit", people="detail", staff="actor", ours="action subject_type subject_id"),
    "budget_counters": Table("vendor", ours="scope vendor unit period bucket"),
    "budgets": Table("account", staff="set_by", ours="scope vendor unit period"),
    "companies": Table(
        "lead", people="description phone", ours="sources",
        company="name name_core country city domain registry_id industries industry naics",
    ),
    "consents": Table("message", people="source note", staff="recorded_by withdrawn_by", ours="channel basis"),
    "contacts": Table("lead", people="name title email phone linkedin_url", ours="email_status"),
    "crawl_pages": Table("source", people="url signals reason", ours="kind outcome"),
    "crawl_sites": Table("source", people="description corpus reason home_url", ours="outcome language", company="domain moved_to"),
    "crm_links": Table("lead", people="last_values detail last_error", ours="system model external_id state"),
    "crm_pushes": Table("work", people="reason records", ours="cause outcome"),
    "daily_metrics": Table("figures", ours="metric dims"),
    "dead_letters": Table("work", people="event error traceback", staff="resolved_by", ours="kind name error_class resolution"),
    "discovery_queries": Table("account", people="text text_key", staff="created_by", ours="source"),
    "enrichments": Table("source", people="payload error", ours="cause state error_code"),
    "entity_keys": Table("lead", people="value", ours="kind key_type"),
    "feature_snapshots": Table("lead", people="vector reasons", ours="source_version verdict"),
    "field_values": Table("source", people="value source_url", ours="kind field vendor operation terms"),
    "icp_candidate_companies": Table("lead", people="reasons", ours="verdict"),
    "icp_profiles": Table(
        "account", staff="created_by", ours="name target_industries target_countries required_technologies naics_codes"
    ),
    "idempotency_keys": Table("work", ours="route key"),
    "import_errors": Table("work", people="message", ours="code column_name"),
    "imports": Table("work", people="label notes columns ignored", staff="requested_by", ours="kind state"),
    "isolation_checks": Table("work", ours="leaks unplanted"),
    "job_attempts": Table("work", people="error traceback", ours="outcome error_class"),
    "job_executions": Table("work", people="payload error", ours="job queue scope key coalesce_key state error_class"),
    "job_reports": Table("work", people="message checkpoint result"),
    "labels": Table("lead", people="source_event", ours="kind source"),
    "lead_feedback": Table("lead", people="note source_event", staff="given_by", ours="verdict source"),
    "leads": Table("lead", ours="status source"),
    "match_decisions": Table(
        "lead", people="undo reason contradictions features", staff="decided_by", ours="kind decision"
    ),
    "message_events": Table("message", people="body", ours="vendor kind status"),
    "message_templates": Table("account", staff="set_by", ours="channel language body parameters vendor_templates"),
    "messages": Table(
        "message", people="parameters body notes reason vendor_ref outgoing", staff="approved_by",
        ours="channel state language template written_by vendor vendor_template",
    ),
    "model_evaluations": Table("figures", ours="cause decision metrics reason"),
    "model_versions": Table("figures", ours="family kind stage model config metrics reason"),
    "night_companies": Table("work", ours="reason detail stage steps error_code"),
    "night_manifests": Table("work", ours="cap_source caps budgets"),
    "night_marks": Table("work", ours="source key"),
    "odoo_connections": Table("account", staff="login", ours="url database transport test_result", hidden="secret_ref"),
    "opportunities": Table(
        "public", people="raw title", ours="source kind seen_window set_aside deadline_at",
        company="notice_id solicitation_number agency naics country state city url description_url",
    ),
    "opportunity_evaluations": Table("public", ours="reasons"),
    "order_lines": Table("trade", company="line"),
    "orders": Table("trade", ours="source", company="ext_id"),
    "outbox_events": Table(
        "work", people="payload headers last_error", ours="aggregate_type type sink ordering_key state error_class"
    ),
    "ordering_turns": Table("work", ours="ordering_key on_failure"),
    "limits": Table("account", staff="paused_by set_by", ours="scope name reason"),
    "outbox_history": Table("work", people="payload headers last_error", ours="aggregate_type type sink error_class"),
    "pauses": Table("account", staff="paused_by", ours="reason"),
    "qualification_rules": Table("account", ours="type field_key operator value on_missing"),
    "replay_differences": Table("work", people="fields subject", ours="change kind"),
    "rule_sets": Table("account", staff="made_by", ours="stage reason"),
    "run_slices": Table("work", people="query error", ours="channel state cursor stop_reason error_code"),
    "runs": Table(
        "work", people="params stats error error_details", staff="requested_by",
        ours="kind job status mode triggered_by occurrence_key counters naics_codes error_code stop_reason",
    ),
    "schedule_fires": Table("work", people="reason", ours="outcome"),
    "schedules": Table("account", people="params last_error", staff="created_by", ours="kind name cron zone catch_up"),
    "sample_metrics": Table("trade", staff="rep"),
    "samples": Table("trade", staff="rep", ours="source", company="ext_id"),
    "score_predictions": Table("lead", people="contributions rationale reasons", ours="band"),
    "sessions": Table("account", ours="revoke_reason"),
    "skus": Table("trade", company="code name"),
    "source_cursors": Table("work", ours="source slice place"),
    "source_records": Table("source", people="payload external_id reason", ours="source vendor status"),
    "staging_acra_companies": Table(
        "public", ours="source",
        company="uen entity_name entity_status_description entity_type_description company_type_description primary_ssic_code"
        " primary_ssic_description secondary_ssic_code secondary_ssic_description block street_name level_no unit_no building_name"
        " postal_code former_entity_names",
    ),
    "staging_imports": Table("work", ours="source name label state bad"),
    "suppressions": Table("objection", people="reason", staff="added_by", ours="channel key_type source"),
    "tenant_quotas": Table("account", staff="set_by"),
    "stream_subscriptions": Table("account", staff="set_by", ours="events"),
    "tenant_policies": Table("account", staff="set_by", ours="name value"),
    "trigger_executions": Table("trade", ours="subject_kind action", company="evidence"),
    "triggers": Table("account", staff="created_by", ours="name rule params action severity"),
    "users": Table("account", staff="email", ours="role", hidden="password_hash"),
    "vendor_calls": Table("vendor", people="error", ours="vendor operation state unit credential account holds error_class"),
    "vendor_items": Table(
        "vendor", people="request response raw vendor_ref note", staff="resent_by", ours="vendor operation state outcome"
    ),
    "waterfall_orders": Table("figures", staff="made_by", ours="field stage operations verdict"),
    "waterfall_steps": Table("source", people="reason", ours="field operation outcome"),
    "webhook_endpoints": Table(
        "account", people="description last_error", staff="created_by", ours="url events ordering disabled_reason"
    ),
}  # fmt: skip


def columns(kind: Kind) -> dict[str, list[str]]:
    """Table -> its columns of that kind, where there are any."""
    found = {name: [c for c, k in table.kinds().items() if k == kind] for name, table in TABLES.items()}
    return {name: named for name, named in sorted(found.items()) if named}
