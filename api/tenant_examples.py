"""What answers about tenants look like."""

from __future__ import annotations

from typing import Any

_TENANT = {
    "id": "01936f3e-1a2b-7c3d-8e4f-5a6b7c8d9e10", "slug": "acme", "name": "Acme Ltd", "status": "active",
    "created_at": "2026-01-05T06:00:00Z", "runs_today": 3, "waiting_events": 0,
    "quotas": {"queued_buffer": None, "max_runs_per_day": 50, "daily_shortlist_cap": 20},
}  # fmt: skip
EXAMPLES: dict[str, dict[str, Any]] = {
    "TenantView": _TENANT,
    "TenantList": {"items": [_TENANT]},
    "Quotas": {"queued_buffer": 400, "max_runs_per_day": 50, "daily_shortlist_cap": 20},
}
