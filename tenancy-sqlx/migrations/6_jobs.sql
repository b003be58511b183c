-- Work that is done later. A tenant's transactions add rows here; the application's login claims
-- and settles them.

CREATE TABLE tenancy.jobs (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL,
    kind text NOT NULL,
    payload jsonb NOT NULL,
    -- The lowest first.
    priority smallint NOT NULL CHECK (priority BETWEEN 0 AND 2),
    -- One of a tenant and a kind has it at a time, until it has ended.
    unique_key text,
    max_attempts smallint NOT NULL CHECK (max_attempts > 0),
    timeout_ms bigint NOT NULL,
    run_at timestamptz NOT NULL,
    status text NOT NULL DEFAULT 'queued'
        CHECK (status IN ('queued', 'running', 'done', 'failed', 'cancelled')),
    attempt smallint NOT NULL DEFAULT 0,
    -- Counts the claims: whoever has an old number settles nothing.
    fence bigint NOT NULL DEFAULT 0,
    -- Who is running it has it until then.
    lease_until timestamptz CHECK ((lease_until IS NOT NULL) = (status = 'running')),
    -- Who is running it is to stop.
    cancelled boolean NOT NULL DEFAULT false,
    progress jsonb,
    error text,
    created_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    finished_at timestamptz
) WITH (
    -- Rows change several times in a short life; what they were is cleared away early, so that the
    -- front of the queue is not behind it.
    fillfactor = 70,
    autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_vacuum_threshold = 500,
    autovacuum_analyze_scale_factor = 0.05
);

-- From tenant to tenant, and to the first due job of each kind and priority, without reading what is
-- behind it.
CREATE INDEX jobs_queued_idx ON tenancy.jobs (tenant_id, kind, priority, run_at, id)
    WHERE status = 'queued';
-- Whether there is anything to do.
CREATE INDEX jobs_due_idx ON tenancy.jobs (run_at) WHERE status = 'queued';
-- How many of a tenant are running, and which of all were left by their workers.
CREATE INDEX jobs_running_idx ON tenancy.jobs (tenant_id) WHERE status = 'running';
CREATE INDEX jobs_lease_idx ON tenancy.jobs (lease_until) WHERE status = 'running';
CREATE UNIQUE INDEX jobs_unique_key ON tenancy.jobs (tenant_id, kind, unique_key)
    WHERE unique_key IS NOT NULL AND status IN ('queued', 'running');
CREATE INDEX jobs_tenant_id_idx ON tenancy.jobs (tenant_id, id);
CREATE INDEX jobs_finished_idx ON tenancy.jobs (finished_at)
    WHERE status IN ('done', 'cancelled');

-- The tenant that was served last: the next turn is that of the one behind it. Claims take their
-- turns at this row.
CREATE TABLE tenancy.job_turn (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    last_tenant uuid NOT NULL
);
INSERT INTO tenancy.job_turn (last_tenant) VALUES ('00000000-0000-0000-0000-000000000000');

-- The time up to which a schedule's jobs were enqueued.
CREATE TABLE tenancy.job_ticks (
    name text PRIMARY KEY,
    tick timestamptz NOT NULL
);

-- A tenant's own role adds jobs of its tenant alone.
ALTER TABLE tenancy.jobs ENABLE ROW LEVEL SECURITY;
CREATE POLICY as_granted ON tenancy.jobs USING (true);
CREATE POLICY own_tenant ON tenancy.jobs AS RESTRICTIVE USING (
    CASE WHEN pg_catalog.starts_with(CURRENT_USER::text, 'tenancy_tenant')
         THEN CURRENT_USER::text = 'tenancy_tenant_' || pg_catalog.replace(tenant_id::text, '-', '')
         ELSE true END);
