"""What answers about nights look like, for the OpenAPI document."""

from __future__ import annotations

from typing import Any

from api.examples import ASKED, BEGAN, COMPANY, ENDED, LEAD, RUN
from contracts.nights import STEPS

_STEP: dict[str, Any] = {"in": 1, "done": 1, "skipped": {}}
_STEPS = dict.fromkeys(STEPS, _STEP) | {"crm_push": {"in": 1, "done": 0, "skipped": {"no_connection": 1}}}
EXAMPLES: dict[str, dict[str, Any]] = {
    "NightView": {
        "id": RUN, "tenant": "well-crafted", "status": "completed", "dry_run": False, "night": "2026-01-05", "new": True,
        "steps": _STEPS,
        "manifest": {
            "night": "2026-01-05", "company_ids": [COMPANY], "cap": 20, "cap_source": "default", "caps": {"companies": 20},
            "budgets": [], "from_run_id": None, "frozen_at": BEGAN,
        },
        "passed_over": {"over_cap": 11}, "forecast": None, "open_companies": 0, "error_code": None, "error": None,
        "stop_reason": None, "created_at": ASKED, "started_at": BEGAN, "finished_at": ENDED, "duration_s": 3.2,
    },
    "Shortlist": {
        "night": "2026-01-05", "run_id": RUN, "status": "completed", "cap": 20, "cap_source": "default",
        "items": [{
            "rank": 1, "company_id": COMPANY, "company_name": "Karoo Workwear (Pty) Ltd", "domain": "karoo.example",
            "country": "ZA", "lead_id": LEAD, "reason": "unseen", "status": "done", "score": 0.71, "band": "HIGH",
            "rejected": False, "rationale": "HIGH (score 0.71): …", "features": {"siteOutcome": "ok"},
            "contacts": [{
                "id": LEAD, "name": "Thandi Nkosi", "title": "Owner", "email": "thandi@karoo.example",
                "email_status": "valid", "phone": None,
            }],
        }],
    },
}  # fmt: skip
