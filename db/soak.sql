-- tables --
-- What a soak knows by itself: causes are written with their events, effects with the done marks of their jobs. No effect is
-- unique here, so that one too many would be seen.
CREATE SCHEMA soak;
CREATE TABLE soak.causes (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, tenant_id uuid NOT NULL, probe uuid NOT NULL, kind text NOT NULL, key text NOT NULL,
    due_at timestamptz, at timestamptz NOT NULL DEFAULT clock_timestamp());
CREATE INDEX causes_probe ON soak.causes (tenant_id, probe);
CREATE INDEX causes_key ON soak.causes (tenant_id, key) WHERE kind = 'touch';
CREATE TABLE soak.effects (
    tenant_id uuid NOT NULL, probe uuid NOT NULL, execution_id uuid NOT NULL, token int NOT NULL, at timestamptz NOT NULL DEFAULT clock_timestamp());
CREATE TABLE soak.touches (
    tenant_id uuid NOT NULL, key text NOT NULL, seen bigint NOT NULL, execution_id uuid NOT NULL, at timestamptz NOT NULL DEFAULT clock_timestamp());
GRANT USAGE ON SCHEMA soak TO headwater_app, headwater_system;
GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA soak TO headwater_app, headwater_system;

-- roomy --
-- The questions at the end join everything with everything.
SELECT set_config('work_mem', '256MB', true)

-- record --
-- Causes, in the transaction that emits their events.
INSERT INTO soak.causes (tenant_id, probe, kind, key, due_at)
SELECT $1, c.probe, c.kind, c.key, c.due_at FROM unnest($2::uuid[], $3::text[], $4::text[], $5::timestamptz[]) AS c(probe, kind, key, due_at)

-- cause --
-- What a job was caused by, first of all.
SELECT c.kind, c.key FROM soak.causes c WHERE c.tenant_id = $1 AND c.probe = $2 ORDER BY c.id LIMIT 1

-- effect --
-- What a job did.
INSERT INTO soak.effects (tenant_id, probe, execution_id, token) VALUES ($1, $2, $3, $4)

-- changes --
-- The state a coalesced job reads: how many changes of its key are committed.
SELECT count(*) FROM soak.causes c WHERE c.tenant_id = $1 AND c.key = $2 AND c.kind = 'touch'

-- touch --
-- What it made of them.
INSERT INTO soak.touches (tenant_id, key, seen, execution_id) VALUES ($1, $2, $3, $4)

-- backlog --
-- Is the outbox longer than $1?
SELECT count(*) FROM (SELECT FROM app.outbox_events LIMIT $1) o

-- progress --
-- How far it is.
SELECT (SELECT count(*) FROM soak.causes) AS causes, (SELECT count(*) FROM app.outbox_events) AS waiting,
       (SELECT count(*) FROM queue.procrastinate_jobs) AS queued, (SELECT count(*) FROM app.runs r WHERE r.status IN ('pending', 'running')) AS runs

-- unfinished --
-- Executions that have not ended: asked when outbox and queue are empty.
SELECT count(*) FROM app.job_executions e WHERE e.state IN ('queued', 'running', 'waiting')

-- gave_up --
-- Executions that were given up, with how many of their attempts a dying worker took, and what the others ended in.
SELECT e.tenant_id, e.id, e.job, e.state, e.error_class, e.error, e.run_id,
       (SELECT count(*) FROM app.job_attempts a WHERE a.tenant_id = e.tenant_id AND a.execution_id = e.id AND a.outcome IN ('crashed', 'quarantined')) AS crashes,
       (SELECT coalesce(array_agg(DISTINCT a.error_class), '{}') FROM app.job_attempts a WHERE a.tenant_id = e.tenant_id AND a.execution_id = e.id) AS errors
  FROM app.job_executions e WHERE e.state IN ('dead', 'quarantined') ORDER BY e.id

-- analyze --
-- What is compared, known to the planner.
ANALYZE soak.causes, soak.effects, soak.touches, app.outbox_history, app.job_executions, app.dead_letters, app.absorbed_events

-- totals --
-- The two sides of the record.
SELECT (SELECT count(*) FROM soak.causes) AS events, (SELECT count(*) FROM soak.effects) AS effects, (SELECT count(*) FROM soak.touches) AS touches,
       (SELECT jsonb_object_agg(k.kind, k.n) FROM (SELECT c.kind, count(*) AS n FROM soak.causes c GROUP BY 1) k) AS kinds,
       (SELECT count(*) FROM app.absorbed_events) AS absorbed,
       (SELECT extract(epoch FROM max(c.at) - min(c.at))::float8 FROM soak.causes c) AS emitting_s,
       (SELECT extract(epoch FROM max(g.gap))::float8 FROM (SELECT e.at - lag(e.at) OVER (ORDER BY e.at) AS gap FROM soak.effects e) g) AS longest_gap_s

-- breaches --
-- Every cause against its effects, and the other way round. `what` names the kind of breach; probes are examples.
WITH done AS MATERIALIZED (
    SELECT e.tenant_id, (e.payload->>'probeId')::uuid AS probe, count(*) AS n
      FROM app.job_executions e WHERE e.job = 'probe.run' AND e.state = 'done' GROUP BY 1, 2
), made AS MATERIALIZED (
    SELECT f.tenant_id, f.probe, count(*) AS n, min(f.at) AS at FROM soak.effects f GROUP BY 1, 2
), wanted AS MATERIALIZED (
    SELECT c.tenant_id, c.probe, count(*) AS events, min(c.kind) FILTER (WHERE c.kind <> 'repeat') AS kind, max(c.due_at) AS due_at
      FROM soak.causes c GROUP BY 1, 2
), sent AS MATERIALIZED (
    SELECT s.tenant_id, s.probe, sum(s.n) AS n, bool_or(s.buried) AS buried FROM (
        SELECT h.tenant_id, h.aggregate_id AS probe, count(*) AS n, false AS buried FROM app.outbox_history h WHERE h.type = 'Probed' GROUP BY 1, 2
        UNION ALL
        SELECT d.tenant_id, (d.event->>'aggregate_id')::uuid, count(*), true FROM app.dead_letters d
         WHERE d.kind = 'event' AND d.name = 'Probed' AND d.resolved_at IS NULL GROUP BY 1, 2) s GROUP BY 1, 2
), keys AS (
    SELECT c.tenant_id, c.key, count(*) AS n, (array_agg(c.probe ORDER BY c.id DESC))[1] AS probe,
           (SELECT coalesce(max(t.seen), 0) FROM soak.touches t WHERE t.tenant_id = c.tenant_id AND t.key = c.key) AS seen
      FROM soak.causes c WHERE c.kind = 'touch' GROUP BY 1, 2
), judged AS (
    SELECT 'lost: an event left no trace in history' AS what, w.probe FROM wanted w LEFT JOIN sent s USING (tenant_id, probe) WHERE coalesce(s.n, 0) < w.events
    UNION ALL SELECT 'doubled: an event left the outbox twice', w.probe FROM wanted w JOIN sent s USING (tenant_id, probe) WHERE s.n > w.events
    UNION ALL SELECT 'lost: a job was never done', w.probe FROM wanted w LEFT JOIN done d USING (tenant_id, probe)
               WHERE w.kind NOT IN ('touch', 'poison', 'scoped') AND d.n IS NULL
    UNION ALL SELECT 'doubled: a job was done twice', d.probe FROM done d WHERE d.n > 1
    UNION ALL SELECT 'lost: a job is done and wrote nothing', w.probe FROM wanted w LEFT JOIN made m USING (tenant_id, probe)
               WHERE w.kind IN ('framed', 'held', 'write', 'emit', 'flaky', 'future') AND m.n IS NULL
    UNION ALL SELECT 'doubled: a job wrote twice', m.probe FROM made m WHERE m.n > 1
    UNION ALL SELECT 'ghost: written without a cause', m.probe FROM made m LEFT JOIN wanted w USING (tenant_id, probe) WHERE w.events IS NULL
    UNION ALL SELECT 'ghost: done without a cause', d.probe FROM done d LEFT JOIN wanted w USING (tenant_id, probe) WHERE w.events IS NULL
    UNION ALL SELECT 'ghost: sent without a cause', s.probe FROM sent s LEFT JOIN wanted w USING (tenant_id, probe) WHERE w.events IS NULL
    UNION ALL SELECT 'early: done before it was due', w.probe FROM wanted w JOIN made m USING (tenant_id, probe) WHERE w.kind = 'future' AND m.at < w.due_at
    UNION ALL SELECT 'lost: the last change of a key was never seen', k.probe FROM keys k WHERE k.seen < k.n
    UNION ALL SELECT 'lost: a poisoned event is no dead letter', w.probe FROM wanted w LEFT JOIN sent s USING (tenant_id, probe)
               WHERE w.kind = 'poison' AND s.buried IS NOT TRUE
    UNION ALL SELECT 'ghost: a poisoned event was done', w.probe FROM wanted w JOIN done d USING (tenant_id, probe) WHERE w.kind = 'poison'
)
SELECT j.what, count(*) AS n, (array_agg(j.probe ORDER BY j.probe))[1:5] AS probes FROM judged j GROUP BY 1 ORDER BY 1

-- rescues --
-- Who lost executions to the rescue, how many, and when first.
SELECT a.worker_id, w.pid, w.started_at, min(a.ended_at) AS at, count(*) AS n FROM app.job_attempts a LEFT JOIN app.workers w ON w.id = a.worker_id
 WHERE a.outcome IN ('crashed', 'quarantined') GROUP BY 1, 2, 3

-- runs --
-- All runs of a tenant.
SELECT r.id, r.status, r.error_code, r.created_at FROM app.runs r WHERE r.tenant_id = $1 ORDER BY r.created_at

-- bill --
-- What the ledger says about one vendor's paid calls, all tenants together.
SELECT count(*) FILTER (WHERE v.state = 'answered') AS answered, count(*) FILTER (WHERE v.state = 'forfeited') AS forfeited,
       count(*) FILTER (WHERE v.settled_at IS NULL) AS unknown,
       coalesce(sum(CASE WHEN v.settled_at IS NULL THEN v.units_reserved ELSE v.units_spent END), 0)::float8 AS units
  FROM app.vendor_calls v WHERE v.vendor = $1 AND v.billable

-- items_answered_twice --
-- Items the ledger itself has paid for more than once.
SELECT count(*) FROM (SELECT FROM app.vendor_items i WHERE i.vendor = $1 AND i.state IN ('answered', 'forfeited') AND i.resent_at IS NULL
    GROUP BY i.tenant_id, i.operation, i.fingerprint HAVING count(*) > 1) twice

-- terminate --
-- End some sessions of ours, whatever they are doing. Ask as the login user, who owns them.
SELECT count(*) FILTER (WHERE pg_terminate_backend(v.pid)) FROM (
    SELECT a.pid FROM pg_stat_activity a WHERE a.datname = current_database() AND a.application_name LIKE 'headwater %'
       AND a.application_name <> 'headwater soak watch' ORDER BY random() LIMIT $1) v

-- sessions --
-- Sessions of ours that are still open, those of the one who asks aside.
SELECT count(*) FROM pg_stat_activity a
 WHERE a.datname = current_database() AND a.application_name LIKE 'headwater %' AND a.application_name <> 'headwater soak watch'
