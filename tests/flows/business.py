"""What a test means by "nothing was written": rows, their versions and places, of every table that is not bookkeeping."""

from __future__ import annotations

from typing import Any

from tests.flows.installation import Desk

BOOKKEEPING = (
    "runs", "outbox_events", "outbox_history", "job_executions", "job_attempts", "job_reports", "queue_ageing",
    "ordering_turns", "absorbed_events", "dead_letters",
    "vendor_calls", "vendor_items", "run_vendor_items", "audit_log", "workers", "replay_differences", "paces",
    "schedules", "schedule_fires",
    "alerts", "alert_deliveries", "alert_looks",
)  # fmt: skip


async def business(desk: Desk) -> dict[str, Any]:
    """(rows, their versions and places) of every table that is not bookkeeping, over all tenants."""
    # A run that ended has its companies compared: that goes on by itself for a moment.
    await desk.until(
        "SELECT NOT EXISTS (SELECT FROM app.outbox_events WHERE type = 'MatchingRequested') AND NOT EXISTS"
        " (SELECT FROM app.job_executions WHERE job = 'matching.scan' AND state IN ('queued', 'running'))"
    )
    tables = await desk.rows(
        "SELECT oid::regclass::text AS name FROM pg_class WHERE relnamespace = 'app'::regnamespace AND relkind IN ('r', 'p')"
        " AND NOT relispartition AND relname <> ALL($1)",
        list(BOOKKEEPING),
    )
    assert {"app.companies", "app.leads", "app.source_records", "app.entity_keys"} <= {t["name"] for t in tables}
    return {
        t["name"]: (await desk.rows(
            f"SELECT count(*), md5(string_agg(t.xmin::text || t.ctid::text, ',' ORDER BY t.ctid)) FROM {t['name']} t"
        ))[0]
        for t in tables
    }  # fmt: skip
