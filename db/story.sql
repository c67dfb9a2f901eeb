-- moments --
-- A run's life in order, as far as it lies between $4 and $5: its events, executions, failed attempts, vendor calls, slices and leads.
-- Attempts and the end of the run stand at their end, all else at its beginning.
SELECT * FROM (
    SELECT r.created_at AS at, 'run' AS what, r.id::text AS id, 'requested by ' || coalesce(r.requested_by, r.triggered_by) AS title, 'pending' AS state, NULL::text AS detail, NULL::float8 AS took_s
      FROM app.runs r WHERE r.tenant_id = $1 AND r.id = $2
    UNION ALL
    SELECT r.finished_at, 'run', r.id::text, 'run ended', r.status, r.error, extract(epoch FROM r.finished_at - r.started_at)::float8
      FROM app.runs r WHERE r.tenant_id = $1 AND r.id = $2 AND r.finished_at IS NOT NULL
    UNION ALL
    SELECT h.created_at, 'event', h.event_id::text, h.type, 'sent', h.last_error, extract(epoch FROM h.sent_at - h.created_at)::float8
      FROM app.outbox_history h WHERE h.tenant_id = $1 AND h.correlation_id = $2
    UNION ALL
    SELECT o.created_at, 'event', o.event_id::text, o.type, o.state, o.last_error, NULL
      FROM app.outbox_events o WHERE o.tenant_id = $1 AND o.correlation_id = $2
    UNION ALL
    SELECT coalesce(e.started_at, e.queued_at), 'execution', e.id::text, e.job, e.state,
           coalesce(e.error, nullif(concat_ws(': ', round(r.percent) || ' %', r.message), '')), extract(epoch FROM e.finished_at - e.started_at)::float8
      FROM app.job_executions e LEFT JOIN app.job_reports r ON r.tenant_id = e.tenant_id AND r.execution_id = e.id
     WHERE e.tenant_id = $1 AND e.run_id = $2
    UNION ALL
    SELECT a.ended_at, 'attempt', a.execution_id::text, 'attempt ' || a.token || ': ' || a.outcome, a.outcome, a.error, extract(epoch FROM a.ended_at - a.started_at)::float8
      FROM app.job_attempts a JOIN app.job_executions e ON e.tenant_id = a.tenant_id AND e.id = a.execution_id
     WHERE e.tenant_id = $1 AND e.run_id = $2
    UNION ALL
    SELECT v.sent_at, 'vendor_call', v.id::text, v.vendor || ' ' || v.operation, v.state, v.error, extract(epoch FROM v.settled_at - v.sent_at)::float8
      FROM app.vendor_calls v WHERE v.tenant_id = $1 AND v.run_id = $2
    UNION ALL
    SELECT s.closed_at, 'slice', s.id::text, s.channel || ': ' || s.query, s.state, coalesce(s.error, s.stop_reason), NULL
      FROM app.run_slices s WHERE s.tenant_id = $1 AND s.run_id = $2 AND s.closed_at IS NOT NULL
    UNION ALL
    SELECT l.created_at, 'lead', l.id::text, c.name, l.status, c.country, NULL
      FROM app.leads l JOIN app.companies c ON c.tenant_id = l.tenant_id AND c.id = l.company_id
     WHERE l.tenant_id = $1 AND l.run_id = $2
) m WHERE m.at IS NOT NULL
   AND m.at - CASE WHEN m.what IN ('attempt', 'run') THEN coalesce(m.took_s, 0) ELSE 0 END * interval '1 second' <= $5::timestamptz
   AND m.at + CASE WHEN m.what IN ('attempt', 'run') THEN 0 ELSE coalesce(m.took_s, 0) END * interval '1 second' >= $4::timestamptz
 ORDER BY m.at, m.what, m.id LIMIT $3

-- jobs_by_state --
-- A run's executions, counted.
SELECT e.state, count(*)::int AS n FROM app.job_executions e WHERE e.tenant_id = $1 AND e.run_id = $2 GROUP BY 1

-- records_by_status --
-- A run's discovery records, counted.
SELECT r.status, count(*)::int AS n FROM app.source_records r WHERE r.tenant_id = $1 AND r.run_id = $2 GROUP BY 1

-- check --
-- Everything that must add up for one run, in one row.
SELECT (SELECT count(*) FROM app.outbox_history h WHERE h.tenant_id = $1 AND h.correlation_id = $2)
         + (SELECT count(*) FROM app.outbox_events o WHERE o.tenant_id = $1 AND o.correlation_id = $2) AS events,
       (SELECT count(*) FROM app.job_executions e WHERE e.tenant_id = $1 AND e.run_id = $2) AS jobs,
       (SELECT count(*) FROM app.run_slices s WHERE s.tenant_id = $1 AND s.run_id = $2 AND s.state = 'open') AS open_slices,
       (SELECT coalesce(sum(s.page), 0) FROM app.run_slices s WHERE s.tenant_id = $1 AND s.run_id = $2) AS pages,
       (SELECT count(DISTINCT (r.slice_id, r.page)) FROM app.source_records r WHERE r.tenant_id = $1 AND r.run_id = $2) AS pages_with_records,
       (SELECT coalesce(sum(s.found), 0) FROM app.run_slices s WHERE s.tenant_id = $1 AND s.run_id = $2) AS found,
       (SELECT count(*) FROM app.source_records r WHERE r.tenant_id = $1 AND r.run_id = $2) AS records,
       (SELECT count(*) FROM app.companies c WHERE c.tenant_id = $1 AND c.created_by_run = $2) AS companies,
       (SELECT count(*) FROM app.leads l WHERE l.tenant_id = $1 AND l.run_id = $2) AS leads,
       (SELECT count(*) FROM (SELECT 1 FROM app.outbox_history h WHERE h.tenant_id = $1 AND h.correlation_id = $2 AND h.type = 'LeadDiscovered'
             AND NOT h.headers ? 'replay_of'
          UNION ALL SELECT 1 FROM app.outbox_events o WHERE o.tenant_id = $1 AND o.correlation_id = $2 AND o.type = 'LeadDiscovered'
             AND NOT o.headers ? 'replay_of') d) AS lead_events,
       (SELECT count(*) FROM app.outbox_history h WHERE h.tenant_id = $1 AND h.correlation_id = $2 AND h.routes > 0 AND h.type <> 'Redelivery'
           AND NOT EXISTS (SELECT FROM app.job_executions e WHERE e.tenant_id = h.tenant_id AND e.event_id = h.event_id)
           AND NOT EXISTS (SELECT FROM app.absorbed_events a WHERE a.tenant_id = h.tenant_id AND a.event_id = h.event_id)
           AND NOT EXISTS (SELECT FROM app.outbox_history r WHERE r.tenant_id = h.tenant_id AND r.correlation_id = $2 AND r.headers ->> 'replay_of' = h.event_id::text
               AND (EXISTS (SELECT FROM app.job_executions e WHERE e.tenant_id = r.tenant_id AND e.event_id = r.event_id)
                    OR EXISTS (SELECT FROM app.absorbed_events a WHERE a.tenant_id = r.tenant_id AND a.event_id = r.event_id)))) AS events_without_job,
       (SELECT count(*) FROM (SELECT FROM app.job_executions e WHERE e.tenant_id = $1 AND e.run_id = $2 GROUP BY e.job, e.key HAVING count(*) > 1) t) AS doubled_jobs,
       (SELECT count(*) FROM (SELECT FROM app.leads l WHERE l.tenant_id = $1 AND l.run_id = $2 GROUP BY l.company_id, l.icp_profile_id HAVING count(*) > 1) t) AS doubled_leads,
       (SELECT count(*) FROM (SELECT FROM app.vendor_items i JOIN app.vendor_calls v ON v.tenant_id = i.tenant_id AND v.id = i.call_id
          WHERE v.tenant_id = $1 AND v.run_id = $2 AND v.billable AND i.state IN ('answered', 'forfeited') AND i.resent_at IS NULL
            AND (i.expires_at IS NULL OR i.expires_at > app.now())
          GROUP BY i.vendor, i.operation, i.fingerprint HAVING count(*) > 1) t) AS paid_twice
