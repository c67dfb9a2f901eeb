-- What an event costs whoever writes it. Each index is an entry in that transaction, and one with a condition has it copied, prepared and asked for each
-- statement. So: one key instead of two, since what is written is found by its id or by when it is due; the simplest condition for what is due; one index for
-- all that goes elsewhere than to our queue, in the order it goes; one for what failed or is under way. And who only emits is asked the law's short form. (ADR 0050)
ALTER TABLE app.outbox_events DROP CONSTRAINT outbox_events_pkey, DROP CONSTRAINT outbox_events_tenant_id_event_id_key,
    ADD CONSTRAINT outbox_events_pkey PRIMARY KEY (tenant_id, event_id);
DROP INDEX app.outbox_events_due, app.outbox_events_unusual, app.outbox_events_ordered, app.outbox_events_streamed;
CREATE INDEX outbox_events_due ON app.outbox_events (tenant_id, available_at, id) WHERE sink = 'queue';
CREATE INDEX outbox_events_elsewhere ON app.outbox_events (sink, tenant_id, ordering_key, id) WHERE sink <> 'queue';
CREATE INDEX outbox_events_unusual ON app.outbox_events (tenant_id, event_id) WHERE state <> 'pending';
ALTER POLICY leased_while_processing ON app.outbox_events TO headwater_owner, headwater_system;
CREATE POLICY emitted_as_pending ON app.outbox_events AS RESTRICTIVE FOR INSERT TO headwater_app
    WITH CHECK (state = 'pending' AND lease_token IS NULL AND lease_expires_at IS NULL);

-- Where each tenant's waiting events begin. What stands for our queue is never in process, by the law above.
CREATE OR REPLACE VIEW app.outbox_heads WITH (security_invoker) AS
WITH RECURSIVE heads AS (
    (SELECT o.tenant_id, o.available_at FROM app.outbox_events o WHERE o.sink = 'queue' ORDER BY o.tenant_id, o.available_at LIMIT 1)
    UNION ALL
    SELECT n.tenant_id, n.available_at FROM heads h CROSS JOIN LATERAL (
        SELECT o.tenant_id, o.available_at FROM app.outbox_events o WHERE o.sink = 'queue' AND o.tenant_id > h.tenant_id
         ORDER BY o.tenant_id, o.available_at LIMIT 1) n
)
SELECT tenant_id, available_at FROM heads;
