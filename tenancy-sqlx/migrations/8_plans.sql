-- What tenants may use: plans, and what is otherwise for one of them.

CREATE TABLE tenancy.plans (
    name text PRIMARY KEY,
    -- The most of each thing; what is not named is unlimited.
    limits jsonb NOT NULL DEFAULT '{}' CHECK (pg_catalog.jsonb_typeof(limits) = 'object'),
    features jsonb NOT NULL DEFAULT '{}' CHECK (pg_catalog.jsonb_typeof(features) = 'object'),
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    updated_at timestamptz NOT NULL DEFAULT pg_catalog.now()
);

ALTER TABLE tenancy.tenants
    ADD COLUMN plan text REFERENCES tenancy.plans (name),
    -- Where its terms are not its plan's; most tenants have none.
    ADD COLUMN overrides jsonb CHECK (pg_catalog.jsonb_typeof(overrides) = 'object');

CREATE INDEX tenants_plan_idx ON tenancy.tenants (plan) WHERE plan IS NOT NULL;
