//! A tenant with everything that moving it could lose.

use std::io::Cursor;

use sqlx::ConnectOptions as _;
use sqlx::postgres::PgConnection;
use tenancy_core::Tenant;
use tenancy_sqlx::{ExportFormat, ExportSummary, Fleet, NewTenant};

use crate::support::*;

/// What the program's migrations make.
pub(crate) const TABLES: &str = r#"
    CREATE TABLE authors (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        name text NOT NULL CHECK (name <> ''));
    CREATE TABLE posts (
        id bigserial PRIMARY KEY,
        title text NOT NULL,
        author_id integer REFERENCES authors ON DELETE SET NULL,
        parent_id bigint REFERENCES posts DEFERRABLE INITIALLY DEFERRED,
        words integer GENERATED ALWAYS AS (length(title)) STORED,
        "Odd, name" text DEFAULT E'it''s\t"so"');
    CREATE INDEX posts_title_idx ON posts (lower(title)) WHERE author_id IS NOT NULL;
    CREATE UNIQUE INDEX posts_title_author_idx ON posts (title, author_id);
    CREATE TABLE everything (
        id integer PRIMARY KEY, t text, b bytea, f float8, r real, n numeric, i interval,
        at timestamptz, d date, a text[], aa integer[][], j jsonb, u uuid, x text, m money, o bit(5));
    CREATE TABLE events (id bigint NOT NULL, at date NOT NULL, PRIMARY KEY (id, at))
        PARTITION BY RANGE (at);
    CREATE TABLE events_2025 PARTITION OF events FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
    CREATE TABLE events_2026 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
    CREATE TABLE log (what text);
    CREATE TABLE empty (id integer);
    CREATE SEQUENCE numbers INCREMENT 5 START 100;
    CREATE VIEW titles AS SELECT p.id, title, name FROM posts p LEFT JOIN authors a ON a.id = author_id;
    CREATE MATERIALIZED VIEW counts AS SELECT author_id, count(*) AS posts FROM posts GROUP BY 1;
    CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
        BEGIN INSERT INTO log VALUES (TG_OP || ' ' || NEW.title); RETURN NEW; END $$;
    CREATE TRIGGER note AFTER INSERT ON posts FOR EACH ROW EXECUTE FUNCTION note();
"#;

/// What was added by hand: types of its own, and rows.
const ROWS: &str = r#"
    CREATE TYPE mood AS ENUM ('good', 'ba''d', 'so, so');
    CREATE DOMAIN age AS integer CHECK (VALUE >= 0);
    CREATE TABLE people (id integer PRIMARY KEY, mood mood NOT NULL DEFAULT 'good', age age);
    COMMENT ON TABLE people IS 'Who''s there';
    INSERT INTO people VALUES (1, 'ba''d', 7), (2, 'so, so', NULL), (3, DEFAULT, 0);
    INSERT INTO authors (name) SELECT 'author ' || n FROM generate_series(1, 20) n;
    INSERT INTO posts (title, author_id, parent_id)
        SELECT 'post ' || n, n % 20 + 1, nullif(n - 1, 0) FROM generate_series(1, 500) n;
    INSERT INTO posts (title, "Odd, name") VALUES ('', NULL), ('null', '\N'), ('x', '');
    INSERT INTO everything (id, t) SELECT n, 'a' || chr(n) || 'z' FROM generate_series(1, 300) n;
    INSERT INTO everything (id, t) VALUES
        (1000, E'\\.\n\\.\n'), (1001, ''), (1002, NULL), (1003, '\N'), (1004, E'tab\tcr\rnl\nend'),
        (1005, 'Grüße, 漢字, 🦀'), (1006, E'\\'), (1007, E'\\\\n'), (1008, repeat('x', 300000));
    INSERT INTO everything (id, b) VALUES (1100, '\x00010a0d095c7f80ff'), (1101, ''), (1102, NULL);
    INSERT INTO everything (id, f, r, n, i, at, d) VALUES
        (1200, 'NaN', 'Infinity', 'NaN', '1 year -2 mons 3 days -04:05:06.7', 'infinity', '-infinity'),
        (1201, '-Infinity', 1.1, 'Infinity', '-1 day', '2026-03-29 02:30:00.123456+02', '0044-03-15 BC'),
        (1202, 0.1::float8 + 0.2::float8, 3.4028235e38, 1e-20, '0', '1883-11-18 12:03:58-04:56:02', '9999-12-31'),
        (1203, -0.0, '-0', 123456789012345678901234567890.123, NULL, NULL, NULL);
    INSERT INTO everything (id, a, aa, j, u, x, m, o) VALUES
        (1300, ARRAY['a,b', NULL, '', '{"x"}', E'\\', E'\n'], '{{1,2},{3,4}}', '{"a": [1, null, "\n"]}',
         '01939f64-8d4e-7c11-b5a9-0242ac120002', '<a/>', 12.5, B'10101'),
        (1301, '{}', '[2:3]={7,8}', 'null', NULL, NULL, NULL, NULL);
    INSERT INTO events SELECT n, date '2025-01-01' + n FROM generate_series(0, 700) n;
    SELECT nextval('numbers'), nextval('numbers');
    REFRESH MATERIALIZED VIEW counts;
"#;

pub(crate) async fn fleet_of(database: &TestDatabase) -> Fleet {
    fleet(database, set([TABLES])).await
}

/// The tenant `acme`, with rows in every table.
pub(crate) async fn acme(fleet: &Fleet, database: &TestDatabase) -> Tenant {
    let new = NewTenant::new(slug("acme"))
        .name("Acme, \"Inc\"")
        .description("all of it");
    let tenant = fleet.create(new, |_| {}).await.unwrap();
    let mut owner = database.owner_options().connect().await.unwrap();
    run(
        &mut owner,
        &format!("SET search_path TO acme, extensions, pg_temp; {ROWS}"),
    )
    .await;
    tenant
}

pub(crate) async fn export(
    fleet: &Fleet,
    name: &str,
    format: ExportFormat,
) -> (Vec<u8>, ExportSummary) {
    let mut bytes = Vec::new();
    let summary = fleet
        .export(&slug(name), &mut bytes, format, |_| {})
        .await
        .unwrap();
    assert_eq!(summary.bytes, bytes.len() as u64);
    (bytes, summary)
}

pub(crate) async fn import(fleet: &Fleet, archive: &[u8], name: &str) -> Tenant {
    fleet
        .import(Cursor::new(archive), NewTenant::new(slug(name)), |_| {})
        .await
        .unwrap()
}

/// Every table and view of a schema with a checksum of its rows, and where its sequences stand.
pub(crate) async fn sums(connection: &mut PgConnection, schema: &str) -> Vec<(String, String)> {
    let names: Vec<(String, String)> = sqlx::query_as(
        "SELECT relname::text, relkind::text FROM pg_class
         WHERE relnamespace = to_regnamespace($1)
           AND relkind IN ('r', 'p', 'v', 'm', 'S') ORDER BY relname",
    )
    .bind(schema)
    .fetch_all(&mut *connection)
    .await
    .unwrap();
    let mut sums = Vec::new();
    for (name, kind) in names {
        let sql = if kind == "S" {
            format!("SELECT concat_ws(' ', last_value, is_called) FROM {schema}.\"{name}\"")
        } else {
            format!(
                "SELECT concat_ws(' ', count(*), md5(string_agg(t::text, '|' ORDER BY t::text COLLATE \"C\")))
                 FROM {schema}.\"{name}\" t"
            )
        };
        let sum: String = sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
            .fetch_one(&mut *connection)
            .await
            .unwrap();
        sums.push((name, sum));
    }
    assert!(sums.len() > 10, "{sums:?}");
    sums
}
