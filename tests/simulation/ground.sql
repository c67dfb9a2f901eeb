-- What makes a migrated database fit for simulations. The clock is shifted where the product's tests shift it, by app.clock_shift(), and
-- stands still; ids count up; every committed change of an event and an execution is noted by who made it.
CREATE SCHEMA sim;
CREATE SEQUENCE sim.clock MINVALUE 0;
CREATE SEQUENCE sim.ids MINVALUE 65536;
CREATE TABLE sim.history (
    n bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, tx text NOT NULL, by text NOT NULL, thing text NOT NULL, at timestamptz NOT NULL,
    was jsonb, now jsonb);
CREATE OR REPLACE FUNCTION app.clock_shift() RETURNS interval LANGUAGE sql STABLE AS
    $$ SELECT timestamptz '2031-05-15 12:00:00+00' - statement_timestamp() + (SELECT last_value FROM sim.clock) * interval '1 millisecond' $$;
CREATE OR REPLACE FUNCTION app.uuidv7() RETURNS uuid LANGUAGE sql VOLATILE AS
    $$ SELECT ('00000000-0000-7000-8000-' || lpad(to_hex(nextval('sim.ids')), 12, '0'))::uuid $$;
CREATE FUNCTION sim.note() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
    INSERT INTO sim.history (tx, by, thing, at, was, now)
    VALUES (pg_current_xact_id()::text, current_setting('application_name'), TG_TABLE_NAME, app.now(), to_jsonb(OLD), to_jsonb(NEW));
    RETURN NULL; END $$;
CREATE TRIGGER note AFTER INSERT OR UPDATE OR DELETE ON app.job_executions FOR EACH ROW EXECUTE FUNCTION sim.note();
CREATE TRIGGER note AFTER INSERT OR UPDATE OR DELETE ON app.outbox_events FOR EACH ROW EXECUTE FUNCTION sim.note();
CREATE TRIGGER note AFTER INSERT ON soak.effects FOR EACH ROW EXECUTE FUNCTION sim.note();
CREATE TRIGGER note AFTER INSERT ON soak.touches FOR EACH ROW EXECUTE FUNCTION sim.note();
ALTER TABLE soak.causes ALTER COLUMN at SET DEFAULT app.now();
ALTER TABLE soak.effects ALTER COLUMN at SET DEFAULT app.now();
GRANT USAGE ON SCHEMA sim TO PUBLIC;
GRANT SELECT, USAGE ON ALL SEQUENCES IN SCHEMA sim TO PUBLIC;
INSERT INTO app.tenants (slug, name) VALUES ('one', 'One'), ('two', 'Two');
INSERT INTO app.webhook_endpoints (tenant_id, url, events, ordering, created_by)
SELECT t.id, 'https://hooks.example/' || o.ordering, '{LeadScored}', o.ordering, 'simulation'
  FROM app.tenants t, unnest('{none,block}'::text[]) WITH ORDINALITY AS o(ordering, nth) WHERE t.slug IN ('one', 'two') ORDER BY t.slug, o.nth;
DO $$ DECLARE t regclass; BEGIN
    FOR t IN SELECT c.oid::regclass FROM pg_class c
              WHERE c.relkind = 'r' AND c.relnamespace IN ('app'::regnamespace, 'queue'::regnamespace, 'soak'::regnamespace, 'sim'::regnamespace)
    LOOP EXECUTE format('ALTER TABLE %s SET (autovacuum_enabled = false)', t); END LOOP; END $$;
