-- Indexes for looking into the outbox, none of which a healthy event pays for.

-- Rows enter these only when something went wrong.
CREATE INDEX outbox_events_failed ON app.outbox_events (tenant_id, id) WHERE state = 'failed';
CREATE INDEX outbox_history_errors ON app.outbox_history (tenant_id, error_class, created_at, id) WHERE error_class IS NOT NULL;
