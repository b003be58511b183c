-- Which processes serve this database, as each says of itself every few seconds. Whoever keeps
-- something in its own memory must be alone.
CREATE TABLE tenancy.processes (
    id uuid PRIMARY KEY,
    -- What a person recognises it by.
    name text NOT NULL,
    -- What it keeps to itself, such as its cache; none where all processes share everything.
    keeps text[] NOT NULL,
    -- Whether it has made sure that it may serve.
    serves boolean NOT NULL DEFAULT false,
    started_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    seen_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);
