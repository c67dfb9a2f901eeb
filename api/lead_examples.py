"""Examples of what comes after discovery: rules, scores, messages, feedback, models, CRM, files, matches."""

from __future__ import annotations

from typing import Any

from api.examples import (
    ASKED,
    BEGAN,
    COMPANY,
    ENDED,
    EVENT,
    LEAD,
    PROFILE,
    RECORD,
    ROW,
    RUN,
    VIEW,
)

_SET_ID, _RULE_ID = "01936f46-0000-7abc-8def-6d7e8f901501", "01936f46-0000-7abc-8def-6d7e8f901502"

_WHY = {
    "rule_id": _RULE_ID, "position": 0, "field": "companyCountry", "outcome": "FAILED",
    "words": "country: DE, wanted one of ZA, US",
}  # fmt: skip

_RULE_SET: dict[str, Any] = {
    "id": _SET_ID, "icp_profile_id": PROFILE["id"], "version": 2, "stage": "SHADOW", "medium_from": 0.33, "high_from": 0.66,
    "made_by": "ada@example.com", "reason": "smaller firms buy as well", "created_at": ASKED, "stage_at": ASKED,
    "rules": [{
        "id": _RULE_ID, "position": 0, "type": "HARD_FILTER", "field_key": "companyCountry", "operator": "IN",
        "value": ["ZA", "US"], "weight": 1.0, "on_missing": "DEFER",
    }],
}  # fmt: skip

_SCORED: dict[str, Any] = {
    "id": "01936f46-0000-7abc-8def-6d7e8f901503", "snapshot_id": "01936f46-0000-7abc-8def-6d7e8f901504", "rule_set_id": _SET_ID,
    "model_version_id": None, "band": "HIGH", "score": 0.7, "probability": None, "percentile": 0.91, "fit": 0.7, "coverage": 1.0,
    "rejected": False, "reasons": [], "scored_at": ENDED, "base_log_odds": 0.0,
    "rationale": "HIGH (score 0.70, fit 70%, 100% of what is asked is known). For it: NAICS codes: 561720, …",
    "contributions": [{
        "kind": "rule", "field": "companyNaics", "log_odds": 1.45, "position": 1,
        "words": "NAICS codes: 561720, wanted under one of 5617",
    }],
}  # fmt: skip

_OUT = {"company_id": COMPANY, "name": "Karoo Workwear GmbH", "fit": 0.4, "coverage": 1.0, "reasons": [_WHY]}

_CONTACT = "01936f3e-9a41-7e22-9c0d-1e2f3a4b5c30"

_MESSAGE: dict[str, Any] = {
    "id": "01936f46-0000-7abc-8def-6d7e8f901231", "lead_id": LEAD, "contact_id": _CONTACT, "prediction_id": None,
    "company_name": "Karoo Workwear (Pty) Ltd", "contact_name": "Thandi Nkosi", "channel": "whatsapp", "sequence_step": 1,
    "state": "draft", "language": "en", "template": "whatsapp/1/en",
    "parameters": ["Thandi", "Well Crafted", "We work with companies like yours."],
    "body": "Hello Thandi, this is Well Crafted. We work with companies like yours. Reply STOP and we will not write again.",
    "written_by": "model", "notes": [], "approved_by": None, "approved_at": None, "reason": None, "vendor": None,
    "vendor_ref": None, "sent_at": None, "delivered_at": None, "read_at": None, "created_at": BEGAN, "updated_at": ENDED,
}  # fmt: skip

_TEMPLATE = {
    "id": None, "channel": "whatsapp", "sequence_step": 1, "language": "en",
    "body": "Hello {{1}}, this is {{2}}. {{3}} Reply STOP and we will not write again.",
    "parameters": ["first_name", "sender", "opener"], "vendor_templates": {"trengo": "98231"}, "set_by": None,
    "updated_at": None,
}  # fmt: skip

_CONSENT = {
    "id": "01936f46-0000-7abc-8def-6d7e8f901232", "contact_id": _CONTACT, "channel": "whatsapp", "basis": "opt_in",
    "source": "trade fair, signed form 17", "note": None, "given_at": ASKED, "recorded_by": "ada@example.com",
    "withdrawn_at": None, "withdrawn_by": None, "created_at": ASKED,
}  # fmt: skip

_SUPPRESSION = {
    "id": "01936f46-0000-7abc-8def-6d7e8f901233", "channel": "any", "key_type": "phone", "reason": "opt_out",
    "source": "whatsapp", "erased": False, "added_by": "webhook:whatsapp", "created_at": ENDED,
}  # fmt: skip

_IMPORT: dict[str, Any] = {
    "id": "01936f44-0000-7abc-8def-6d7e8f90120d", "kind": "companies", "label": "customers.csv", "state": "done",
    "dry_run": False, "rows": 1000, "created": 900, "merged": 95, "skipped": 2, "bad": 3, "errors": 3,
    "companies_created": 900, "contacts_created": 0, "columns": {"name": "Company Name", "domain": "Website"},
    "ignored": ["Fax"], "notes": ["the file is not UTF-8: it was read as Windows-1252"], "requested_by": "ada@example.com",
    "started_at": BEGAN, "updated_at": ENDED, "finished_at": ENDED,
}  # fmt: skip

_ENDPOINT: dict[str, Any] = {
    "id": "01936f46-0000-7abc-8def-6d7e8f90120e", "url": "https://hooks.karoo.co.za/headwater",
    "events": ["LeadScored", "RunFinished"], "ordering": "none", "enabled": True, "description": None, "failures": 0,
    "open_until": None, "last_error": None, "disabled_reason": None, "created_by": "ada@example.com", "created_at": ASKED,
    "updated_at": ASKED,
}  # fmt: skip

_LISTED: dict[str, Any] = {
    "id": COMPANY, "name": "Karoo Workwear (Pty) Ltd", "country": "ZA", "city": "Johannesburg", "domain": "karoo.example",
    "registry_id": "lei:529900T8BM49AURSDO55", "phone": "+27110000000", "employees": 120, "industry": "workwear",
    "sources": ["register", "google"], "likeness": None, "created_at": ENDED, "updated_at": ENDED,
}  # fmt: skip

_SIDE = {
    "id": COMPANY, "name": "Karoo Workwear (Pty) Ltd", "country": "ZA", "city": "Johannesburg", "domain": "karoo.example",
    "phone": "+27110000000", "registry_id": "lei:529900T8BM49AURSDO55", "merged_into": None,
}  # fmt: skip

_MATCH: dict[str, Any] = {
    "id": "01936f50-0000-7abc-8def-6d7e8f901555", "kind": "company", "a": _SIDE,
    "b": {**_SIDE, "id": "01936f50-0000-7abc-8def-6d7e8f901556", "name": "Karoo Work Wear", "registry_id": None},
    "probability": 0.84, "features": {"name_rare": 0.9, "city": 1.0}, "contradictions": [], "decision": "pending",
    "survivor_id": None, "decided_by": None, "decided_at": None, "reason": None, "created_at": ENDED,
}  # fmt: skip

_SAID = {
    "value": "+27110000000", "vendor": "site", "operation": "tel", "source_url": "https://karoo.example/contact",
    "confidence": 0.9, "verified": None, "observed_at": ENDED, "created_at": ENDED, "superseded_at": None,
}  # fmt: skip

_CONNECTION = {
    "id": "01936f46-0000-7abc-8def-6d7e8f901501", "system": "odoo", "url": "https://acme.odoo.example", "database": "acme",
    "login": None, "secret_ref": "ODOO_API_KEY_ACME", "transport": "auto", "enabled": True, "tested_at": ENDED,
    "test_result": {
        "ok": True, "code": None, "error": None, "version": "19.0", "transport": "json2", "user": "leads@acme.example",
        "can_create": {"res.partner": True, "crm.lead": True},
    },
    "created_at": ASKED, "updated_at": ASKED,
}  # fmt: skip

_LINK = {
    "id": "01936f46-0000-7abc-8def-6d7e8f901502", "system": "odoo", "model": "res.partner", "local_id": COMPANY,
    "external_id": f"headwater.company_{COMPANY}", "remote_id": 71, "state": "conflict", "problem": "changed",
    "differs": {"phone": {"ours": "+27110000000", "theirs": "+27119999999", "before": "+27110000001"}}, "resolution": None,
    "dropped": [], "last_error": None, "pushed_at": ENDED, "created_at": ENDED, "updated_at": ENDED,
}  # fmt: skip

_PUSH = {
    "id": "01936f46-0000-7abc-8def-6d7e8f901503", "lead_id": LEAD, "cause": f"sync:{EVENT}", "outcome": "done",
    "reason": None, "records": {f"headwater.company_{COMPANY}": "created"}, "at": ENDED,
}  # fmt: skip

_SYNC = {
    "id": EVENT, "dry_run": False, "counts": {"created": 1, "push": 1}, "left": 0,
    "leads": [{
        "lead_id": LEAD, "company": "Karoo Workwear (Pty) Ltd", "band": "HIGH", "score": 0.81, "action": "push", "reason": None,
        "records": [{
            "model": "res.partner", "local_id": COMPANY, "name": "Karoo Workwear (Pty) Ltd", "action": "created",
            "changed": ["is_company", "name", "website"],
        }],
    }],
}  # fmt: skip

_FIGURE = {
    "id": "01936f46-0000-7abc-8def-6d7e8f901504", "day": "2026-01-05", "metric": "funnel", "dims": {"stage": "discovered"},
    "value": 25, "computed_at": ENDED,
}  # fmt: skip

_FUNNEL = {
    "from": "2026-01-01", "to": "2026-01-31", "spend_usd": 4.2, "qualified_leads": 3, "cost_per_qualified_lead": 1.4,
    "stages": [{"stage": "discovered", "leads": 25, "of_discovered": 1.0, "of_previous": None}],
}  # fmt: skip

_FEEDBACK = {
    "id": "01936f46-0000-7abc-8def-6d7e8f901555", "lead_id": LEAD, "verdict": "meeting", "event_at": ASKED, "known_at": ENDED,
    "note": "demo booked", "weight": 1, "source": "user", "source_event": "feedback:1", "given_by": "ada@example.com",
    "created_at": ENDED,
}  # fmt: skip

_MODEL: dict[str, Any] = {
    "id": "01936f47-0000-7abc-8def-6d7e8f901666", "family": "lead", "version": 3, "kind": "logistic_regression",
    "stage": "ACTIVE", "reason": "passed the gate", "traffic": 0, "trained_from": ASKED, "trained_to": BEGAN,
    "training_run_id": RUN, "created_at": ENDED, "stage_at": ENDED, "active_at": ENDED,
    "figures": {"auc": 0.74, "log_loss": 0.31, "base_log_loss": 0.35, "brier": 0.09, "ece": 0.02, "psi": 0.05},
}  # fmt: skip

#: Schema name -> an example of it.
EXAMPLES: dict[str, dict[str, Any]] = {
    "LeadDetail": {**ROW, "latest_score": _SCORED, "discovery_records": [RECORD], "contacts": []},
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
            "lead_id": LEAD, "company_name": "Karoo Workwear (Pty) Ltd", "now": "MEDIUM", "then": "HIGH", "score_now": 0.6,
            "score_then": 0.72, "reasons": [],
        }],
    },
    "CandidatePage": {
        "items": [{
            "id": "01936f46-0000-7abc-8def-6d7e8f901505", "company_id": COMPANY, "company_name": "Karoo Workwear GmbH",
            "verdict": "REJECTED", "fit": 0.4, "coverage": 1.0, "reasons": [_WHY], "rule_set_id": _SET_ID,
            "refreshed_at": ENDED, "gone_at": None,
        }],
        "next_cursor": None,
    },
    "ScoresAsked": {"asked": [LEAD], "left_out": []},
    "ScoreHistory": {
        "lead_id": LEAD,
        "items": [{
            "id": _SCORED["snapshot_id"], "icp_profile_id": PROFILE["id"], "snapshot_version": 1, "source_version": "1",
            "feature_vector_hash": "9f" * 32, "vector": {"companyCountry": "ZA", "companyNaics": ["561720"]}, "verdict": "PASSED",
            "reasons": [], "created_at": ENDED, "scores": [{**_SCORED, "decides": True, "created_at": ENDED}],
        }],
    },
    "MessagePage": {"items": [_MESSAGE], "next_cursor": None},
    "MessageDetail": {
        **_MESSAGE, "state": "delivered", "approved_by": "ada@example.com", "approved_at": BEGAN, "vendor": "whatsapp",
        "vendor_ref": "wamid.HBgL1", "sent_at": ENDED, "delivered_at": ENDED,
        "events": [{"kind": "report", "status": "delivered", "body": None, "at": ENDED, "created_at": ENDED}],
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
            "contact_ids": [_CONTACT], "lead_ids": [LEAD], "emails": ["thandi@karoo.example"],
            "phones": ["+27821234567"], "profiles": [],
            "names": ["Thandi Nkosi"],
        },
        "generated_at": ENDED, "suppressed": False, "counts": {"contacts": 1},
        "tables": {"contacts": [{"id": _CONTACT, "name": "Thandi Nkosi", "email": "thandi@karoo.example"}]},
    },
    "Erased": {
        "dry_run": False, "rows": {"contacts": 1, "entity_keys": 1, "field_values": 4, "messages": 1, "vendor_items": 2},
        "suppressions": 2, "left": {}, "elsewhere": {"crm_records": 1, "messages_sent": 1},
    },
    "Endpoint": _ENDPOINT,
    "EndpointSecret": {**_ENDPOINT, "secret": "whsec_" + "x" * 43 + "="},
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
        "run": {**VIEW, "kind": "replay", "dry_run": True}, "replay_of": RUN, "apply": False, "pages": 2,
        "summary": [
            {"kind": "company", "change": "changed", "count": 1}, {"kind": "score", "change": "changed", "count": 1},
        ],
        "entities": [{
            "kind": "company", "change": "changed", "entity_id": COMPANY,
            "subject": {"name": "Karoo Workwear (Pty) Ltd"}, "fields": {"city": {"from": None, "to": "Johannesburg"}},
        }],
        "scores": [{
            "kind": "score", "change": "changed", "entity_id": LEAD, "subject": {"name": "Karoo Workwear (Pty) Ltd"},
            "fields": {"band": {"from": "HIGH", "to": "LOW"}, "rejected": {"from": False, "to": True}},
        }],
        "scores_left": 0, "evaluations_left": 0, "not_replayable": [], "next_cursor": None,
        "leads_not_replayable": [{
            "lead_id": LEAD, "company": "Karoo Workwear (Pty) Ltd", "reason": "answer_gone", "operations": ["hunter.find"],
        }],
    },
    "ReplayPage": {"items": [{**VIEW, "kind": "replay", "dry_run": True, "slices": None}], "next_cursor": None},
    "ListedCompany": _LISTED,
    "CompanyPage": {"items": [_LISTED], "next_cursor": None},
    "CompanyDetail": {
        **_LISTED, "asked_for": None, "description": None, "naics": ["315250"], "keys": ["domain karoo.example"], "merged": [],
        "leads": [LEAD], "as_of": None,
        "fields": [{
            "field": "phone", "value": "+27110000000", "rule": "highest_confidence", "vendor": "site", "confidence": 0.9,
            "observed_at": ENDED, "history": [_SAID],
        }],
    },
    "Match": _MATCH,
    "MatchPage": {"items": [_MATCH], "next_cursor": None},
    "ScanAsked": {"waiting": 120},
    "Survivorship": {
        "default": "highest_confidence", "fields": {"phone": "source_order"}, "source_order": ["site", "hunter"],
    },
    "Connection": _CONNECTION,
    "LinkRow": _LINK,
    "LinkPage": {"items": [_LINK], "next_cursor": None},
    "PushPage": {"items": [_PUSH], "next_cursor": None},
    "SyncAnswer": _SYNC,
    "DailyPage": {"items": [_FIGURE], "next_cursor": None},
    "Funnel": _FUNNEL,
    "FeedbackRow": _FEEDBACK,
    "FeedbackPage": {
        "items": [_FEEDBACK],
        "labels": [{
            "kind": "reply", "value": 1, "weight": 1, "source": "user", "source_event": "user:feedback:1", "event_at": ASKED,
            "known_at": ENDED,
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
            "id": EVENT, "cause": "trained", "window_from": ASKED, "window_to": ENDED, "passed": True,
            "decision": "promoted", "reason": "beside rules alone: log loss better by 0.0101 to 0.0212", "created_at": ENDED,
            "metrics": {"calibration": [{"said": 0.1, "was": 0.12, "rows": 30}]},
        }],
    },
}  # fmt: skip
