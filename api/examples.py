"""What answers look like, for the OpenAPI document: one example for each schema that has none of its own."""

from __future__ import annotations

from typing import Any

RUN = "01936f3e-7c1a-7b52-9d3e-0a6f5c2b1e01"
LEAD = "01936f3e-9a40-7c11-8f7a-5b1d2c3e4f02"
COMPANY = "01936f3e-9a3f-7a90-b1c2-6d7e8f901a03"
EVENT = "01936f3e-7c1b-7e05-a4b6-1c2d3e4f5a04"
_JOB = "01936f3e-7c20-7f33-9a8b-2b3c4d5e6f05"
ASKED, BEGAN, ENDED = "2026-01-05T06:00:00Z", "2026-01-05T06:00:01Z", "2026-01-05T06:00:04Z"
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
VIEW: dict[str, Any] = {
    "id": RUN, "kind": "discovery", "status": "completed", "mode": "manual", "dry_run": False, "triggered_by": "api",
    "requested_by": "ada@example.com", "params": _PARAMS, "counts": _COUNTS, "open_slices": 0, "stats": _STATS,
    "error_code": None, "error": None, "stop_reason": "max_companies", "created_at": ASKED, "started_at": BEGAN,
    "finished_at": ENDED, "duration_s": 3.2, "remaining_ms": None, "cancel_requested_at": None, "slices": [_SLICE],
}  # fmt: skip
_CALL = {
    "id": "01936f3e-7c30-7b44-9e0f-4b5c6d7e8f07", "vendor": "gleif", "operation": "search", "billable": False,
    "state": "answered", "units_reserved": 0, "units_spent": 0, "error": None, "sent_at": BEGAN, "settled_at": ENDED,
    "execution_id": _JOB,
}  # fmt: skip
RECORD = {
    "id": "01936f3e-9a3e-7d55-8a1b-5c6d7e8f9008", "source": "register", "vendor": "gleif",
    "external_id": "529900T8BM49AURSDO55", "status": "DISCOVERED", "reason": None, "run_id": RUN, "slice_id": _SLICE["id"],
    "page": 0, "payload": {"name": "Karoo Workwear (Pty) Ltd", "country": "ZA"}, "created_at": ENDED,
}  # fmt: skip
ROW: dict[str, Any] = {
    "id": LEAD, "status": "new", "source": "register", "run_id": RUN, "icp_profile_id": None, "company_id": COMPANY,
    "company_name": "Karoo Workwear (Pty) Ltd", "country": "ZA", "city": "Johannesburg", "domain": "karoo.example",
    "registry_id": "lei:529900T8BM49AURSDO55", "industries": [], "sources": ["register", "google"], "contact_id": None,
    "contact_name": None, "contact_email": None, "latest_discovery": RECORD, "latest_enrichment": None,
    "latest_score": None, "created_at": ENDED, "updated_at": ENDED,
}  # fmt: skip
_KEY = {
    "id": "01936f40-0000-7abc-8def-6d7e8f901209", "name": "night importer", "role": "analyst", "scopes": ["leads:read"],
    "created_by": "ada@example.com", "created_at": ASKED, "expires_at": None, "revoked_at": None, "last_used_at": None,
}  # fmt: skip
PROFILE: dict[str, Any] = {
    "id": "01936f3e-8000-7c01-9a2b-3c4d5e6f7a10", "name": "Workwear for facilities teams",
    "target_industries": ["facilities management"], "target_countries": ["ZA", "US"], "min_company_size": 50,
    "max_company_size": None, "required_technologies": [], "naics_codes": ["561720", "3152"], "version": 1, "closed_at": None,
    "created_by": "ada@example.com", "created_at": ASKED, "updated_at": ASKED,
}  # fmt: skip
_OPPORTUNITY: dict[str, Any] = {
    "id": "01936f3e-8100-7d02-8b3c-4d5e6f7a8b11", "source": "sam", "notice_id": "9f3c", "title": "Janitorial services",
    "solicitation_number": "W912-26-R-0001", "agency": "DEPT OF DEFENSE.DEPT OF THE ARMY", "kind": "Solicitation",
    "naics": ["561720"], "set_aside": "SBA", "posted_on": "2026-01-04", "deadline_at": "2026-02-01T14:00:00-05:00",
    "active": True, "country": "US", "state": "VA", "city": "Norfolk", "url": "https://sam.gov/opp/9f3c/view",
    "description_url": "https://api.sam.gov/prod/opportunities/v1/noticedesc?noticeid=9f3c", "changed_at": ENDED,
    "evaluations": [{
        "profile_id": PROFILE["id"], "profile_name": PROFILE["name"], "matched": True, "fit": 1.0,
        "reasons": ["naics 561720 falls under 561720", "country US is a target"], "profile_version": 1,
    }],
}  # fmt: skip
_HOUSE_RUN = {
    "id": RUN, "status": "completed", "requested_at": ASKED, "started_at": BEGAN, "completed_at": ENDED,
    "error_code": None,
}  # fmt: skip
_TENANT = "01936f3d-0000-7000-8000-000000000001"
_EXECUTION: dict[str, Any] = {
    "tenant_id": _TENANT, "id": _JOB, "job": "discovery.fetch", "key": f"discovery.fetch:{RUN}:{_SLICE['id']}:0",
    "queue": "discovery", "state": "waiting", "status": "queued", "token": 2, "failures": 1, "crashes": 0,
    "event_id": EVENT, "error_class": "vendor_down", "error": "gleif answered 503", "queued_at": BEGAN,
}  # fmt: skip
_PAYLOAD = {"runId": RUN, "sliceId": _SLICE["id"], "page": 0}

_DISCOVERY_QUERY = {
    "id": "01936f42-0000-7abc-8def-6d7e8f90120b", "text": _QUERY, "enabled": True, "source": "typed",
    "icp_profile_id": None, "created_by": "ada@example.com", "last_used_at": ENDED, "created_at": ASKED,
}  # fmt: skip
_STAGED = {
    "uen": "199901234K", "entity_name": "ZEBRA EXAMPLE PTE. LTD.", "entity_status_description": "Live Company",
    "entity_type_description": "Local Company", "company_type_description": "Exempt Private Company Limited by Shares",
    "registration_incorporation_date": "1999-05-01", "primary_ssic_code": "81210",
    "primary_ssic_description": "GENERAL CLEANING", "secondary_ssic_code": None, "block": "1", "street_name": "EXAMPLE ROAD",
    "level_no": "02", "unit_no": "10", "building_name": None, "postal_code": "123456", "source": "pull",
    "first_seen_at": ASKED, "last_seen_at": ENDED, "changed_at": ASKED,
}  # fmt: skip

#: Schema name -> an example of it.
EXAMPLES: dict[str, dict[str, Any]] = {
    "Alive": {"status": "ok"},
    "KeyView": _KEY,
    "KeyPage": {"items": [_KEY], "next_cursor": None},
    "RunView": VIEW,
    "RunPage": {"items": [{**VIEW, "slices": None}], "next_cursor": RUN},
    "RunCheck": {
        "ok": True, "run_id": RUN, "status": "completed", "events": 29, "jobs": 3, "lost": 0, "doubled": 0, "findings": [],
    },
    "Inspection": {
        "run": VIEW, "vendor_calls": [_CALL], "jobs": {"done": 3}, "records": {"DISCOVERED": 25, "REJECTED": 6},
        "findings": [],
    },
    "Timeline": {
        "run": VIEW,
        "moments": [
            {"at": ASKED, "what": "run", "id": RUN, "title": "asked for by ada@example.com", "state": "pending",
             "detail": None, "took_s": None},
            {"at": BEGAN, "what": "execution", "id": _JOB, "title": "discovery.fetch", "state": "done", "detail": None,
             "took_s": 0.8},
        ],
        "truncated": False,
    },
    "LeadPage": {"items": [ROW], "next_cursor": None},
    "Profile": PROFILE,
    "ProfilePage": {"items": [PROFILE], "next_cursor": None},
    "OpportunityPageView": {"items": [_OPPORTUNITY], "next_cursor": None},
    "OpportunityDetail": {**_OPPORTUNITY, "same_solicitation": []},
    "HouseRun": _HOUSE_RUN,
    "LastRun": {"last_success": _HOUSE_RUN, "latest": _HOUSE_RUN},
    "LeadCreated": {"id": LEAD, "status": "new"},
    "CausedExecution": {**_EXECUTION, "link": "made"},
    "ExecutionDetail": {**_EXECUTION, "scope": "once", "priority": 0, "payload": _PAYLOAD},
    "EventDetail": {
        "tenant_id": _TENANT, "id": 42, "event_id": EVENT, "status": "sent", "type": "SliceReady", "version": 1,
        "aggregate_type": "run", "aggregate_id": RUN, "sink": "queue", "attempts": 0, "created_at": ASKED,
        "sent_at": BEGAN, "payload": _PAYLOAD, "headers": {}, "routes": 1,
        "executions": [{**_EXECUTION, "link": "made"}],
    },
    "Replayed": {"event_id": EVENT, "replay_of": EVENT, "status": "pending"},
    "ReplayReport": {
        "dry_run": True, "matched": 12, "replayed": 0, "more": False, "by_type": {"SliceReady": 12}, "oldest": ASKED,
        "newest": ENDED, "last_due_at": None,
    },
    "Stats": {
        "at": ENDED, "counts": {"pending": 3, "processing": 0, "failed": 1},
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
        "companies": 2100000, "changed_at": ENDED,
        "imports": [{
            "id": "01936f41-0000-7abc-8def-6d7e8f90120a", "source": "file", "label": "acra-a.csv.gz", "state": "done",
            "rows_read": 80000, "rows_new": 120, "rows_changed": 900, "rows_unchanged": 78978, "rows_dropped": 2,
            "rows_repeated": 0, "bad": ["line 17: uen is missing"], "started_at": BEGAN, "updated_at": ENDED,
            "finished_at": ENDED,
        }],
    },
    "EnrichmentsAsked": {"asked": [LEAD], "left_out": []},
    "EnrichmentList": {
        "items": [{
            "id": "01936f45-0000-7abc-8def-6d7e8f901222", "lead_id": LEAD, "cause": "1", "status": "COMPLETED",
            "payload": {"site": {"outcome": "ok"}}, "cost_usd": 0.03, "error_code": None, "error": None,
            "started_at": BEGAN, "finished_at": ENDED,
            "steps": [{
                "field": "email", "place": 0, "operation": "hunter.find", "outcome": "accepted", "reason": None,
                "stored": False, "units": 1, "cost_usd": 0.01, "explored": False,
                "item_id": "01936f45-0000-7abc-8def-6d7e8f901555",
            }],
        }],
        "facts": [{
            "id": "01936f45-0000-7abc-8def-6d7e8f901333", "entity_id": LEAD, "kind": "company", "field": "phone",
            "value": "+27110000000", "vendor": "site", "operation": "tel", "terms": "crawled", "confidence": 0.9,
            "observed_at": ENDED, "source_url": "https://karoo.example/contact", "verified": None, "created_at": ENDED,
        }],
    },
    "Waterfalls": {
        "items": [{
            "field": "email",
            "orders": [{
                "id": "01936f45-0000-7abc-8def-6d7e8f901444", "field": "email", "stage": "SHADOW",
                "operations": ["apollo.match", "hunter.find"], "made_by": "learned",
                "verdict": {"why": "12 of 50 rows seen", "rows": 12}, "created_at": BEGAN,
            }],
            "tried": [{"field": "email", "operation": "hunter.find", "asked": 40, "accepted": 11, "bought": 38, "cost_usd": 0.11}],
        }],
    },
    "VendorList": {
        "since": ASKED,
        "vendors": [{
            "vendor": "tavily", "operation": "search.google", "unit": "credit", "units": 1, "billable": True,
            "unit_price_usd": 0.008, "pace": "tavily", "channel": "google", "pages": 1, "absent": None,
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
    "Verification": {
        "ok": True, "events": 1200, "jobs": 1180, "absorbed": 20, "lost": 0, "doubled": 0, "orphaned": 0, "waiting": 3,
        "dead_letters": 0, "window": {"since": None, "until": ENDED}, "took_s": 0.05, "breaches": [],
    },
}  # fmt: skip
