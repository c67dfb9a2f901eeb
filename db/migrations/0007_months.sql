-- Rows that leave DEFAULT for their month must be somewhere for every reader. One that has already listed the partitions waits for
-- DEFAULT, finds it emptied and does not know the new month; so readers wait before they list them, at the parent. Months made ahead of
-- time move nothing and keep the lighter locks.
CREATE OR REPLACE FUNCTION app.make_month(day date) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    starts timestamptz := date_trunc('month', day::timestamp) AT TIME ZONE 'UTC';
    ends timestamptz := (date_trunc('month', day::timestamp) + interval '1 month') AT TIME ZONE 'UTC';
    partition text := 'outbox_history_' || to_char(day, 'YYYY_MM');
BEGIN
    IF to_regclass('app.' || partition) IS NOT NULL THEN
        RETURN false;
    END IF;
    IF EXISTS (SELECT FROM app.outbox_history_default WHERE created_at >= starts AND created_at < ends) THEN
        LOCK TABLE ONLY app.outbox_history IN ACCESS EXCLUSIVE MODE;
    END IF;
    EXECUTE format('CREATE TABLE app.%I (LIKE app.outbox_history INCLUDING ALL)', partition);
    EXECUTE format('WITH moved AS (DELETE FROM app.outbox_history_default WHERE created_at >= %L AND created_at < %L RETURNING *)
                    INSERT INTO app.%I SELECT * FROM moved', starts, ends, partition);
    EXECUTE format('ALTER TABLE app.outbox_history ATTACH PARTITION app.%I FOR VALUES FROM (%L) TO (%L)', partition, starts, ends);
    CALL app.wall(('app.' || partition)::regclass, 'SELECT');
    EXECUTE format('REVOKE UPDATE, DELETE ON app.%I FROM headwater_system', partition);
    RETURN true;
END
$$;
