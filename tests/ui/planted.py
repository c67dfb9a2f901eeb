"""Schedules, nights and runs that stand in the database as if somebody had made them."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from contracts.tenants import Role
from tests.api.server_fixture import HOME, Served

EVENING = {
    "name": "evening",
    "kind": "discovery",
    "cron": "0 18 * * *",
    "zone": "Africa/Johannesburg",
    "params": {"max_companies": 25},
}


def schedule(api: Served, **more: Any) -> str:
    """A schedule; gives its page's path."""
    made = api.client.post(
        "/v1/schedules", json={**EVENING, "name": f"s-{uuid4().hex[:8]}", **more}, headers=api.as_(Role.OPS)
    )
    assert made.status_code == 201, made.text
    return f"/ui/schedules/{made.json()['id']}"


def night(api: Served, day: str, *, status: str = "completed", over_cap: int = 2, tenant: str = HOME) -> str:
    """A night of two companies, one of them scored, and others passed over; gives its run."""
    [row] = api.rows(
        "WITH r AS (INSERT INTO runs (tenant_id, kind, triggered_by, status, started_at, finished_at, params, counters) VALUES"
        " ($1, 'nightly', 'tests', $3, app.now(), CASE WHEN $3 <> 'running' THEN app.now() END,"
        "  jsonb_build_object('nightly', jsonb_build_object('night', $2::text, 'cap_source', 'limit'), 'max_companies', 2,"
        "   'channels', '[]'::jsonb, 'queries', '[]'::jsonb, 'max_queries', 1, 'page_size', 1, 'max_runtime_seconds', 60),"
        '  \'{"select_targets": {"in": 5, "done": 2, "skipped": {"over_cap": 2, "rejected": 1}},'
        '    "crawl": {"in": 2, "done": 1}, "verification": {"in": 2, "skipped": {"no_vendor": 1}},'
        '    "scoring": {"in": 2, "done": 1}}\')'
        " RETURNING id),"
        " c AS (INSERT INTO companies (tenant_id, name, name_core, domain)"
        "  SELECT $1, n || ' of ' || $2::text, n, n || '.' || $2::text || '.example'"
        "    FROM (SELECT unnest(ARRAY['karoo <b>', 'veld', 'far'])"
        "          UNION ALL SELECT 'late' || i FROM generate_series(1, $4::int) i) AS names(n)"
        "  RETURNING id, name_core),"
        " m AS (INSERT INTO night_manifests (tenant_id, run_id, night, company_ids, cap, cap_source, caps, budgets)"
        "  SELECT $1, r.id, $2::text::date, (SELECT array_agg(id) FROM c WHERE name_core LIKE 'karoo%' OR name_core = 'veld'), 2,"
        '   \'limit\', \'{"companies": 2, "company_concurrency": 8, "max_runtime_seconds": 3600}\','
        '   \'[{"vendor": "tavily", "unit": "credit", "period": "month", "limit": 1000, "left": 640}]\' FROM r),'
        " k AS (INSERT INTO contacts (tenant_id, company_id, name, title, email)"
        "  SELECT $1, id, 'Thandi', 'Buyer', 't@' || id || '.example' FROM c WHERE name_core = 'veld')"
        " INSERT INTO night_companies (tenant_id, run_id, company_id, place, reason, detail, stage, slice_id, finished_at, steps)"
        " SELECT $1, r.id, c.id, CASE WHEN c.name_core <> 'far' THEN row_number() OVER (ORDER BY c.name_core = 'far',"
        "    c.name_core LIKE 'late%', c.name_core) END,"
        "  CASE WHEN c.name_core = 'far' THEN 'rejected' WHEN c.name_core LIKE 'late%' THEN 'over_cap' ELSE 'unseen' END,"
        "  CASE WHEN c.name_core = 'far' THEN 'the country is not wanted' END,"
        "  CASE WHEN c.name_core LIKE 'late%' OR c.name_core = 'far' THEN 'passed_over' WHEN c.name_core = 'veld' THEN 'ended'"
        "       ELSE 'enriching' END,"
        "  CASE WHEN c.name_core LIKE 'late%' OR c.name_core = 'far' THEN NULL ELSE app.uuidv7() END,"
        "  CASE WHEN c.name_core = 'veld' THEN app.now() END,"
        '  CASE WHEN c.name_core = \'veld\' THEN \'{"crawl": "done", "verification": "no_vendor", "scoring": "done"}\'::jsonb'
        "  ELSE '{}' END"
        "  FROM r, c RETURNING run_id",
        api.tenants[tenant].id, day, status, over_cap,
    )[:1]  # fmt: skip
    return str(row["run_id"])


#: A run with all that its page tells of.
_RUN = """
WITH r AS (
    INSERT INTO runs (tenant_id, kind, triggered_by, status, started_at, finished_at, params, discovered_count, deduped_count,
                      created_companies_count, created_contacts_count, created_leads_count)
    VALUES ($1, 'discovery', 'tests', 'partial', app.now(), app.now() + interval '12 s',
            '{"channels": ["google"], "queries": ["overalls"], "max_companies": 25, "max_queries": 10, "max_runtime_seconds": 300,
              "page_size": 20}', 9, 1, 1, 3, 1) RETURNING id
), s AS (
    INSERT INTO run_slices (tenant_id, run_id, ordinal, channel, query, state, page, found, companies_created, error, closed_at)
    SELECT $1, r.id, n, 'google', 'overalls <' || n || '>', CASE n WHEN 1 THEN 'done' ELSE 'error' END, n, 3 + n, n,
           CASE n WHEN 2 THEN 'no answer' END, app.now() + n * interval '5 s' FROM r, generate_series(1, 2) n
    RETURNING id, ordinal, run_id
), e AS (
    INSERT INTO job_executions (tenant_id, job, queue, scope, key, state, payload, event_id, run_id, queued_at, started_at,
                                finished_at)
    SELECT $1, 'discovery.fetch', 'discovery', 'once', 'discovery.fetch:' || r.id, 'done', '{}', app.uuidv7(), r.id, app.now(),
           app.now() + interval '1 s', app.now() + interval '4 s' FROM r RETURNING id, run_id
), c AS (
    INSERT INTO companies (tenant_id, name, name_core, created_by_run) SELECT $1, 'Veld Overalls', 'veld overalls', r.id FROM r
    RETURNING id
), d AS (
    INSERT INTO source_records (tenant_id, source, vendor, external_id, content_hash, payload, status, run_id, slice_id, page,
                                company_id)
    SELECT $1, 'google', 'tavily', 'record ' || n, sha256('x'), '{}', CASE WHEN n <= 2 THEN 'DUPLICATE' ELSE 'DISCOVERED' END,
           s.run_id, s.id, n, c.id
      FROM s, c, generate_series(1, 9) n WHERE s.ordinal = 1 + (n > 4)::int
)
INSERT INTO vendor_calls (tenant_id, vendor, operation, billable, state, units_reserved, units_spent, run_id, execution_id, found,
                          error, error_class, latency_ms, sent_at, settled_at)
SELECT $1, 'tavily', 'search.google', true, CASE n WHEN 1 THEN 'answered' ELSE 'forfeited' END, 1, 1, e.run_id, e.id, 2 - n,
       CASE n WHEN 2 THEN 'cut off' END, CASE n WHEN 2 THEN 'vendor_down' END, 100 * n, app.now() + n * interval '1 s',
       app.now() + n * interval '2 s' FROM e, generate_series(1, 2) n
RETURNING run_id
"""


def run(api: Served, *, tenant: str = HOME) -> str:
    """A discovery run that ended: two slices, one of which failed, a job that asked a vendor twice, one company; gives its id."""
    return str(api.rows(_RUN, api.tenants[tenant].id)[0]["run_id"])
