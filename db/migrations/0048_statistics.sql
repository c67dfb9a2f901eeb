-- A new table has no statistics, and plans made meanwhile stay in sessions: on an empty table every index that begins with tenant_id costs as much as the primary
-- key, and the wrong one reads all rows of the tenant. Autovacuum comes once a minute; until then whoever keeps house analyzes what has grown threefold.
-- Large tables, and those with thresholds of their own, are left to autovacuum. A few at a time: the rescue of jobs waits meanwhile.
CREATE PROCEDURE app.analyze_grown() LANGUAGE plpgsql AS $$
DECLARE grown regclass;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtextextended('app.analyze_grown', 0)) THEN
        RETURN;
    END IF;
    SET LOCAL lock_timeout = '100ms';
    FOR grown IN
        SELECT c.oid FROM pg_class c JOIN pg_stat_user_tables s ON s.relid = c.oid
         WHERE s.schemaname = 'app' AND c.relkind = 'r' AND coalesce(c.reloptions::text, '') NOT LIKE '%autovacuum_analyze%'
           AND s.n_live_tup BETWEEN 3 * greatest(c.reltuples, 30) AND 100000 AND s.n_mod_since_analyze > s.n_live_tup / 2
         ORDER BY s.n_live_tup LIMIT 3
    LOOP
        EXECUTE format('ANALYZE %s', grown);
    END LOOP;
END
$$;
REVOKE EXECUTE ON PROCEDURE app.analyze_grown() FROM PUBLIC;
