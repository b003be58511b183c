-- The outbox as a feed: who tells whose messages, and until when.

-- Leads from tenant to tenant of a topic, however many messages each of them has. The others would
-- lead a plan through all messages of a topic, or of a tenant.
CREATE INDEX outbox_turn_idx ON tenancy.outbox (topic, tenant_id, seq);
DROP INDEX tenancy.outbox_topic_idx, tenancy.outbox_tenant_id_idx;

-- Whoever has a higher number has read later. Without a cache, so that numbers grow in the order in
-- which they are drawn.
CREATE SEQUENCE tenancy.outbox_fence AS bigint;

-- One row for each tenant that a consumer was ever told of; nobody has it without a time.
CREATE TABLE tenancy.outbox_leases (
    consumer text NOT NULL,
    tenant_id uuid NOT NULL,
    fence bigint NOT NULL,
    held_until timestamptz,
    -- Failures in a row, and what the last one was.
    attempts integer NOT NULL DEFAULT 0,
    not_before timestamptz,
    last_error text,
    last_turn timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    PRIMARY KEY (consumer, tenant_id)
) WITH (fillfactor = 60);

CREATE INDEX outbox_leases_tenant_id_idx ON tenancy.outbox_leases (tenant_id);
