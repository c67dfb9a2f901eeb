-- How many nights wait for their turn, a thousand at most: the more there are, the less often each of them has to look. A tenant cannot see the others'
-- runs, so the owner counts them, and a number is all that is learned.
CREATE FUNCTION app.nights_waiting() RETURNS integer LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, app AS $$
BEGIN
    RETURN (SELECT count(*) FROM (SELECT FROM app.runs WHERE kind = 'nightly' AND status = 'pending' AND NOT dry_run LIMIT 1000) w);
END
$$;
REVOKE EXECUTE ON FUNCTION app.nights_waiting() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.nights_waiting() TO headwater_app, headwater_system;
