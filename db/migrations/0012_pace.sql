-- How fast vendors and sites may be asked, by all workers on all hosts together. These rows are the installation's: a credential is shared by tenants,
-- and so is a site. The app role has no rights here: what is asked of whom would tell one tenant about another. Workers act as the system role.

-- One row for each pace and credential. A worker leases the next slots of it in one change, about once a second, and spends them by itself.
-- `timetable` and `holders` are the worker's own words (worker/timetable.py, worker/leases.py); times in them are seconds since 1970.
CREATE TABLE app.paces (
    name varchar(100) NOT NULL,
    credential varchar(100) NOT NULL,
    timetable jsonb NOT NULL DEFAULT '{}',
    holders jsonb NOT NULL DEFAULT '{}',
    next_at timestamptz,
    updated_at timestamptz NOT NULL DEFAULT app.now(),
    PRIMARY KEY (name, credential)
) WITH (fillfactor = 25, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 1000);
GRANT SELECT, INSERT, UPDATE, DELETE ON app.paces TO headwater_system;

-- One row for each operation (`vendor.operation`) that ever failed: a key may be refused for one operation and serve another of the same pace.
-- Written only by whoever holds the row of the operation's pace.
CREATE TABLE app.breakers (
    operation varchar(150) NOT NULL,
    credential varchar(100) NOT NULL,
    state text NOT NULL CHECK (state IN ('closed', 'open', 'half_open')),
    failures integer NOT NULL CHECK (failures >= 0),
    opens integer NOT NULL CHECK (opens >= 0),
    opened_until timestamptz,
    error_code varchar(100),
    error varchar(500),
    error_at timestamptz,
    updated_at timestamptz NOT NULL DEFAULT app.now(),
    PRIMARY KEY (operation, credential),
    CONSTRAINT until_known CHECK (state = 'closed' OR opened_until IS NOT NULL)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON app.breakers TO headwater_system;

-- One row for each site that our crawler asks: one request at a time, at its distance from the one before.
CREATE TABLE app.crawl_hosts (
    host varchar(253) PRIMARY KEY,
    next_at timestamptz NOT NULL DEFAULT app.now(),
    holder uuid,
    held_until timestamptz,
    delay_s double precision NOT NULL DEFAULT 0 CHECK (delay_s >= 0),
    fails integer NOT NULL DEFAULT 0 CHECK (fails >= 0),
    asked_at timestamptz NOT NULL DEFAULT app.now()
) WITH (fillfactor = 70);
GRANT SELECT, INSERT, UPDATE, DELETE ON app.crawl_hosts TO headwater_system;

CREATE TABLE app.crawl_robots (
    origin varchar(300) PRIMARY KEY,
    status integer,
    body text,
    fetched_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);
GRANT SELECT, INSERT, UPDATE, DELETE ON app.crawl_robots TO headwater_system;
