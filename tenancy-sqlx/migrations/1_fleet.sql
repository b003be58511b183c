-- What the framework knows about the fleet. Every name is qualified: no search path is relied on.

CREATE TABLE tenancy.tenants (
    id uuid PRIMARY KEY,
    slug text NOT NULL,
    schema_name text NOT NULL,
    name text NOT NULL,
    description text NOT NULL DEFAULT '',
    status text NOT NULL CHECK (status IN
        ('provisioning', 'active', 'suspended', 'maintenance', 'archived', 'purged')),
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    updated_at timestamptz NOT NULL DEFAULT pg_catalog.now()
);

-- A purged tenant's record stays, its names become free once their reservation has ended.
CREATE UNIQUE INDEX tenants_slug_key ON tenancy.tenants (slug) WHERE status <> 'purged';
CREATE UNIQUE INDEX tenants_schema_name_key ON tenancy.tenants (schema_name) WHERE status <> 'purged';

CREATE TABLE tenancy.domains (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenancy.tenants (id) ON DELETE CASCADE,
    domain text NOT NULL CONSTRAINT domains_domain_key UNIQUE,
    is_primary boolean NOT NULL,
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now()
);

CREATE INDEX domains_tenant_id_idx ON tenancy.domains (tenant_id);
CREATE UNIQUE INDEX domains_primary_key ON tenancy.domains (tenant_id) WHERE is_primary;

-- Names that were freed and may still be held by a context or a transaction.
CREATE TABLE tenancy.reserved_names (
    kind text NOT NULL CHECK (kind IN ('slug', 'schema', 'domain')),
    name text NOT NULL,
    until timestamptz NOT NULL,
    PRIMARY KEY (kind, name)
);

CREATE TABLE tenancy.migration_runs (
    id uuid PRIMARY KEY,
    program text NOT NULL,
    started_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    finished_at timestamptz,
    applied bigint NOT NULL DEFAULT 0,
    failed bigint NOT NULL DEFAULT 0,
    blocked bigint NOT NULL DEFAULT 0
);

-- One ledger for the whole fleet: who is behind is one query.
CREATE TABLE tenancy.migrations (
    scope text NOT NULL CHECK (scope IN ('framework', 'shared', 'tenant')),
    -- The nil UUID for everything that is not a tenant's.
    tenant_id uuid NOT NULL,
    version bigint NOT NULL,
    name text NOT NULL,
    checksum bytea NOT NULL,
    run_id uuid NOT NULL,
    applied_at timestamptz NOT NULL,
    duration_us bigint NOT NULL,
    PRIMARY KEY (scope, tenant_id, version)
);

CREATE INDEX migrations_run_id_idx ON tenancy.migrations (run_id);
