-- Who is who: fuzzy candidates, pairs and what was decided about them, merges that can be taken back.

-- Trigrams live in a schema of their own, which the app role may not enter: their functions would otherwise be callable with anybody's texts.
-- The extension is part of PostgreSQL's contrib and trusted: whoever may create in the database may install it.
DO $do$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'pg_trgm') THEN
        RAISE EXCEPTION 'the extension pg_trgm is not installed on this PostgreSQL server'
            USING HINT = 'install the contrib package of the server (Debian: it is in postgresql-NN; Red Hat: postgresqlNN-contrib), then migrate again';
    END IF;
    IF NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_trgm') THEN
        CREATE SCHEMA trgm;
        CREATE EXTENSION pg_trgm WITH SCHEMA trgm;
    END IF;
END
$do$;

ALTER TABLE app.companies
    -- When it was last compared with the others; NULL: something about it is new.
    ADD COLUMN compared_at timestamptz;
CREATE INDEX companies_uncompared ON app.companies (tenant_id, id) WHERE compared_at IS NULL AND merged_into IS NULL;
CREATE INDEX companies_merged ON app.companies (merged_into, tenant_id) WHERE merged_into IS NOT NULL;
CREATE INDEX companies_phone ON app.companies (phone, tenant_id) WHERE phone IS NOT NULL;
-- A lead of a merged company, where the survivor has one for the same profile.
ALTER TABLE app.leads ADD COLUMN merged_into uuid;

ALTER TABLE app.entity_keys
    DROP CONSTRAINT entity_keys_key_type_check,
    ADD CONSTRAINT entity_keys_key_type_check CHECK (key_type IN ('registry', 'domain', 'email', 'name_country', 'linkedin'));

-- A pair somebody thought about. `undo` holds what a merge changed, until it is taken back.
CREATE TABLE app.match_decisions (
    tenant_id uuid NOT NULL REFERENCES app.tenants,
    id uuid NOT NULL DEFAULT app.uuidv7(),
    kind text NOT NULL CHECK (kind IN ('company', 'contact')),
    a_id uuid NOT NULL,
    b_id uuid NOT NULL,
    probability double precision NOT NULL CHECK (probability >= 0 AND probability <= 1),
    features jsonb NOT NULL DEFAULT '{}',
    contradictions text[] NOT NULL DEFAULT '{}',
    model_version_id uuid,
    decision text NOT NULL DEFAULT 'pending' CHECK (decision IN ('pending', 'auto', 'merged', 'rejected', 'undone')),
    survivor_id uuid,
    undo jsonb,
    changes integer NOT NULL DEFAULT 0,
    decided_by varchar(200),
    decided_at timestamptz,
    reason varchar(1000),
    created_at timestamptz NOT NULL DEFAULT app.now(),
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, kind, a_id, b_id),
    CHECK (a_id < b_id),
    CHECK ((decision IN ('auto', 'merged')) = (survivor_id IS NOT NULL)),
    CHECK ((decision IN ('auto', 'merged')) = (undo IS NOT NULL)),
    CHECK ((decision = 'pending') = (decided_at IS NULL))
);
CREATE INDEX match_decisions_state ON app.match_decisions (tenant_id, decision, id);
CREATE INDEX match_decisions_b ON app.match_decisions (b_id, tenant_id);
CREATE INDEX match_decisions_a ON app.match_decisions (a_id, tenant_id);
CALL app.wall('app.match_decisions', 'SELECT, INSERT, UPDATE, DELETE');

-- The caller's own companies whose names are most like each of these, the likest first. Acts as the owner, because no trigram operator is leakproof:
-- as the app role the index could not be used at all. Filters on the caller's tenant and gives nothing without one.
DO $do$
DECLARE
    place CONSTANT text := (SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'pg_trgm');
BEGIN
    EXECUTE format('CREATE INDEX companies_name_trgm ON app.companies USING gin (name_core %I.gin_trgm_ops) WITH (gin_pending_list_limit = 256) WHERE merged_into IS NULL', place);
    EXECUTE format($fn$
        CREATE FUNCTION app.similar_companies(p_names text[], p_countries text[], p_not uuid[], p_most integer)
        RETURNS TABLE (place integer, id uuid, likeness real)
        LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, app SET pg_trgm.similarity_threshold = '0.5' SET enable_seqscan = off SET jit = off AS $body$
        DECLARE
            me CONSTANT uuid := nullif(current_setting('request.tenant_id', true), '')::uuid;
            n integer;
        BEGIN
            FOR n IN 1..least(coalesce(cardinality(p_names), 0), 10000) LOOP
                -- A slip of the pen costs a long name little; the higher bound spares reading most of the long lists of common trigrams.
                PERFORM set_config('pg_trgm.similarity_threshold', CASE WHEN length(p_names[n]) > 18 THEN '0.58' ELSE '0.5' END, true);
                RETURN QUERY
                    SELECT n, c.id, %1$I.similarity(c.name_core, p_names[n]) AS alike FROM app.companies c
                     WHERE c.name_core OPERATOR(%1$I.%%) p_names[n] AND c.merged_into IS NULL AND c.tenant_id = me
                       AND (p_countries[n] IS NULL OR c.country IS NULL OR c.country = p_countries[n]) AND c.id IS DISTINCT FROM p_not[n]
                     ORDER BY alike DESC, c.id LIMIT least(greatest(p_most, 0), 50);
            END LOOP;
        END
        $body$
    $fn$, place);
END
$do$;
REVOKE EXECUTE ON FUNCTION app.similar_companies(text[], text[], uuid[], integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.similar_companies(text[], text[], uuid[], integer) TO headwater_app, headwater_system;
