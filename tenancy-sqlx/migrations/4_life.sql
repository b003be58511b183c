-- A tenant's life: what was begun, how far it came, and what it waits for.

ALTER TABLE tenancy.tenants
    -- An archived tenant is not purged before then; without a time, whenever it is asked for.
    ADD COLUMN purge_after timestamptz,
    -- What a tenant in maintenance tells its users, and when it expects to be back.
    ADD COLUMN maintenance_message text,
    ADD COLUMN maintenance_until timestamptz;

-- Every step of every operation on a tenant; the record of a purged tenant keeps its own.
CREATE TABLE tenancy.journal (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    operation uuid NOT NULL,
    tenant_id uuid NOT NULL,
    kind text NOT NULL,
    step text NOT NULL,
    detail jsonb NOT NULL DEFAULT '{}',
    at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);

CREATE INDEX journal_tenant_id_idx ON tenancy.journal (tenant_id, seq);
CREATE INDEX journal_operation_idx ON tenancy.journal (operation, seq);

-- What a run was for, and the run that took it back.
ALTER TABLE tenancy.migration_runs
    ADD COLUMN kind text NOT NULL DEFAULT 'migrate',
    ADD COLUMN undone_by uuid;

-- What an undone run had applied; the ledger itself says what is applied now.
CREATE TABLE tenancy.undone_migrations (
    run_id uuid NOT NULL,
    scope text NOT NULL,
    tenant_id uuid NOT NULL,
    version bigint NOT NULL,
    name text NOT NULL,
    checksum bytea NOT NULL,
    applied_at timestamptz NOT NULL,
    undone_by uuid NOT NULL,
    undone_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    PRIMARY KEY (run_id, scope, tenant_id, version, undone_by)
);
