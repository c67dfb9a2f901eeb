-- For looking into the outbox: rows enter this only when something went wrong, so no healthy event pays for it.
CREATE INDEX outbox_history_errors ON app.outbox_history (tenant_id, error_class, created_at, id) WHERE error_class IS NOT NULL;
