-- Which facts of a tenant go to the house's JetStream stream. A row is made once and then switched: what was told while it was on still goes out
-- after it is off. How NATS is doing stands in app.breakers, as for every vendor.
CREATE TABLE app.stream_subscriptions (
    tenant_id uuid NOT NULL REFERENCES app.tenants,
    events text[] NOT NULL CHECK (cardinality(events) BETWEEN 1 AND 50),
    enabled boolean NOT NULL DEFAULT true,
    set_by varchar(200) NOT NULL,
    created_at timestamptz NOT NULL DEFAULT app.now(),
    updated_at timestamptz NOT NULL DEFAULT app.now(),
    PRIMARY KEY (tenant_id)
);
CALL app.wall('app.stream_subscriptions', 'SELECT, INSERT, UPDATE');
-- What waits for NATS, in the order it came: an outage may leave a great many.
CREATE INDEX outbox_events_streamed ON app.outbox_events (tenant_id, id) WHERE sink = 'nats';
