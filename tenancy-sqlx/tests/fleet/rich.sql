-- What a schema may have, made by hand or by an older system: far more than a migration may make.

CREATE TYPE mood AS ENUM ('sad', 'ok', 'it''s fine');
CREATE DOMAIN positive AS int DEFAULT 1 CONSTRAINT is_positive CHECK (VALUE > 0);
CREATE TYPE place AS (street text, number int);
CREATE TYPE span AS RANGE (subtype = float8, subtype_diff = float8mi);
CREATE FUNCTION is_tidy(t text) RETURNS boolean LANGUAGE sql IMMUTABLE SET search_path FROM CURRENT
    AS $$ SELECT t = btrim(t) $$;
CREATE SEQUENCE invoice_numbers START 1000 INCREMENT 10;
CREATE SEQUENCE unused MINVALUE 5 CYCLE MAXVALUE 9;
CREATE TABLE people (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text COLLATE "C" NOT NULL CHECK (is_tidy(name)),
    email citext UNIQUE,
    feeling mood DEFAULT 'ok', feelings mood[] DEFAULT '{ok}',
    age positive, home place, homes place[], range span,
    boss bigint REFERENCES people (id) DEFERRABLE INITIALLY DEFERRED,
    upper_name text GENERATED ALWAYS AS (upper(name)) STORED,
    invoice bigint DEFAULT nextval('invoice_numbers'),
    tags text[] NOT NULL DEFAULT '{}', "Odd ""Name" text, gone int
) WITH (fillfactor = 80);
ALTER TABLE people DROP gone, ADD late timestamptz NOT NULL DEFAULT now();
ALTER TABLE people ALTER name SET STORAGE EXTERNAL, ALTER name SET STATISTICS 500;
CREATE TABLE logs (id serial PRIMARY KEY, person bigint, what text);
ALTER TABLE logs ADD CONSTRAINT logs_person_fk FOREIGN KEY (person) REFERENCES people (id)
    ON DELETE CASCADE NOT VALID;
ALTER TABLE people ADD COLUMN last_log int REFERENCES logs (id);
CREATE INDEX people_lower ON people (lower(name)) WHERE boss IS NOT NULL;
CREATE UNIQUE INDEX people_name_age ON people (name, age DESC NULLS LAST) INCLUDE (boss);
ALTER TABLE people CLUSTER ON people_name_age;
CREATE VIEW adults AS SELECT id, name, feeling FROM people WHERE age > 17;
CREATE VIEW happy WITH (security_barrier) AS SELECT a.id, a.name FROM adults a WHERE feeling = 'ok';
CREATE VIEW per_person AS SELECT p.id, p.name, count(l.id) AS logs FROM people p
    LEFT JOIN logs l ON l.person = p.id GROUP BY p.id;
CREATE MATERIALIZED VIEW totals AS SELECT boss, count(*) AS n FROM people GROUP BY boss;
CREATE UNIQUE INDEX totals_boss ON totals (boss);
CREATE MATERIALIZED VIEW empty AS SELECT n FROM totals WITH NO DATA;
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $f$
BEGIN
    INSERT INTO logs (person, what) VALUES (NEW.id, TG_OP);
    RETURN NEW;
END $f$;
CREATE TRIGGER people_note AFTER INSERT OR UPDATE OF name ON people FOR EACH ROW
    WHEN (NEW.name <> 'quiet') EXECUTE FUNCTION note();
CREATE TRIGGER people_off AFTER DELETE ON people FOR EACH STATEMENT EXECUTE FUNCTION note();
ALTER TABLE people DISABLE TRIGGER people_off;
ALTER TABLE logs ENABLE ROW LEVEL SECURITY;
CREATE POLICY logs_all ON logs USING (what <> 'secret') WITH CHECK (true);
CREATE TABLE events (at date NOT NULL, id int, body text, PRIMARY KEY (at, id)) PARTITION BY RANGE (at);
CREATE TABLE events_2025 PARTITION OF events FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE events_rest PARTITION OF events DEFAULT;
CREATE INDEX events_body ON events (body);
CREATE TABLE base (a int NOT NULL, CHECK (a > 0));
CREATE TABLE heir (b int, CHECK (b > 0)) INHERITS (base);
CREATE STATISTICS people_stat (dependencies) ON name, age FROM people;
CREATE FUNCTION person_count() RETURNS bigint STABLE BEGIN ATOMIC SELECT count(*) FROM adults; END;
CREATE FUNCTION everyone() RETURNS SETOF people STABLE LANGUAGE sql SET search_path FROM CURRENT
    AS 'SELECT * FROM people';
CREATE RULE no_delete AS ON DELETE TO base DO INSTEAD NOTHING;
CREATE PROCEDURE tidy() LANGUAGE plpgsql SET search_path FROM CURRENT AS 'BEGIN DELETE FROM logs; END';
CREATE UNLOGGED TABLE scratch (a int, EXCLUDE USING hash (a WITH =));
CREATE TABLE nothing ();
COMMENT ON TABLE people IS 'who''s who';
COMMENT ON COLUMN people.name IS 'first and last';
COMMENT ON FUNCTION note() IS 'notes';
COMMENT ON CONSTRAINT logs_person_fk ON logs IS 'of whom';
COMMENT ON INDEX people_lower IS 'fast';
INSERT INTO people (name, age, home, homes, range, email, boss)
    SELECT 'p' || i, i, ROW('a "b", c', i)::place, ARRAY[ROW('x', i)::place], span(1, 2.5),
        'P' || i || '@example.com', nullif(i - 1, 0)
    FROM generate_series(1, 30) i;
UPDATE people SET last_log = 1;
DELETE FROM people WHERE id = 30;
INSERT INTO events VALUES ('2025-05-05', 1, 'x'), ('2020-01-01', 2, 'y');
INSERT INTO base VALUES (1); INSERT INTO heir VALUES (2, 3); INSERT INTO nothing DEFAULT VALUES;
REFRESH MATERIALIZED VIEW totals;
