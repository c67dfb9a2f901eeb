-- The nightly run: what a night chose and why, how far each of its companies came, and how far the register was read.

-- What a night works on, frozen before it begins: whoever resumes it works on the same companies, in the same order.
CREATE TABLE app.night_manifests (
    tenant_id uuid NOT NULL,
    run_id uuid NOT NULL,
    night date NOT NULL,
    company_ids uuid[] NOT NULL,
    cap integer NOT NULL CHECK (cap >= 0),
    cap_source text NOT NULL CHECK (cap_source IN ('policy', 'environment', 'default', 'limit', 'manifest')),
    caps jsonb NOT NULL DEFAULT '{}',
    budgets jsonb NOT NULL DEFAULT '[]',
    from_run_id uuid,
    frozen_at timestamptz NOT NULL DEFAULT app.now(),
    PRIMARY KEY (tenant_id, run_id),
    FOREIGN KEY (tenant_id, run_id) REFERENCES app.runs (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX night_manifests_night ON app.night_manifests (tenant_id, night, run_id);
CALL app.wall('app.night_manifests', 'SELECT, INSERT, UPDATE, DELETE');

-- Every candidate of a night: chosen, with its place and how far it came, or passed over, with the reason. No key leads to the company or the lead:
-- whoever is erased meanwhile must not take the night's counting along.
CREATE TABLE app.night_companies (
    tenant_id uuid NOT NULL,
    run_id uuid NOT NULL,
    company_id uuid NOT NULL,
    place integer CHECK (place >= 1),
    reason varchar(50) NOT NULL,
    detail varchar(300),
    icp_profile_id uuid,
    lead_id uuid,
    slice_id uuid,
    fit double precision,
    coverage double precision,
    looked_at timestamptz,
    stage text NOT NULL CHECK (stage IN ('passed_over', 'waiting', 'enriching', 'scoring', 'pushing', 'ended')),
    steps jsonb NOT NULL DEFAULT '{}',
    error_code varchar(100),
    prediction_id uuid,
    started_at timestamptz,
    finished_at timestamptz,
    PRIMARY KEY (tenant_id, run_id, company_id),
    FOREIGN KEY (tenant_id, run_id) REFERENCES app.runs (tenant_id, id) ON DELETE CASCADE,
    CHECK ((slice_id IS NULL) = (stage = 'passed_over')),
    CHECK ((finished_at IS NOT NULL) = (stage = 'ended'))
);
CREATE UNIQUE INDEX night_companies_lead ON app.night_companies (tenant_id, run_id, lead_id) WHERE lead_id IS NOT NULL;
CREATE INDEX night_companies_place ON app.night_companies (tenant_id, run_id, place);
CALL app.wall('app.night_companies', 'SELECT, INSERT, UPDATE, DELETE');

-- How far a tenant's nights have read the changes of a source (step 1), moved in the transaction that writes what was read.
CREATE TABLE app.night_marks (
    tenant_id uuid NOT NULL REFERENCES app.tenants,
    source varchar(50) NOT NULL,
    changed_at timestamptz NOT NULL,
    key varchar(100) NOT NULL DEFAULT '',
    updated_at timestamptz NOT NULL DEFAULT app.now(),
    PRIMARY KEY (tenant_id, source)
);
CALL app.wall('app.night_marks', 'SELECT, INSERT, UPDATE, DELETE');

-- May one more tenant's night begin, if at most so many run at once? A tenant cannot see the others' runs, so the owner counts them; who asks holds
-- the answer for itself until its transaction has ended, and what it learns is one bit.
CREATE FUNCTION app.night_may_begin(p_most integer) RETURNS boolean LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, app AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('headwater.nights', 0));
    RETURN (SELECT count(*) FROM app.runs WHERE kind = 'nightly' AND status = 'running' AND NOT dry_run) < p_most;
END
$$;
REVOKE EXECUTE ON FUNCTION app.night_may_begin(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.night_may_begin(integer) TO headwater_app, headwater_system;

-- The documents' name (S3.12): what a night made of each company, with what is known of it, and the text of its site where that is kept.
CREATE VIEW app.company_enrichment_runs WITH (security_invoker = true) AS
    SELECT n.tenant_id, n.run_id, n.company_id, n.lead_id, n.place AS rank, n.reason, n.stage, s.state AS status, n.steps, n.error_code,
           f.vector AS snapshot, c.corpus, n.started_at, n.finished_at
      FROM app.night_companies n
      LEFT JOIN app.run_slices s ON s.tenant_id = n.tenant_id AND s.id = n.slice_id
      LEFT JOIN app.score_predictions p ON p.tenant_id = n.tenant_id AND p.id = n.prediction_id
      LEFT JOIN app.feature_snapshots f ON f.tenant_id = n.tenant_id AND f.id = p.snapshot_id
      LEFT JOIN LATERAL (SELECT w.corpus FROM app.crawl_sites w WHERE w.tenant_id = n.tenant_id AND w.company_id = n.company_id
                          ORDER BY w.crawled_at DESC LIMIT 1) c ON true
     WHERE n.slice_id IS NOT NULL;
GRANT SELECT ON app.company_enrichment_runs TO headwater_app, headwater_system;
