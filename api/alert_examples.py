"""Examples of alerts and their channels."""

from __future__ import annotations

from typing import Any

from api.examples import ASKED, BEGAN, ENDED, RUN

_TENANT = "01936f3d-0000-7000-8000-000000000001"
_CHANNEL_ID = "01936f46-0000-7abc-8def-6d7e8f901601"
_EARLIER = [f"01936f3e-0000-7b52-9d3e-0a6f5c2b1e{n:02d}" for n in range(10, 15)]

_ALERT: dict[str, Any] = {
    "tenant_id": _TENANT, "id": "01936f46-0000-7abc-8def-6d7e8f901602", "rule": "run.slow", "scope": "discovery",
    "severity": "warning", "state": "open", "first_seen": BEGAN, "last_seen": ENDED, "count": 2,
    "evidence": {
        "duration_s": 184.2, "median_s": 41.5, "n": 5, "factor": 3.0, "threshold_s": 124.5, "run": RUN,
        "baseline_runs": _EARLIER, "kind": "discovery", "detected_after_s": 0.412,
    },
    "acknowledged_by": None, "acknowledged_at": None, "resolved_at": None, "resolved_by": None,
}  # fmt: skip

_CHANNEL: dict[str, Any] = {
    "id": _CHANNEL_ID, "name": "night shift", "kind": "webhook", "place": "https://hooks.karoo.co.za/…", "min_severity": "error",
    "enabled": True, "failures": 0, "last_error": None, "last_sent_at": ENDED, "tested_at": BEGAN, "test_result": "delivered",
    "created_by": "ada@example.com", "created_at": ASKED, "updated_at": ASKED,
}  # fmt: skip

EXAMPLES: dict[str, dict[str, Any]] = {
    "AlertPage": {"items": [_ALERT], "next_cursor": None},
    "AlertDetail": {
        **_ALERT,
        "summary": "discovery: a run took 184.2 s, usual are 41.5 s (median of 5): look at `headwater runs show`",
        "runs": [
            {
                "id": RUN, "kind": "discovery", "job": None, "status": "completed", "finished_at": ENDED, "duration_s": 184.2,
                "items": 120, "errors": 0,
            }
        ],
        "deliveries": [
            {
                "channel_id": _CHANNEL_ID, "channel": "night shift", "kind": "webhook", "transition": "opened", "state": "sent",
                "attempts": 1, "reason": None, "began_at": BEGAN, "ended_at": ENDED,
            }
        ],
    },
    "AlertChannel": _CHANNEL,
    "NewAlertChannel": {**_CHANNEL, "signing_secret": "whsec_5Yk0Zm9vYmFy…"},
    "AlertChannelPage": {"items": [_CHANNEL], "next_cursor": None},
    "AlertTestAnswer": {"channel_id": _CHANNEL_ID, "probe_id": "01936f46-0000-7abc-8def-6d7e8f901603"},
}  # fmt: skip
