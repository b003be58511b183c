//! An archive from a stranger makes objects of its own schema, or it is refused before anything is
//! made.

use std::io::Cursor;

use serde_json::{Value, json};
use tenancy_sqlx::{ErrorKind, ExportFormat, NewTenant};

use crate::forger::forge;
use crate::rich::export;
use crate::support::*;

const TABLES: &str = "
    CREATE TABLE notes (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, title text);
    CREATE SEQUENCE numbers;
    CREATE INDEX notes_title ON notes (lower(title));
    CREATE VIEW titles AS SELECT title FROM notes;
    CREATE MATERIALIZED VIEW counts AS SELECT count(*) AS n FROM notes;
    CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
        BEGIN NEW.title := btrim(NEW.title); RETURN NEW; END $$;
    CREATE TRIGGER note BEFORE INSERT ON notes FOR EACH ROW EXECUTE FUNCTION note();
    COMMENT ON TABLE notes IS 'what; there is';";

/// What a forger does to a document.
type Change = Box<dyn Fn(&str, &mut Value)>;

fn object<'a>(schema: &'a mut Value, kind: &str) -> &'a mut Value {
    let objects = schema["objects"].as_array_mut().unwrap();
    objects
        .iter_mut()
        .find(|object| object["kind"] == kind && object["sql"] != "")
        .unwrap()
}

#[tokio::test]
async fn what_is_no_definition_of_the_schema_is_refused_before_anything_is_made() {
    let database = TestDatabase::new().await;
    let fleet = fleet(&database, set([TABLES])).await;
    create(&fleet, "victim").await;
    create(&fleet, "acme").await;
    let mut superuser = database.superuser().await;
    run(
        &mut superuser,
        "INSERT INTO acme.notes (title) VALUES ('a'); INSERT INTO victim.notes (title) VALUES ('v')",
    )
    .await;
    let (archive, _) = export(&fleet, "acme", ExportFormat::Archive).await;
    // The forger's own work is not what is refused.
    let honest = forge(&archive, |_, _| {});
    fleet
        .import(Cursor::new(&honest), NewTenant::new(slug("honest")), |_| {})
        .await
        .unwrap();
    let before = traces(&mut superuser).await;

    let appended = |kind: &'static str, more: &'static str| {
        move |document: &str, value: &mut Value| {
            if document == "schema" {
                let object = object(value, kind);
                let sql = format!("{}{more}", object["sql"].as_str().unwrap());
                object["sql"] = sql.into();
            }
        }
    };
    let instead = |kind: &'static str, sql: &'static str| {
        move |document: &str, value: &mut Value| {
            if document == "schema" {
                object(value, kind)["sql"] = sql.into();
            }
        }
    };
    let changes: Vec<(&str, Change)> = vec![
        (
            "another schema is dropped",
            Box::new(appended("table", "; DROP SCHEMA victim CASCADE")),
        ),
        (
            "rows go",
            Box::new(appended("index", ";\nDELETE FROM victim.notes")),
        ),
        (
            "the transaction ends",
            Box::new(appended(
                "view",
                "; COMMIT; DROP TABLE victim.notes CASCADE",
            )),
        ),
        (
            "a block",
            Box::new(instead(
                "index",
                "DO $$ BEGIN DROP SCHEMA victim CASCADE; END $$",
            )),
        ),
        (
            "a call",
            Box::new(instead(
                "index",
                "SELECT pg_catalog.pg_terminate_backend(0)",
            )),
        ),
        (
            "a program",
            Box::new(instead("index", "COPY notes FROM PROGRAM 'id'")),
        ),
        (
            "made elsewhere",
            Box::new(instead("index", "CREATE INDEX x ON victim.notes (title)")),
        ),
        (
            "a trigger elsewhere",
            Box::new(instead(
                "trigger",
                "CREATE TRIGGER note BEFORE INSERT ON victim.notes FOR EACH ROW EXECUTE FUNCTION note()",
            )),
        ),
        (
            "a table elsewhere",
            Box::new(instead("index", "CREATE TABLE victim.more ()")),
        ),
        (
            "a table elsewhere, quoted",
            Box::new(instead("index", "CREATE TABLE \"victim\" . \"more\" ()")),
        ),
        (
            "an owner",
            Box::new(instead("index", "ALTER TABLE notes OWNER TO tenancy_app")),
        ),
        (
            "an old one changed",
            Box::new(appended("table", "; ALTER TABLE victim.notes ADD gone int")),
        ),
        (
            "a comment elsewhere",
            Box::new(instead("comment", "COMMENT ON TABLE victim.notes IS 'x'")),
        ),
        (
            "another's rows in a table",
            Box::new(instead(
                "table",
                "CREATE TABLE notes AS SELECT * FROM victim.notes",
            )),
        ),
        (
            "a role",
            Box::new(instead("index", "CREATE ROLE evil SUPERUSER")),
        ),
        (
            "a function with a definer's rights that is not in the picture",
            Box::new(instead(
                "index",
                "CREATE FUNCTION evil() RETURNS void LANGUAGE sql SECURITY DEFINER AS ''",
            )),
        ),
        (
            "a part with a statement",
            Box::new(|document: &str, value: &mut Value| {
                if document == "schema" {
                    let objects = value["objects"].as_array_mut().unwrap();
                    let part = objects
                        .iter_mut()
                        .find(|one| one["when"] == "part")
                        .unwrap();
                    part["when"] = "after".into();
                    part["sql"] = "DROP SCHEMA victim CASCADE".into();
                }
            }),
        ),
        (
            "a column's name",
            Box::new(|document: &str, value: &mut Value| {
                if document == "schema" {
                    value["tables"][0]["columns"] =
                        json!(["title) FROM STDIN; DROP SCHEMA victim CASCADE; --"]);
                }
            }),
        ),
        (
            "a program in a column's name",
            Box::new(|document: &str, value: &mut Value| {
                if document == "schema" {
                    value["tables"][0]["columns"] = json!(["title) FROM PROGRAM 'id' --"]);
                }
            }),
        ),
        (
            "a view's name",
            Box::new(|document: &str, value: &mut Value| {
                if document == "schema" {
                    value["filled"] = json!(["counts; DROP SCHEMA victim CASCADE"]);
                }
            }),
        ),
        (
            "a view elsewhere",
            Box::new(|document: &str, value: &mut Value| {
                if document == "schema" {
                    value["filled"] = json!(["victim.counts"]);
                }
            }),
        ),
        (
            "a sequence elsewhere",
            Box::new(|document: &str, value: &mut Value| {
                if document == "sequences" {
                    value[0]["name"] = "victim.numbers".into();
                    value[0]["last_value"] = 4711.into();
                }
            }),
        ),
    ];
    for (what, change) in changes {
        let forged = forge(&archive, change);
        let error = fleet
            .import(Cursor::new(&forged), NewTenant::new(slug("copy")), |_| {})
            .await
            .map(drop)
            .expect_err(what);
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{what}: {error}");
        assert_eq!(traces(&mut superuser).await, before, "{what}");
        assert_eq!(count(&mut superuser, "victim.notes").await, 1, "{what}");
        let moved = "victim.numbers WHERE is_called";
        assert_eq!(count(&mut superuser, moved).await, 0, "{what}");
        let journaled = "tenancy.journal WHERE kind = 'import' AND step = 'undone'";
        assert_eq!(count(&mut superuser, journaled).await, 0, "{what}");
    }
}

#[tokio::test]
async fn what_names_another_tenant_is_taken_back_although_the_archive_says_it_is_right() {
    let database = TestDatabase::new().await;
    let fleet = fleet(&database, set([TABLES])).await;
    create(&fleet, "victim").await;
    create(&fleet, "acme").await;
    let mut superuser = database.superuser().await;
    let (archive, _) = export(&fleet, "acme", ExportFormat::Archive).await;
    let before = traces(&mut superuser).await;
    for (kind, name, sql) in [
        (
            "view",
            "titles",
            "CREATE VIEW titles AS\n SELECT title\n   FROM victim.notes",
        ),
        (
            "routine",
            "note()",
            "CREATE FUNCTION note()\n RETURNS trigger\n LANGUAGE plpgsql\nAS $function$\n        \
             BEGIN INSERT INTO victim.notes (title) VALUES ('x'); RETURN NEW; END $function$\n",
        ),
    ] {
        let forged = forge(&archive, |document, value| {
            if document == "schema" {
                let objects = value["objects"].as_array_mut().unwrap();
                let one = objects
                    .iter_mut()
                    .find(|one| one["kind"] == kind && one["name"] == name)
                    .unwrap();
                one["sql"] = sql.into();
                one["definition"] = sql.trim_end().into();
            }
        });
        let error = fleet
            .import(Cursor::new(&forged), NewTenant::new(slug("copy")), |_| {})
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
        assert!(error.to_string().contains("victim"), "{error}");
        assert_eq!(traces(&mut superuser).await, before);
    }
}

#[tokio::test]
async fn everything_that_a_schema_may_have_comes_out_of_an_archive() {
    let database = TestDatabase::new().await;
    let fleet = fleet(&database, set([NOTES])).await;
    create(&fleet, "acme").await;
    let mut superuser = database.superuser().await;
    let rich = include_str!("rich.sql");
    run(
        &mut superuser,
        &format!(
            "CREATE EXTENSION IF NOT EXISTS citext SCHEMA extensions; SET ROLE tenancy_owner;
             SET search_path TO acme, extensions, pg_temp; {rich};
             CREATE RULE many AS ON UPDATE TO nothing DO INSTEAD
                 (DELETE FROM scratch; DELETE FROM scratch);
             RESET search_path; RESET ROLE"
        ),
    )
    .await;
    let (archive, _) = export(&fleet, "acme", ExportFormat::Archive).await;
    fleet
        .import(Cursor::new(&archive), NewTenant::new(slug("copy")), |_| {})
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(count(&mut superuser, "copy.people").await, 29);
}
