-- What our crawler read, for one tenant. The pages' text is not kept unless the installation asks for it (PERSIST_CRAWL_CORPUS):
-- hashes say whether a page has changed, sightings carry their own source.

-- How the last walk over a site went. One row a tenant and domain.
CREATE TABLE app.crawl_sites (
    tenant_id uuid NOT NULL REFERENCES app.tenants,
    id uuid NOT NULL DEFAULT app.uuidv7(),
    domain varchar(253) NOT NULL,
    company_id uuid,
    outcome text NOT NULL CHECK (outcome IN ('ok', 'thin', 'blocked', 'unreachable', 'refused', 'robots')),
    reason varchar(300),
    home_url varchar(2000),
    moved_to varchar(253),
    language varchar(20),
    description varchar(4000),
    corpus text,
    requests integer NOT NULL CHECK (requests >= 0),
    seconds double precision NOT NULL CHECK (seconds >= 0),
    failures integer NOT NULL DEFAULT 0 CHECK (failures >= 0),
    crawled_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, domain),
    FOREIGN KEY (tenant_id, company_id) REFERENCES app.companies (tenant_id, id)
);
CREATE INDEX crawl_sites_company ON app.crawl_sites (company_id, tenant_id) WHERE company_id IS NOT NULL;
CALL app.wall('app.crawl_sites', 'SELECT, INSERT, UPDATE, DELETE');

-- The pages it read. `signals` are the sightings of the page; `changed_at` moves only when its text did.
CREATE TABLE app.crawl_pages (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL DEFAULT app.uuidv7(),
    site_id uuid NOT NULL,
    url varchar(2000) NOT NULL,
    url_hash bytea NOT NULL CHECK (length(url_hash) = 32),
    kind text NOT NULL CHECK (kind IN ('home', 'contact', 'about', 'team', 'impressum', 'products', 'pricing', 'cases', 'careers', 'other')),
    outcome text NOT NULL CHECK (outcome IN ('ok', 'missing', 'dropped', 'blocked', 'unreachable', 'refused', 'robots')),
    status integer,
    reason varchar(300),
    content_hash bytea CHECK (length(content_hash) = 32),
    chars integer NOT NULL DEFAULT 0 CHECK (chars >= 0),
    signals jsonb NOT NULL DEFAULT '[]',
    fetched_at timestamptz NOT NULL,
    changed_at timestamptz,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, site_id, url_hash),
    FOREIGN KEY (tenant_id, site_id) REFERENCES app.crawl_sites (tenant_id, id) ON DELETE CASCADE
);
CALL app.wall('app.crawl_pages', 'SELECT, INSERT, UPDATE, DELETE');
