"""What answers look like, for the OpenAPI document: one example for each schema that has none of its own."""

from __future__ import annotations

from typing import Any

_RUN = "01936f3e-7c1a-7b52-9d3e-0a6f5c2b1e01"
_LEAD = "01936f3e-9a40-7c11-8f7a-5b1d2c3e4f02"
_COMPANY = "01936f3e-9a3f-7a90-b1c2-6d7e8f901a03"
_EVENT = "01936f3e-7c1b-7e05-a4b6-1c2d3e4f5a04"
_JOB = "01936f3e-7c20-7f33-9a8b-2b3c4d5e6f05"
_ASKED, _BEGAN, _ENDED = "2026-01-05T06:00:00Z", "2026-01-05T06:00:01Z", "2026-01-05T06:00:04Z"
_QUERY = "workwear manufacturers Johannesburg"

_SLICE = {
    "id": "01936f3e-7c25-7d21-8c9d-3a4b5c6d7e06", "ordinal": 0, "channel": "register", "query": _QUERY, "state": "done",
    "page": 2, "found": 31, "companies_created": 25, "companies_skipped": 6, "would_cost": 0,
    "stop_reason": "max_companies", "error_code": None, "error": None,
}  # fmt: skip
_COUNTS = {
    "discovered": 31, "after_dedupe": 25, "companies_created": 25, "companies_skipped": 6, "contacts_created": 4,
    "contacts_skipped": 0, "leads_created": 25, "leads_skipped": 0, "errors": 0, "api_calls": 2,
}  # fmt: skip
_STATS = {
    "channelResults": {"register": 31}, "totalDiscovered": 31, "totalAfterDedupe": 25, "companiesCreated": 25,
    "companiesSkipped": 6, "contactsCreated": 4, "contactsSkipped": 0, "leadsCreated": 25, "leadsSkipped": 0, "errors": [],
    "durationMs": 3200, "wouldCost": 0, "stopReason": "max_companies",
    "config": {"maxCompanies": 25, "maxQueries": 10, "maxRuntimeSeconds": 300, "channels": ["register"]},
}  # fmt: skip
_PARAMS = {
    "channels": ["register"], "queries": [_QUERY], "max_companies": 25, "max_queries": 10, "max_runtime_seconds": 300,
    "page_size": 20, "limit": None, "cursor": None, "icp_profile_id": None,
}  # fmt: skip
_VIEW: dict[str, Any] = {
    "id": _RUN, "kind": "discovery", "status": "completed", "mode": "manual", "dry_run": False, "triggered_by": "api",
    "requested_by": "ada@example.com", "params": _PARAMS, "counts": _COUNTS, "open_slices": 0, "stats": _STATS,
    "error_code": None, "error": None, "stop_reason": "max_companies", "created_at": _ASKED, "started_at": _BEGAN,
    "finished_at": _ENDED, "duration_s": 3.2, "remaining_ms": None, "cancel_requested_at": None, "slices": [_SLICE],
}  # fmt: skip
_FEEDBACK = {
    "id": "01936f46-0000-7abc-8def-6d7e8f901555", "lead_id": _LEAD, "verdict": "meeting", "event_at": _ASKED, "known_at": _ENDED,
    "note": "demo booked", "weight": 1, "source": "user", "source_event": "feedback:1", "given_by": "ada@example.com",
    "created_at": _ENDED,
}  # fmt: skip
_MODEL: dict[str, Any] = {
    "id": "01936f47-0000-7abc-8def-6d7e8f901666", "family": "lead", "version": 3, "kind": "logistic_regression",
    "stage": "ACTIVE", "reason": "passed the gate", "traffic": 0, "trained_from": _ASKED, "trained_to": _BEGAN,
    "training_run_id": _RUN, "created_at": _ENDED, "stage_at": _ENDED, "active_at": _ENDED,
    "figures": {"auc": 0.74, "log_loss": 0.31, "base_log_loss": 0.35, "brier": 0.09, "ece": 0.02, "psi": 0.05},
}  # fmt: skip
_CALL = {
    "id": "01936f3e-7c30-7b44-9e0f-4b5c6d7e8f07", "vendor": "gleif", "operation": "search", "billable": False,
    "state": "answered", "units_reserved": 0, "units_spent": 0, "error": None, "sent_at": _BEGAN, "settled_at": _ENDED,
    "execution_id": _JOB,
}  # fmt: skip
_RECORD = {
    "id": "01936f3e-9a3e-7d55-8a1b-5c6d7e8f9008", "source": "register", "vendor": "gleif",
    "external_id": "529900T8BM49AURSDO55", "status": "DISCOVERED", "reason": None, "run_id": _RUN, "slice_id": _SLICE["id"],
    "page": 0, "payload": {"name": "Karoo Workwear (Pty) Ltd", "country": "ZA"}, "created_at": _ENDED,
}  # fmt: skip
_ROW: dict[str, Any] = {
    "id": _LEAD, "status": "new", "source": "register", "run_id": _RUN, "icp_profile_id": None, "company_id": _COMPANY,
    "company_name": "Karoo Workwear (Pty) Ltd", "country": "ZA", "city": "Johannesburg", "domain": "karoo.example",
    "registry_id": "lei:529900T8BM49AURSDO55", "industries": [], "sources": ["register", "google"], "contact_id": None,
    "contact_name": None, "contact_email": None, "latest_discovery": _RECORD, "latest_enrichment": None,
    "latest_score": None, "created_at": _ENDED, "updated_at": _ENDED,
}  # fmt: skip
_KEY = {
    "id": "01936f40-0000-7abc-8def-6d7e8f901209", "name": "night importer", "role": "analyst", "scopes": ["leads:read"],
    "created_by": "ada@example.com", "created_at": _ASKED, "expires_at": None, "revoked_at": None, "last_used_at": None,
}  # fmt: skip
_PROFILE: dict[str, Any] = {
    "id": "01936f3e-8000-7c01-9a2b-3c4d5e6f7a10", "name": "Workwear for facilities teams",
    "target_industries": ["facilities management"], "target_countries": ["ZA", "US"], "min_company_size": 50,
    "max_company_size": None, "required_technologies": [], "naics_codes": ["561720", "3152"], "version": 1, "closed_at": None,
    "created_by": "ada@example.com", "created_at": _ASKED, "updated_at": _ASKED,
}  # fmt: skip
_OPPORTUNITY: dict[str, Any] = {
    "id": "01936f3e-8100-7d02-8b3c-4d5e6f7a8b11", "source": "sam", "notice_id": "9f3c", "title": "Janitorial services",
    "solicitation_number": "W912-26-R-0001", "agency": "DEPT OF DEFENSE.DEPT OF THE ARMY", "kind": "Solicitation",
    "naics": ["561720"], "set_aside": "SBA", "posted_on": "2026-01-04", "deadline_at": "2026-02-01T14:00:00-05:00",
    "active": True, "country": "US", "state": "VA", "city": "Norfolk", "url": "https://sam.gov/opp/9f3c/view",
    "description_url": "https://api.sam.gov/prod/opportunities/v1/noticedesc?noticeid=9f3c", "changed_at": _ENDED,
    "evaluations": [{
        "profile_id": _PROFILE["id"], "profile_name": _PROFILE["name"], "matched": True, "fit": 1.0,
        "reasons": ["naics 561720 falls under 561720", "country US is a target"], "profile_version": 1,
    }],
}  # fmt: skip
_HOUSE_RUN = {
    "id": _RUN, "status": "completed", "requested_at": _ASKED, "started_at": _BEGAN, "completed_at": _ENDED,
    "error_code": None,
}  # fmt: skip
_TENANT = "01936f3d-0000-7000-8000-000000000001"
_EXECUTION: dict[str, Any] = {
    "tenant_id": _TENANT, "id": _JOB, "job": "discovery.fetch", "key": f"discovery.fetch:{_RUN}:{_SLICE['id']}:0",
    "queue": "discovery", "state": "waiting", "status": "queued", "token": 2, "failures": 1, "crashes": 0,
    "event_id": _EVENT, "error_class": "vendor_down", "error": "gleif answered 503", "queued_at": _BEGAN,
}  # fmt: skip
_PAYLOAD = {"runId": _RUN, "sliceId": _SLICE["id"], "page": 0}

_DISCOVERY_QUERY = {
    "id": "01936f42-0000-7abc-8def-6d7e8f90120b", "text": _QUERY, "enabled": True, "source": "typed",
    "icp_profile_id": None, "created_by": "ada@example.com", "last_used_at": _ENDED, "created_at": _ASKED,
}  # fmt: skip
_STAGED = {
    "uen": "199901234K", "entity_name": "ZEBRA EXAMPLE PTE. LTD.", "entity_status_description": "Live Company",
    "entity_type_description": "Local Company", "company_type_description": "Exempt Private Company Limited by Shares",
    "registration_incorporation_date": "1999-05-01", "primary_ssic_code": "81210",
    "primary_ssic_description": "GENERAL CLEANING", "secondary_ssic_code": None, "block": "1", "street_name": "EXAMPLE ROAD",
    "level_no": "02", "unit_no": "10", "building_name": None, "postal_code": "123456", "source": "pull",
    "first_seen_at": _ASKED, "last_seen_at": _ENDED, "changed_at": _ASKED,
}  # fmt: skip

_SET_ID, _RULE_ID = "01936f46-0000-7abc-8def-6d7e8f901501", "01936f46-0000-7abc-8def-6d7e8f901502"
_WHY = {
    "rule_id": _RULE_ID, "position": 0, "field": "companyCountry", "outcome": "FAILED",
    "words": "country: DE, wanted one of ZA, US",
}  # fmt: skip
_RULE_SET: dict[str, Any] = {
    "id": _SET_ID, "icp_profile_id": _PROFILE["id"], "version": 2, "stage": "SHADOW", "medium_from": 0.33, "high_from": 0.66,
    "made_by": "ada@example.com", "reason": "smaller firms buy as well", "created_at": _ASKED, "stage_at": _ASKED,
    "rules": [{
        "id": _RULE_ID, "position": 0, "type": "HARD_FILTER", "field_key": "companyCountry", "operator": "IN",
        "value": ["ZA", "US"], "weight": 1.0, "on_missing": "DEFER",
    }],
}  # fmt: skip
_SCORED: dict[str, Any] = {
    "id": "01936f46-0000-7abc-8def-6d7e8f901503", "snapshot_id": "01936f46-0000-7abc-8def-6d7e8f901504", "rule_set_id": _SET_ID,
    "model_version_id": None, "band": "HIGH", "score": 0.7, "probability": None, "percentile": 0.91, "fit": 0.7, "coverage": 1.0,
    "rejected": False, "reasons": [], "scored_at": _ENDED, "base_log_odds": 0.0,
    "rationale": "HIGH (score 0.70, fit 70%, 100% of what is asked is known). For it: NAICS codes: 561720, …",
    "contributions": [{
        "kind": "rule", "field": "companyNaics", "log_odds": 1.45, "position": 1,
        "words": "NAICS codes: 561720, wanted under one of 5617",
    }],
}  # fmt: skip
_OUT = {"company_id": _COMPANY, "name": "Karoo Workwear GmbH", "fit": 0.4, "coverage": 1.0, "reasons": [_WHY]}

_CONTACT = "01936f3e-9a41-7e22-9c0d-1e2f3a4b5c30"
_MESSAGE: dict[str, Any] = {
    "id": "01936f46-0000-7abc-8def-6d7e8f901231", "lead_id": _LEAD, "contact_id": _CONTACT, "prediction_id": None,
    "company_name": "Karoo Workwear (Pty) Ltd", "contact_name": "Thandi Nkosi", "channel": "whatsapp", "sequence_step": 1,
    "state": "draft", "language": "en", "template": "whatsapp/1/en",
    "parameters": ["Thandi", "Well Crafted", "We work with companies like yours."],
    "body": "Hello Thandi, this is Well Crafted. We work with companies like yours. Reply STOP and we will not write again.",
    "written_by": "model", "notes": [], "approved_by": None, "approved_at": None, "reason": None, "vendor": None,
    "vendor_ref": None, "sent_at": None, "delivered_at": None, "read_at": None, "created_at": _BEGAN, "updated_at": _ENDED,
_TEMPLATE = {
    "id": None, "channel": "whatsapp", "sequence_step": 1, "language": "en",
    "body": "Hello {{1}}, this is {{2}}. {{3}} Reply STOP and we will not write again.",
    "parameters": ["first_name", "sender", "opener"], "vendor_templates": {"trengo": "98231"}, "set_by": None,
    "updated_at": None,
_CONSENT = {
    "id": "01936f46-0000-7abc-8def-6d7e8f901232", "contact_id": _CONTACT, "channel": "whatsapp", "basis": "opt_in",
    "source": "trade fair, signed form 17", "note": None, "given_at": _ASKED, "recorded_by": "ada@example.com",
    "withdrawn_at": None, "withdrawn_by": None, "created_at": _ASKED,
_SUPPRESSION = {
    "id": "01936f46-0000-7abc-8def-6d7e8f901233", "channel": "any", "key_type": "phone", "reason": "opt_out",
    "source": "whatsapp", "erased": False, "added_by": "webhook:whatsapp", "created_at": _ENDED,

_IMPORT: dict[str, Any] = {
    "id": "01936f44-0000-7abc-8def-6d7e8f90120d", "kind": "companies", "label": "customers.csv", "state": "done",
    "dry_run": False, "rows": 1000, "created": 900, "merged": 95, "skipped": 2, "bad": 3, "errors": 3,
    "companies_created": 900, "contacts_created": 0, "columns": {"name": "Company Name", "domain": "Website"},
    "ignored": ["Fax"], "notes": ["the file is not UTF-8: it was read as Windows-1252"], "requested_by": "ada@example.com",
    "started_at": _BEGAN, "updated_at": _ENDED, "finished_at": _ENDED,

_ENDPOINT: dict[str, Any] = {
    "id": "01936f46-0000-7abc-8def-6d7e8f90120e", "url": "https://hooks.karoo.co.za/headwater",
    "events": ["LeadScored", "RunFinished"], "ordering": "none", "enabled": True, "description": None, "failures": 0,
    "open_until": None, "last_error": None, "disabled_reason": None, "created_by": "ada@example.com", "created_at": _ASKED,
    "updated_at": _ASKED,

_LISTED: dict[str, Any] = {
    "id": _COMPANY, "name": "Karoo Workwear (Pty) Ltd", "country": "ZA", "city": "Johannesburg", "domain": "karoo.example",
    "registry_id": "lei:529900T8BM49AURSDO55", "phone": "+27110000000", "employees": 120, "industry": "workwear",
    "sources": ["register", "google"], "likeness": None, "created_at": _ENDED, "updated_at": _ENDED,
_SIDE = {
    "id": _COMPANY, "name": "Karoo Workwear (Pty) Ltd", "country": "ZA", "city": "Johannesburg", "domain": "karoo.example",
    "phone": "+27110000000", "registry_id": "lei:529900T8BM49AURSDO55", "merged_into": None,
_MATCH: dict[str, Any] = {
    "id": "01936f50-0000-7abc-8def-6d7e8f901555", "kind": "company", "a": _SIDE,
    "b": {**_SIDE, "id": "01936f50-0000-7abc-8def-6d7e8f901556", "name": "Karoo Work Wear", "registry_id": None},
    "probability": 0.84, "features": {"name_rare": 0.9, "city": 1.0}, "contradictions": [], "decision": "pending",
    "survivor_id": None, "decided_by": None, "decided_at": None, "reason": None, "created_at": _ENDED,
_SAID = {
    "value": "+27110000000", "vendor": "site", "operation": "tel", "source_url": "https://karoo.example/contact",
    "confidence": 0.9, "verified": None, "observed_at": _ENDED, "created_at": _ENDED, "superseded_at": None,

_CONNECTION = {
    "id": "01936f46-0000-7abc-8def-6d7e8f901501", "system": "odoo", "url": "https://acme.odoo.example", "database": "acme",
    "login": None, "secret_ref": "ODOO_API_KEY_ACME", "transport": "auto", "enabled": True, "tested_at": _ENDED,
    "test_result": {
        "ok": True, "code": None, "error": None, "version": "19.0", "transport": "json2", "user": "leads@acme.example",
        "can_create": {"res.partner": True, "crm.lead": True},
    },
    "created_at": _ASKED, "updated_at": _ASKED,
_LINK = {
    "id": "01936f46-0000-7abc-8def-6d7e8f901502", "system": "odoo", "model": "res.partner", "local_id": _COMPANY,
    "external_id": f"headwater.company_{_COMPANY}", "remote_id": 71, "state": "conflict", "problem": "changed",
    "differs": {"phone": {"ours": "+27110000000", "theirs": "+27119999999", "before": "+27110000001"}}, "resolution": None,
    "dropped": [], "last_error": None, "pushed_at": _ENDED, "created_at": _ENDED, "updated_at": _ENDED,
_PUSH = {
    "id": "01936f46-0000-7abc-8def-6d7e8f901503", "lead_id": _LEAD, "cause": f"sync:{_EVENT}", "outcome": "done",
    "reason": None, "records": {f"headwater.company_{_COMPANY}": "created"}, "at": _ENDED,
_SYNC = {
    "id": _EVENT, "dry_run": False, "counts": {"created": 1, "push": 1}, "left": 0,
    "leads": [{
        "lead_id": _LEAD, "company": "Karoo Workwear (Pty) Ltd", "band": "HIGH", "score": 0.81, "action": "push", "reason": None,
        "records": [{
            "model": "res.partner", "local_id": _COMPANY, "name": "Karoo Workwear (Pty) Ltd", "action": "created",
            "changed": ["is_company", "name", "website"],
        }],
_FIGURE = {
    "id": "01936f46-0000-7abc-8def-6d7e8f901504", "day": "2026-01-05", "metric": "funnel", "dims": {"stage": "discovered"},
    "value": 25, "computed_at": _ENDED,
_FUNNEL = {
    "from": "2026-01-01", "to": "2026-01-31", "spend_usd": 4.2, "qualified_leads": 3, "cost_per_qualified_lead": 1.4,
    "stages": [{"stage": "discovered", "leads": 25, "of_discovered": 1.0, "of_previous": None}],

#: Schema name -> an example of it.
EXAMPLES: dict[str, dict[str, Any]] = {
    "Alive": {"status": "ok"},
    "Connection": _CONNECTION,
    "LinkRow": _LINK,
    "LinkPage": {"items": [_LINK], "next_cursor": None},
    "PushPage": {"items": [_PUSH], "next_cursor": None},
    "SyncAnswer": _SYNC,
    "DailyPage": {"items": [_FIGURE], "next_cursor": None},
    "Funnel": _FUNNEL,
    "KeyView": _KEY,
    "KeyPage": {"items": [_KEY], "next_cursor": None},
    "RunView": _VIEW,
    "RunPage": {"items": [{**_VIEW, "slices": None}], "next_cursor": _RUN},
    "RunCheck": {
        "ok": True, "run_id": _RUN, "status": "completed", "events": 29, "jobs": 3, "lost": 0, "doubled": 0, "findings": [],
    },
    "Inspection": {
        "run": _VIEW, "vendor_calls": [_CALL], "jobs": {"done": 3}, "records": {"DISCOVERED": 25, "REJECTED": 6},
        "findings": [],
    },
    "Timeline": {
        "run": _VIEW,
        "moments": [
            {"at": _ASKED, "what": "run", "id": _RUN, "title": "asked for by ada@example.com", "state": "pending",
             "detail": None, "took_s": None},
            {"at": _BEGAN, "what": "execution", "id": _JOB, "title": "discovery.fetch", "state": "done", "detail": None,
             "took_s": 0.8},
        ],
        "truncated": False,
    },
    "RuleSet": _RULE_SET,
    "RuleSetList": {"items": [_RULE_SET]},
    "RuleSetMoved": {"rule_set": {**_RULE_SET, "stage": "ACTIVE"}, "archived": None, "rescoring": 120, "left": 0},
    "Preview": {
        "companies": 1000, "more": True, "candidates": 310, "rejected": 560, "deferred": 130, "mean_fit": 0.46,
        "mean_coverage": 0.8, "examples": [{**_OUT, "fit": 1.0, "reasons": []}],
        "by_reason": [{
            "position": 0, "field": "companyCountry", "outcome": "FAILED", "rule": "country: one of ZA, US", "companies": 560,
            "examples": [_OUT],
        }],
    },
    "Comparison": {
        "rule_set_id": _SET_ID, "active_id": None, "leads": 200, "more": False, "changed": 14, "exported_now": 120,
        "exported_then": 131, "bands": [{"now": "MEDIUM", "then": "HIGH", "leads": 14}],
        "examples": [{
            "lead_id": _LEAD, "company_name": "Karoo Workwear (Pty) Ltd", "now": "MEDIUM", "then": "HIGH", "score_now": 0.6,
            "score_then": 0.72, "reasons": [],
        }],
    },
    "CandidatePage": {
        "items": [{
            "id": "01936f46-0000-7abc-8def-6d7e8f901505", "company_id": _COMPANY, "company_name": "Karoo Workwear GmbH",
            "verdict": "REJECTED", "fit": 0.4, "coverage": 1.0, "reasons": [_WHY], "rule_set_id": _SET_ID,
            "refreshed_at": _ENDED, "gone_at": None,
        }],
        "next_cursor": None,
    },
    "ScoresAsked": {"asked": [_LEAD], "left_out": []},
    "ScoreHistory": {
        "lead_id": _LEAD,
        "items": [{
            "id": _SCORED["snapshot_id"], "icp_profile_id": _PROFILE["id"], "snapshot_version": 1, "source_version": "1",
            "feature_vector_hash": "9f" * 32, "vector": {"companyCountry": "ZA", "companyNaics": ["561720"]}, "verdict": "PASSED",
            "reasons": [], "created_at": _ENDED, "scores": [{**_SCORED, "decides": True, "created_at": _ENDED}],
        }],
    },
    "LeadPage": {"items": [_ROW], "next_cursor": None},
    "LeadDetail": {**_ROW, "latest_score": _SCORED, "discovery_records": [_RECORD], "contacts": []},
    "Profile": _PROFILE,
    "ProfilePage": {"items": [_PROFILE], "next_cursor": None},
    "OpportunityPageView": {"items": [_OPPORTUNITY], "next_cursor": None},
    "OpportunityDetail": {**_OPPORTUNITY, "same_solicitation": []},
    "HouseRun": _HOUSE_RUN,
    "LastRun": {"last_success": _HOUSE_RUN, "latest": _HOUSE_RUN},
    "LeadCreated": {"id": _LEAD, "status": "new"},
    "CausedExecution": {**_EXECUTION, "link": "made"},
    "ExecutionDetail": {**_EXECUTION, "scope": "once", "priority": 0, "payload": _PAYLOAD},
    "EventDetail": {
        "tenant_id": _TENANT, "id": 42, "event_id": _EVENT, "status": "sent", "type": "SliceReady", "version": 1,
        "aggregate_type": "run", "aggregate_id": _RUN, "sink": "queue", "attempts": 0, "created_at": _ASKED,
        "sent_at": _BEGAN, "payload": _PAYLOAD, "headers": {}, "routes": 1,
        "executions": [{**_EXECUTION, "link": "made"}],
    },
    "Replayed": {"event_id": _EVENT, "replay_of": _EVENT, "status": "pending"},
    "ReplayReport": {
        "dry_run": True, "matched": 12, "replayed": 0, "more": False, "by_type": {"SliceReady": 12}, "oldest": _ASKED,
        "newest": _ENDED, "last_due_at": None,
    },
    "Stats": {
        "at": _ENDED, "counts": {"pending": 3, "processing": 0, "failed": 1},
        "depth": [{"state": "pending", "type": "SliceReady", "count": 3}], "truncated": False, "oldest_due_age_s": 0.2,
        "next_due_at": None, "rates": [{"window_s": 60, "emitted_per_s": 1.5, "sent_per_s": 1.5}],
        "dead_letters_open": {"event": 0, "job": 1}, "queue": {"queued": 2, "running": 4}, "workers": 2,
        "dispatched_s_ago": 0.4,
    },
    "DiscoveryQuery": _DISCOVERY_QUERY,
    "DiscoveryQueryPage": {"items": [_DISCOVERY_QUERY], "next_cursor": None},
    "GeneratedQueries": {
        "added": [{**_DISCOVERY_QUERY, "source": "generated", "text": "facilities management companies South Africa"}],
        "known": ["facilities management companies United States"],
    },
    "StagedCompany": _STAGED,
    "StagedPage": {"items": [_STAGED], "next_cursor": None},
    "StagingStatus": {
        "companies": 2100000, "changed_at": _ENDED,
        "imports": [{
            "id": "01936f41-0000-7abc-8def-6d7e8f90120a", "source": "file", "label": "acra-a.csv.gz", "state": "done",
            "rows_read": 80000, "rows_new": 120, "rows_changed": 900, "rows_unchanged": 78978, "rows_dropped": 2,
            "rows_repeated": 0, "bad": ["line 17: uen is missing"], "started_at": _BEGAN, "updated_at": _ENDED,
            "finished_at": _ENDED,
        }],
    },
    "MessagePage": {"items": [_MESSAGE], "next_cursor": None},
    "MessageDetail": {
        **_MESSAGE, "state": "delivered", "approved_by": "ada@example.com", "approved_at": _BEGAN, "vendor": "whatsapp",
        "vendor_ref": "wamid.HBgL1", "sent_at": _ENDED, "delivered_at": _ENDED,
        "events": [{"kind": "report", "status": "delivered", "body": None, "at": _ENDED, "created_at": _ENDED}],
    },
    "Template": _TEMPLATE,
    "TemplateList": {"items": [_TEMPLATE]},
    "Consent": _CONSENT,
    "ConsentPage": {"items": [_CONSENT], "next_cursor": None},
    "WebhookCounts": {"applied": 1, "repeated": 0, "unknown": 0, "suppressed": 0, "dropped": 0},
    "Suppression": _SUPPRESSION,
    "SuppressionPage": {"items": [_SUPPRESSION], "next_cursor": None},
    "SuppressionHit": {"suppressed": True, "entry": _SUPPRESSION},
    "PersonExport": {
        "person": {
            "contact_ids": [_CONTACT], "emails": ["thandi@karoo.example"], "phones": ["+27821234567"], "profiles": [],
            "names": ["Thandi Nkosi"],
        },
        "generated_at": _ENDED, "suppressed": False, "counts": {"contacts": 1},
        "tables": {"contacts": [{"id": _CONTACT, "name": "Thandi Nkosi", "email": "thandi@karoo.example"}]},
    },
    "Erased": {
        "dry_run": False, "rows": {"contacts": 1, "entity_keys": 1, "field_values": 4, "messages": 1, "vendor_items": 2},
        "suppressions": 2, "left": {}, "elsewhere": {"crm_records": 1, "messages_sent": 1},
    },
    "ListedCompany": _LISTED,
    "CompanyPage": {"items": [_LISTED], "next_cursor": None},
    "CompanyDetail": {
        **_LISTED, "asked_for": None, "description": None, "naics": ["315250"], "keys": ["domain karoo.example"], "merged": [],
        "leads": [_LEAD], "as_of": None,
        "fields": [{
            "field": "phone", "value": "+27110000000", "rule": "highest_confidence", "vendor": "site", "confidence": 0.9,
            "observed_at": _ENDED, "history": [_SAID],
        }],
    "Match": _MATCH,
    "MatchPage": {"items": [_MATCH], "next_cursor": None},
    "ScanAsked": {"waiting": 120},
    "EnrichmentsAsked": {"asked": [_LEAD], "left_out": []},
    "EnrichmentList": {
        "items": [{
            "id": "01936f45-0000-7abc-8def-6d7e8f901222", "lead_id": _LEAD, "cause": "1", "status": "COMPLETED",
            "payload": {"site": {"outcome": "ok"}}, "cost_usd": 0.03, "error_code": None, "error": None,
            "started_at": _BEGAN, "finished_at": _ENDED,
            "steps": [{
                "field": "email", "place": 0, "operation": "hunter.find", "outcome": "accepted", "reason": None,
                "stored": False, "units": 1, "cost_usd": 0.01, "explored": False,
            }],
        }],
        "facts": [{
            "id": "01936f45-0000-7abc-8def-6d7e8f901333", "entity_id": _LEAD, "kind": "company", "field": "phone",
            "value": "+27110000000", "vendor": "site", "operation": "tel", "terms": "crawled", "confidence": 0.9,
            "observed_at": _ENDED, "source_url": "https://karoo.example/contact", "verified": None, "created_at": _ENDED,
        }],
    },
    "Waterfalls": {
        "items": [{
            "field": "email",
            "orders": [{
                "id": "01936f45-0000-7abc-8def-6d7e8f901444", "field": "email", "stage": "SHADOW",
                "operations": ["apollo.match", "hunter.find"], "made_by": "learned",
                "verdict": {"why": "12 of 50 rows seen", "rows": 12}, "created_at": _BEGAN,
            }],
            "tried": [{"field": "email", "operation": "hunter.find", "asked": 40, "accepted": 11, "cost_usd": 0.11}],
        }],
    },
    "Endpoint": _ENDPOINT,
    "EndpointSecret": {**_ENDPOINT, "secret": "whsec_" + "x" * 43},
    "EndpointPage": {"items": [_ENDPOINT], "next_cursor": None},
    "ImportPage": {"items": [_IMPORT], "next_cursor": None},
    "ImportDone": {
        **_IMPORT, "again": False,
        "first_errors": [{
            "row": 17, "column": "Country", "code": "bad_country", "fatal": True,
            "message": "is no country we know: give its ISO code, like ZA, or its English name",
        }],
    },
    "ReplayView": {
        "run": {**_VIEW, "kind": "replay", "dry_run": True}, "replay_of": _RUN, "apply": False, "pages": 2,
        "summary": [{"kind": "company", "change": "changed", "count": 1}],
        "entities": [{
            "kind": "company", "change": "changed", "entity_id": _COMPANY,
            "subject": {"name": "Karoo Workwear (Pty) Ltd"}, "fields": {"city": {"from": None, "to": "Johannesburg"}},
        }],
        "scores": [], "not_replayable": [], "next_cursor": None,
    },
    "ReplayPage": {"items": [{**_VIEW, "kind": "replay", "dry_run": True, "slices": None}], "next_cursor": None},
    "VendorList": {
        "since": _ASKED,
        "vendors": [{
            "vendor": "tavily", "operation": "search.google", "unit": "credit", "units": 1, "billable": True,
            "unit_price_usd": 0.008, "pace": "tavily.search", "channel": "google", "pages": 1, "absent": None,
            "calls": 120, "found": 118, "missed": 0, "hit_rate": 1, "throttled": 3, "errors": 1, "error_rate": 0.0083,
            "forfeited": 1, "spent": 119, "cost_usd": 0.952, "median_ms": 820, "p95_ms": 2100, "breaker": "closed",
            "opened_until": None,
        }],
        "budgets": [{
            "scope": "tenant", "vendor": "tavily", "unit": "credit", "period": "day", "limit": 800,
            "source": "tavily_max_queries", "reserved": 2, "spent": 119, "left": 679, "resets_at": "2026-01-06T00:00:00Z",
        }],
    },
    "Forecast": {
        "slices": 10, "absent": [],
        "costs": [{
            "vendor": "tavily", "unit": "credit", "requests": 10, "units": 10, "cost_usd": 0.08, "left": 679,
            "budget": "tenant day", "fits": True,
        }],
    },
    "FeedbackRow": _FEEDBACK,
    "FeedbackPage": {
        "items": [_FEEDBACK],
        "labels": [{
            "kind": "reply", "value": 1, "weight": 1, "source": "user", "source_event": "user:feedback:1", "event_at": _ASKED,
            "known_at": _ENDED,
        }],
        "next_cursor": None,
    },
    "ModelRow": _MODEL,
    "ModelPage": {"items": [_MODEL], "next_cursor": None},
    "ModelDetail": {
        **_MODEL,
        "model": {
            "intercept": -2.1, "slope": 0.9, "offset": 0.1, "base_rate": 0.11,
            "terms": [{"feature": "employees", "kind": "number", "center": 4.1, "scale": 1.2, "weight": 0.4, "log": True}],
        },
        "config": {"family": "lead", "target": "qualified", "maturity_days": 90, "holdout": 0.3, "auto_promote": True},
        "metrics": {"learned": 700, "learned_positives": 80, "strength": 0.03}, "data_hash": "00" * 32,
        "evaluations": [{
            "id": _EVENT, "cause": "trained", "window_from": _ASKED, "window_to": _ENDED, "passed": True,
            "decision": "promoted", "reason": "beside rules alone: log loss better by 0.0101 to 0.0212", "created_at": _ENDED,
            "metrics": {"calibration": [{"said": 0.1, "was": 0.12, "rows": 30}]},
        }],
    },
    "Verification": {
        "ok": True, "events": 1200, "jobs": 1180, "absorbed": 20, "lost": 0, "doubled": 0, "orphaned": 0, "waiting": 3,
        "dead_letters": 0, "window": {"since": None, "until": _ENDED}, "took_s": 0.05, "breaches": [],
    },
}  # fmt: skip
