//! The faults of a database that SQL can make.

use tenancy_sqlx::doctor::Code;

/// Statements that make a fault, and what the doctor says it is about.
pub(crate) struct Fault(pub(crate) &'static str, pub(crate) &'static str);

const SUBJECT_IS_LOGIN: &str = "{login}";

/// The faults that SQL makes, by code.
pub(crate) fn planted(code: Code) -> &'static [Fault] {
    use Code as C;
    match code {
        C::LoginSuperuser => &[
            Fault("ALTER ROLE {login} SUPERUSER", SUBJECT_IS_LOGIN),
            Fault(
                "CREATE ROLE {database}_su SUPERUSER; CREATE ROLE \"{database} \"\"way\"\"\";
                 GRANT {database}_su TO \"{database} \"\"way\"\"\";
                 GRANT \"{database} \"\"way\"\"\" TO {login}",
                SUBJECT_IS_LOGIN,
            ),
        ],
        C::LoginBypassesRls => &[Fault("ALTER ROLE {login} BYPASSRLS", SUBJECT_IS_LOGIN)],
        C::LoginCreatesRoles => &[Fault("ALTER ROLE {login} CREATEROLE", SUBJECT_IS_LOGIN)],
        C::LoginCreatesDatabases => &[Fault("ALTER ROLE {login} CREATEDB", SUBJECT_IS_LOGIN)],
        C::LoginReachesServer => &[Fault("GRANT pg_read_server_files TO {login}", SUBJECT_IS_LOGIN)],
        C::LoginPathNotEmpty => &[
            Fault("ALTER ROLE {login} IN DATABASE {database} SET search_path = acme, public", SUBJECT_IS_LOGIN),
            Fault("ALTER ROLE {login} IN DATABASE {database} RESET search_path", SUBJECT_IS_LOGIN),
        ],
        C::StringsNotStandard => &[Fault(
            "ALTER ROLE {login} IN DATABASE {database} SET standard_conforming_strings = off",
            SUBJECT_IS_LOGIN,
        )],
        C::LoginWithoutLimit => &[
            Fault("ALTER ROLE {login} IN DATABASE {database} RESET statement_timeout", "statement_timeout"),
            Fault("ALTER ROLE {login} IN DATABASE {database} SET lock_timeout = 0", "lock_timeout"),
            Fault(
                "ALTER ROLE {login} IN DATABASE {database} SET idle_in_transaction_session_timeout = 0",
                "idle_in_transaction_session_timeout",
            ),
        ],
        C::SchemaOpenToPublic => &[
            Fault("GRANT CREATE ON SCHEMA public TO PUBLIC", "public"),
            Fault("GRANT ALL ON SCHEMA acme TO PUBLIC", "acme"),
        ],
        C::LoginCreatesInSchema => &[
            Fault("GRANT CREATE ON SCHEMA extensions TO {login}", "extensions"),
            Fault("GRANT CREATE ON SCHEMA globex TO {login}", "globex"),
        ],
        C::LoginCreatesSchemas => &[Fault("GRANT CREATE ON DATABASE {database} TO {login}", "{database}")],
        C::LoginCreatesTemporary => &[
            Fault("GRANT TEMPORARY ON DATABASE {database} TO PUBLIC", "{database}"),
            Fault("GRANT TEMPORARY ON DATABASE {database} TO {login}", "{database}"),
        ],
        C::LoginOwnsTenants => &[
            Fault("ALTER TABLE acme.notes OWNER TO {login}", SUBJECT_IS_LOGIN),
            Fault("GRANT tenancy_owner TO {login}", SUBJECT_IS_LOGIN),
        ],
        C::SecurityDefinerInTenant => &[Fault(
            "CREATE FUNCTION acme.\"naïve \"\"sum\"\" 🦀\"(a integer, b text DEFAULT 'x', OUT c integer)
                LANGUAGE plpgsql SECURITY DEFINER SET search_path = acme AS 'BEGIN c := a; END'",
            "acme.\"naïve \"\"sum\"\" 🦀\"(integer,text)",
        )],
        C::SecurityDefinerUnpinned => &[Fault(
            "CREATE PROCEDURE shared.\"do; it\"() LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN END'",
            "shared.\"do; it\"()",
        )],
        C::RoutineOfAnotherTenant => &[Fault(
            "CREATE FUNCTION acme.count() RETURNS bigint LANGUAGE sql
                SET search_path = globex, extensions AS 'SELECT count(*) FROM notes'",
            "acme.count()",
        )],
        C::RoutinePathNotPinned => &[
            Fault(
                "CREATE FUNCTION acme.\"Count\"(t acme.notes) RETURNS bigint LANGUAGE plpgsql
                    AS 'BEGIN RETURN count(*) FROM notes; END'",
                "acme.\"Count\"(acme.notes)",
            ),
            Fault(
                "CREATE FUNCTION public.touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END'",
                "public.touch()",
            ),
        ],
        C::CrossTenantDependency => &[
            Fault("CREATE VIEW public.\"All \"\"notes\"\"\" AS SELECT id FROM acme.notes", "view public.\"All \"\"notes\"\"\""),
            Fault("CREATE MATERIALIZED VIEW shared.m AS SELECT id FROM acme.notes", "materialized view shared.m"),
            Fault(
                "CREATE TABLE globex.\"Refers\" (id bigint CONSTRAINT \"to acme\" REFERENCES acme.notes)",
                "table constraint \"to acme\" on globex.\"Refers\"",
            ),
            Fault(
                "CREATE SEQUENCE acme.numbers; ALTER TABLE globex.notes
                    ADD \"No\" bigint DEFAULT nextval('acme.numbers')",
                "default value for globex.notes.\"No\"",
            ),
            Fault(
                "CREATE FUNCTION globex.\"of acme\"() RETURNS bigint LANGUAGE sql
                    BEGIN ATOMIC SELECT count(*) FROM acme.notes; END",
                "function globex.\"of acme\"()",
            ),
            Fault(
                "CREATE FUNCTION acme.f() RETURNS trigger LANGUAGE plpgsql SET search_path = acme
                    AS 'BEGIN RETURN new; END';
                 CREATE TRIGGER \"on it\" BEFORE INSERT ON globex.notes EXECUTE FUNCTION acme.f()",
                "trigger \"on it\" on globex.notes",
            ),
            Fault(
                "CREATE POLICY \"p q\" ON globex.notes USING (EXISTS (SELECT FROM acme.notes))",
                "policy \"p q\" on globex.notes",
            ),
            Fault("ALTER TABLE globex.notes ADD \"n o\" acme.notes", "table column globex.notes.\"n o\""),
            Fault("CREATE TABLE globex.heir () INHERITS (acme.notes)", "table globex.heir"),
            Fault(
                "CREATE RULE also AS ON UPDATE TO globex.notes DO ALSO DELETE FROM acme.notes",
                "rule also on globex.notes",
            ),
        ],
        C::SchemaMissing => &[Fault("DROP SCHEMA acme CASCADE", "acme")],
        C::PublicShadowsTenant => &[Fault("CREATE TABLE public.notes (id bigint)", "public.notes")],
        C::TypePerTenant => &[
            Fault("CREATE TYPE acme.\"Mood\" AS ENUM ('good')", "\"Mood\""),
            Fault("CREATE DOMAIN acme.price AS integer CHECK (value > 0)", "price"),
            Fault("CREATE TYPE acme.pair AS (a integer, b integer)", "pair"),
            Fault("CREATE TYPE acme.span AS RANGE (SUBTYPE = float8)", "span"),
        ],
        C::ExtensionOutOfReach => &[
            Fault("CREATE EXTENSION citext SCHEMA public", "citext"),
            Fault("CREATE EXTENSION \"uuid-ossp\" SCHEMA acme", "\"uuid-ossp\""),
        ],
        C::ExtensionsNotUsable => &[Fault("REVOKE USAGE ON SCHEMA extensions FROM {login}", "extensions")],
        C::GrantsMissing => &[
            Fault("REVOKE ALL ON acme.notes FROM {login}", "acme"),
            Fault("REVOKE USAGE ON SCHEMA globex FROM {login}", "globex"),
        ],
        C::MigrationsPending => &[Fault(
            "DELETE FROM tenancy.migrations WHERE tenant_id = (SELECT id FROM tenancy.tenants WHERE slug = 'acme' AND status = 'active');
             DROP TABLE acme.notes",
            "acme",
        )],
        C::SchemaOrphaned => &[
            Fault("CREATE SCHEMA \"Old \"\"acme\"\"\"; CREATE TABLE \"Old \"\"acme\"\"\".notes ()", "\"Old \"\"acme\"\"\""),
            Fault(
                "CREATE SCHEMA ghost; INSERT INTO tenancy.tenants (id, slug, schema_name, name, status)
                    VALUES (gen_random_uuid(), 'ghost', 'ghost', 'Ghost', 'purged')",
                "ghost",
            ),
        ],
        _ => &[],
    }
}
