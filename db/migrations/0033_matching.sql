-- Names alike, among many: an index whose lists are short where the country is known.

-- A name with its letters and digits moved along by its tenant and country, so that the same name has other trigrams elsewhere: the long
-- lists of an index over trigrams ("ing", "int") are cut into many, of which a look-up in one country reads its own. Two names of one tenant
-- and country are as like each other moved as they were before. Immutable for ever: the index depends on it.
CREATE FUNCTION app.moved_name(p_tenant uuid, p_country text, p_name text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT translate(p_name, 'abcdefghijklmnopqrstuvwxyz0123456789',
        substr('abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz0123456789',
               1 + (get_byte(uuid_send(p_tenant), 15) + 5 * ascii(coalesce(p_country, '')) + ascii(substr(coalesce(p_country, ''), 2))) % 36, 36))
$$;
REVOKE EXECUTE ON FUNCTION app.moved_name(uuid, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.moved_name(uuid, text, text) TO headwater_owner, headwater_app, headwater_system;

-- The caller's own companies whose names are most like each of these, the likest first, in that country or in none that is known; without
-- a country, in any (then by the index over the names as they are). Acts as the owner, because no trigram operator is leakproof: as
-- the app role no index could be used at all. Filters on the caller's tenant and gives nothing without one.
DO $do$
DECLARE
    place CONSTANT text := (SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'pg_trgm');
BEGIN
    EXECUTE format('CREATE INDEX companies_moved_name ON app.companies USING gin (app.moved_name(tenant_id, country, name_core) %I.gin_trgm_ops)'
        ' WITH (gin_pending_list_limit = 256) WHERE merged_into IS NULL', place);
    EXECUTE format($fn$
        CREATE OR REPLACE FUNCTION app.similar_companies(p_names text[], p_countries text[], p_not uuid[], p_most integer)
        RETURNS TABLE (place integer, id uuid, likeness real)
        LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, app SET pg_trgm.similarity_threshold = '0.5' SET enable_seqscan = off SET jit = off AS $body$
        DECLARE
            me CONSTANT uuid := nullif(current_setting('request.tenant_id', true), '')::uuid;
            n integer;
        BEGIN
            FOR n IN 1..least(coalesce(cardinality(p_names), 0), 10000) LOOP
                -- A slip of the pen costs a long name little; the higher bound spares reading most of the long lists of common trigrams.
                PERFORM set_config('pg_trgm.similarity_threshold', CASE WHEN length(p_names[n]) > 18 THEN '0.58' ELSE '0.5' END, true);
                IF p_countries[n] IS NULL THEN
                    RETURN QUERY
                        SELECT n, c.id, %1$I.similarity(c.name_core, p_names[n]) AS alike FROM app.companies c
                         WHERE c.name_core OPERATOR(%1$I.%%) p_names[n] AND c.merged_into IS NULL AND c.tenant_id = me AND c.id IS DISTINCT FROM p_not[n]
                         ORDER BY alike DESC, c.id LIMIT least(greatest(p_most, 0), 50);
                ELSE
                    RETURN QUERY
                        SELECT n, f.id, f.alike FROM (
                            SELECT c.id, %1$I.similarity(c.name_core, p_names[n]) AS alike FROM app.companies c
                             WHERE app.moved_name(c.tenant_id, c.country, c.name_core) OPERATOR(%1$I.%%) app.moved_name(me, p_countries[n], p_names[n])
                               AND c.merged_into IS NULL AND c.tenant_id = me AND c.country = p_countries[n] AND c.id IS DISTINCT FROM p_not[n]
                            UNION ALL
                            SELECT c.id, %1$I.similarity(c.name_core, p_names[n]) FROM app.companies c
                             WHERE app.moved_name(c.tenant_id, c.country, c.name_core) OPERATOR(%1$I.%%) app.moved_name(me, NULL, p_names[n])
                               AND c.merged_into IS NULL AND c.tenant_id = me AND c.country IS NULL AND c.id IS DISTINCT FROM p_not[n]) f
                         ORDER BY f.alike DESC, f.id LIMIT least(greatest(p_most, 0), 50);
                END IF;
            END LOOP;
        END
        $body$
    $fn$, place);
END
$do$;
