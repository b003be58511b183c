//! Names that need quotes, words of SQL, and tables that are called like their schema.

use sqlx::ConnectOptions;
use tenancy_sqlx::{CloneData, ExportFormat, NewTenant, Rename, Selection};

use crate::export::psql;
use crate::rich::{export, import};
use crate::support::*;

/// Sixty-three bytes.
const LONG: &str = "loooooooooooooooooooooooooooooooooooooooooooooooooooooooooooong";

fn odd() -> String {
    format!(
        r#"
    CREATE TYPE "Mood.of ""the"" day" AS ENUM ('gut', 'schön', 'it''s');
    CREATE TABLE "order" ("order" int PRIMARY KEY, "user" text, "select" "Mood.of ""the"" day");
    CREATE TABLE "user" (id int PRIMARY KEY, "user" text, "order" int REFERENCES "order");
    CREATE TABLE acme (acme int, globex int, notes int);
    CREATE TABLE "Übergröße.漢字 🦀" ("a.b" int, "c""d" text, "e f" text DEFAULT 'x''y', "G" int,
        CHECK ("a.b" > 0));
    CREATE TABLE {LONG} ({LONG} int, CONSTRAINT {LONG} CHECK ({LONG} > 0));
    CREATE INDEX ON "Übergröße.漢字 🦀" (lower("c""d"), ("a.b" + 1));
    CREATE VIEW "Sicht;" AS SELECT u.id, o."order", acme.globex, "user"."user" FROM "user" u
        JOIN "order" o ON o."order" = u."order" JOIN "user" USING (id), acme;
    CREATE FUNCTION "F.1"(a int, b "Mood.of ""the"" day" DEFAULT 'schön'::"Mood.of ""the"" day",
        c text DEFAULT 'q') RETURNS text LANGUAGE sql SET search_path FROM CURRENT AS $$ SELECT c || a $$;
    CREATE FUNCTION f(a int DEFAULT 1) RETURNS int LANGUAGE sql AS $$ SELECT a $$;
    CREATE FUNCTION f(a text, b int DEFAULT f(2)) RETURNS int LANGUAGE sql SET search_path FROM CURRENT AS $$ SELECT b $$;
    CREATE FUNCTION f(VARIADIC a int[]) RETURNS int LANGUAGE sql AS $$ SELECT a[1] $$;
    CREATE TABLE uses (a int DEFAULT f(3), b int DEFAULT f('x'), c text DEFAULT "F.1"(1));
    CREATE FUNCTION atomic(n int) RETURNS bigint LANGUAGE sql
        BEGIN ATOMIC SELECT count(*) FROM "order"; SELECT n + CASE WHEN n > 0 THEN 1 ELSE 2 END; END;
    INSERT INTO "order" VALUES (1, 'u', 'schön');
    INSERT INTO "user" VALUES (1, 'u', 1);
    INSERT INTO acme VALUES (1, 2, 3);
    INSERT INTO "Übergröße.漢字 🦀" VALUES (1, E'\\.\nx', E'\\\\.', 4);
    INSERT INTO {LONG} VALUES (1);
    INSERT INTO uses DEFAULT VALUES;"#
    )
}

#[tokio::test]
async fn any_name_that_postgresql_has_is_copied_carried_and_compared() {
    let database = TestDatabase::new().await;
    let fleet = fleet(&database, set([NOTES])).await;
    create(&fleet, "acme").await;
    let mut owner = database.owner_options().connect().await.unwrap();
    run(
        &mut owner,
        &format!(
            "SET search_path TO acme, extensions, pg_temp; {}; RESET search_path",
            odd()
        ),
    )
    .await;
    // Schemas that are words of SQL.
    for to in ["user", "order", "select", "table"] {
        fleet
            .clone_tenant(
                &slug("acme"),
                NewTenant::new(slug(&format!("{to}-s"))).schema(schema(to)),
                CloneData::Everything,
                |_| {},
            )
            .await
            .unwrap_or_else(|error| panic!("{to}: {error}"));
        let rows = format!("\"{to}\".uses WHERE a = 3 AND b = 2 AND c = 'q1'");
        assert_eq!(count(&mut owner, &rows).await, 1);
    }
    let (archive, _) = export(&fleet, "user-s", ExportFormat::Archive).await;
    let new = NewTenant::new(slug("imported")).schema(schema("column"));
    fleet
        .import(std::io::Cursor::new(&archive), new, |_| {})
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    import(&fleet, &archive, "globex").await;
    fleet
        .rename(
            &slug("globex"),
            Rename::to(slug("notes")).schema(schema("notes")),
        )
        .await
        .unwrap();

    // All of them differ from the migrations, and in the same.
    let report = fleet.drift(Selection::all()).await.unwrap();
    let mut tenants = report.tenants.iter();
    let first = tenants.next().unwrap();
    assert!(first.differences.len() > 20, "{:?}", first.differences);
    for tenant in tenants {
        assert_eq!(tenant.differences, first.differences, "{}", tenant.slug);
    }
    assert_eq!(report.tenants.len(), 7);

    let mut superuser = database.superuser().await;
    for (name, to) in [("user-s", None), ("acme", Some(schema("group")))] {
        let format = ExportFormat::Sql { schema: to.clone() };
        let (sql, _) = export(&fleet, name, format).await;
        let elsewhere = format!("elsewhere_{}", to.is_some());
        run(&mut superuser, &format!("CREATE DATABASE {elsewhere}")).await;
        let options = database.superuser_options().database(&elsewhere);
        let (done, said) = psql(&options, &sql).await;
        assert!(done, "{said}");
        let mut there = options.connect().await.unwrap();
        let home = to.map_or("user".to_owned(), |to| to.to_string());
        let rows = format!("\"{home}\".uses WHERE a = 3 AND b = 2");
        assert_eq!(count(&mut there, &rows).await, 1);
        drop(there);
        run(
            &mut superuser,
            &format!("DROP DATABASE {elsewhere} WITH (FORCE)"),
        )
        .await;
    }
}
