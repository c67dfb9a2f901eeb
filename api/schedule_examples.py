"""What answers about schedules and from job doors look like, for the OpenAPI document."""

from __future__ import annotations

from typing import Any

from api.examples import RUN, VIEW

_DUE, _NEXT, _LAST = "2026-01-06T16:00:00Z", "2026-01-07T16:00:00Z", "2026-01-05T16:00:00Z"
_SCHEDULE: dict[str, Any] = {
    "id": "01936f47-0000-7abc-8def-6d7e8f901701", "name": "evening-discovery", "kind": "discovery", "cron": "0 18 * * mon-fri",
    "zone": "Africa/Johannesburg", "enabled": True, "managed": False, "params": {"max_companies": 25}, "jitter_s": 0,
    "catch_up": "once", "next_due_at": _DUE, "fires_at": _DUE, "upcoming": [_DUE, _NEXT, "2026-01-08T16:00:00Z"],
    "last_due_at": _LAST, "last_outcome": "started", "last_reason": None, "last_run_id": RUN, "last_error": None,
    "created_by": "ada@example.com", "created_at": "2026-01-05T09:30:00Z", "updated_at": "2026-01-05T09:30:00Z",
}  # fmt: skip
_FIRE = {"due_at": _LAST, "outcome": "started", "reason": None, "run_id": RUN, "fired_at": "2026-01-05T16:00:01Z"}
EXAMPLES: dict[str, Any] = {
    "ScheduleView": _SCHEDULE,
    "SchedulePage": {"items": [_SCHEDULE], "next_cursor": None},
    "Fire": _FIRE,
    "FirePage": {"items": [_FIRE], "next_cursor": None},
    "NextTimes": {
        "name": "evening-discovery", "cron": "0 18 * * mon-fri", "zone": "Africa/Johannesburg", "utc": [_DUE],
        "local": ["2026-01-06T18:00:00+02:00"],
    },
    "SchedulePreview": {
        "name": "evening-discovery", "changed": ["params"], "cron": "0 18 * * mon-fri", "zone": "Africa/Johannesburg",
        "enabled": True, "params": {"max_companies": 40}, "jitter_s": 0, "catch_up": "once", "fires_at": _DUE, "utc": [_DUE],
        "local": ["2026-01-06T18:00:00+02:00"],
    },
    "DiscoveryAnswer": {"success": True, "runId": RUN, "status": "completed", "dryRun": False, "stats": VIEW["stats"]},
}  # fmt: skip
