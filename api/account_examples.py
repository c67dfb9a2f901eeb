"""Examples of customers, stock, samples, triggers and what the job doors answer."""

from __future__ import annotations

from typing import Any

from api.examples import ASKED, BEGAN, COMPANY, ENDED, RUN

_SKU, _TRIGGER = "01936f50-0000-7abc-8def-6d7e8f901701", "01936f50-0000-7abc-8def-6d7e8f901702"
_ACCOUNT = {
    "company_id": COMPANY, "name": "Karoo Workwear (Pty) Ltd", "account_type": "AT_RISK", "previous_type": "KEY",
    "type_changed_at": ENDED, "orders": 14, "first_order_at": "2025-02-03T09:00:00Z", "last_order_at": "2025-11-20T09:00:00Z",
    "value_12m": 18250.5, "median_gap_days": 21.5, "updated_at": ENDED,
}  # fmt: skip
_STOCK = {
    "id": _SKU, "code": "BOOT-42", "name": "Safety boot, size 42", "active": True, "on_hand": 40, "lead_days": 7, "review_days": 7,
    "first_moved_at": "2025-03-01T00:00:00Z", "burn_rate": 4.2, "burn_rate_30": 4.8, "burn_rate_60": 4.4, "demand_sigma": 6.1,
    "days_left": 9.523809, "reorder_point": 55.94, "updated_at": ENDED,
}  # fmt: skip
_METRIC = {
    "id": "01936f50-0000-7abc-8def-6d7e8f901703", "sku_id": _SKU, "sku_code": "BOOT-42", "rep": "Ada", "period": "2025-11-01",
    "samples": 10, "converted": 8, "conversion_rate": 0.8, "rate_low": 0.490162, "rate_high": 0.943318, "revenue": 4100.0,
    "revenue_per_sample": 410.0, "computed_at": ENDED,
}  # fmt: skip
_WATCH = {
    "id": _TRIGGER, "name": "key account is silent", "rule": "no_order_for", "params": {"days": 45, "types": ["KEY"]},
    "cooldown_days": 30, "action": "alert", "severity": "warning", "enabled": True, "created_by": "ada@example.com",
    "created_at": ASKED, "updated_at": ASKED,
}  # fmt: skip
_FIRED = {
    "id": "01936f50-0000-7abc-8def-6d7e8f901704", "trigger_id": _TRIGGER, "subject_kind": "account", "subject_id": COMPANY,
    "window_start": "2025-12-20T00:00:00Z", "fired_at": BEGAN, "action": "alert", "evidence": {"days": 46, "type": "KEY"},
}  # fmt: skip
_JOB = {
    "job": "update-account-types", "runId": RUN, "status": "completed",
    "stats": {"processed": 812, "changed": 9, "errorCount": 0, "errors": [], "durationMs": 2300}, "error": None,
}  # fmt: skip
_ORDER = {
    "id": "01936f50-0000-7abc-8def-6d7e8f901705", "source": "erp", "ext_id": "SO-1042", "ordered_at": "2025-11-20T09:00:00Z",
    "delivered_at": "2025-11-27T09:00:00Z", "is_first_order": False, "value": 1250.5,
}  # fmt: skip
_LAST_RUN = {
    "job": "accounts.update_types", "run_id": RUN, "status": "completed", "triggered_by": "schedule", "started_at": BEGAN,
    "finished_at": ENDED, "duration_s": 2.3, "processed": 812, "changed": 9, "errors": 0, "error": None,
}  # fmt: skip
EXAMPLES: dict[str, Any] = {
    "Account": _ACCOUNT,
    "AccountPage": {"items": [_ACCOUNT], "next_cursor": None},
    "AccountOrder": _ORDER,
    "AccountOrderPage": {"items": [_ORDER], "next_cursor": None},
    "LastJobRun": _LAST_RUN,
    "LastJobRuns": {"items": [_LAST_RUN]},
    "Sku": _STOCK,
    "SkuPage": {"items": [_STOCK], "next_cursor": None},
    "SampleMetric": _METRIC,
    "SampleMetricPage": {"items": [_METRIC], "next_cursor": None},
    "Trigger": _WATCH,
    "TriggerPage": {"items": [_WATCH], "next_cursor": None},
    "TriggerExecution": _FIRED,
    "TriggerExecutionPage": {"items": [_FIRED], "next_cursor": None},
    "JobAnswer": _JOB,
    "ProcessAnswer": {"success": True, "dryRun": False, "tenant": "well-crafted", "jobs": [_JOB]},
}
