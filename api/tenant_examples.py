"""What answers about tenants, their users, their audit log and how long rows stay look like."""

from __future__ import annotations

from typing import Any

_TENANT = {
    "id": "01936f3e-1a2b-7c3d-8e4f-5a6b7c8d9e10", "slug": "acme", "name": "Acme Ltd", "status": "active",
    "created_at": "2026-01-05T06:00:00Z", "runs_today": 3, "waiting_events": 0,
    "quotas": {"queued_buffer": None, "max_runs_per_day": 50, "daily_shortlist_cap": 20, "weight": 1, "max_waiting_events": None},
}  # fmt: skip
_USER = {
    "id": "01936f40-0000-7abc-8def-6d7e8f901210", "email": "ada@example.com", "role": "owner", "disabled_at": None,
    "created_at": "2026-01-05T06:00:00Z",
}  # fmt: skip
_ACT: dict[str, Any] = {
    "id": "01936f40-0000-7abc-8def-6d7e8f901211", "at": "2026-01-05T06:00:00Z", "actor": "ada@example.com", "action": "key.revoked",
    "subject_type": "api_key", "subject_id": "01936f40-0000-7abc-8def-6d7e8f901209", "detail": {}, "correlation_id": None,
}  # fmt: skip
_RETAINED = {
    "table": "runs", "way": "aged", "days": 90, "since": "created_at", "why": "ended ones that no run is a replay of",
    "passed_at": None, "deleted": None, "stays": "90 d after created_at",
}  # fmt: skip
EXAMPLES: dict[str, dict[str, Any]] = {
    "TenantView": _TENANT,
    "TenantList": {"items": [_TENANT]},
    "User": _USER,
    "UserPage": {"items": [_USER], "next_cursor": None},
    "AuditRow": _ACT,
    "AuditPage": {"items": [_ACT], "next_cursor": None},
    "Retained": _RETAINED,
    "RetentionList": {"items": [_RETAINED]},
    "Quotas": {"queued_buffer": 400, "max_runs_per_day": 50, "daily_shortlist_cap": 20},
}
