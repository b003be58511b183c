-- What a tenant's transactions leave for others. The application's login only adds rows here.

-- What is to be told outside, in the order in which it was written.
CREATE TABLE tenancy.outbox (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id uuid NOT NULL UNIQUE,
    tenant_id uuid NOT NULL,
    topic text NOT NULL,
    key text NOT NULL,
    payload jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);

CREATE INDEX outbox_topic_idx ON tenancy.outbox (topic, seq);
CREATE INDEX outbox_tenant_id_idx ON tenancy.outbox (tenant_id);

-- Who did what, when.
CREATE TABLE tenancy.audit (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL,
    actor text NOT NULL,
    action text NOT NULL,
    target text NOT NULL,
    detail jsonb NOT NULL,
    at timestamptz NOT NULL DEFAULT pg_catalog.now()
);

CREATE INDEX audit_tenant_id_idx ON tenancy.audit (tenant_id, at);

-- Whoever had a name may have it back at once: what still holds it leads to the same tenant.
ALTER TABLE tenancy.reserved_names ADD COLUMN tenant_id uuid;
