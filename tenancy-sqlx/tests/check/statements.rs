//! Every statement of a crate, prepared against one tenant's tables.

use tenancy_sqlx::testing::{Statements, TestDatabase};

use crate::support::{acme, source};

#[tokio::test]
async fn statements_that_fit_are_counted() {
    let test = TestDatabase::new().await;
    let acme = acme(&test).await;
    let root = source(&[
        (
            "src/lib.rs",
            r##"
            const LIST: &str = "not a statement";
            async fn list(db: &TenantDb) { db.query(tenant_sql!("SELECT id, title FROM blogs")); }
            mod deep { fn lock() { tenancy_sqlx::tenant_sql!(raw r#"SELECT id FROM tenant.blogs
                WHERE title = 'a "b"' FOR NO KEY UPDATE"#); } }
            "##,
        ),
        (
            "src/blog/model.rs",
            "fn a() { ask![tenant_sql!(\"INSERT INTO blogs (title)\\n VALUES ($1) RETURNING id\")]; \
             shared_sql!(\"SELECT name FROM shared.plans WHERE price_cents < $1\"); }",
        ),
        ("src/main.txt", "tenant_sql!(\"SELECT id FROM nothing\")"),
        (
            "tests/it.rs",
            "fn a() { tenant_sql!(\"DELETE FROM blogs\"); }",
        ),
    ]);
    let checked = Statements::in_crate(root.path())
        .check(&acme)
        .await
        .unwrap();
    assert_eq!((checked.statements(), checked.files()), (4, 2));
    assert_eq!(checked.to_string(), "4 statements in 2 files fit");

    let wider = Statements::in_crate(root.path()).folder("tests");
    let checked = wider.check(&acme).await.unwrap();
    assert_eq!((checked.statements(), checked.files()), (5, 3));
    let narrower = Statements::in_crate(root.path()).without("src/blog");
    assert_eq!(narrower.check(&acme).await.unwrap().statements(), 2);
}

#[tokio::test]
async fn faults_are_shown_together_by_file_and_line() {
    let test = TestDatabase::new().await;
    let acme = acme(&test).await;
    let root = source(&[
        (
            "src/z.rs",
            "fn last() { tenant_sql!(\"SELECT id FROM blogz\"); }\n",
        ),
        (
            "src/blog/model.rs",
            "fn fine() { tenant_sql!(\"SELECT id FROM blogs\"); }
fn typo() {
    tenant_sql!(
        \"SELECT b.id, b.titel
           FROM tenant.blogs b WHERE b.title = 'ü'\"
    );
}
fn twice() { tenant_sql!(r\"SELECT id FROM blogs WHERE id = 'x'\"); shared_sql!(\"SELECT no FROM shared.plans\"); }
fn refused() { tenant_sql!(\"SELECT id FROM public.users\"); }
",
        ),
    ]);
    let faults = Statements::in_crate(root.path())
        .check(&acme)
        .await
        .unwrap_err();
    let places: Vec<_> = faults
        .faults()
        .iter()
        .map(|fault| (fault.place().unwrap().to_string(), fault.sqlstate()))
        .collect();
    let expected = [
        ("src/blog/model.rs:4:23", Some("42703")),
        ("src/blog/model.rs:8:60", Some("22P02")),
        ("src/blog/model.rs:8:87", Some("42703")),
        ("src/blog/model.rs:9:44", None),
        ("src/z.rs:1:41", Some("42P01")),
    ];
    for (place, expected) in places.iter().zip(expected) {
        assert_eq!((place.0.as_str(), place.1), expected, "{faults}");
    }
    assert_eq!(places.len(), expected.len());
    let text = faults.to_string();
    assert!(
        text.starts_with(
            "5 of 6 statements do not fit the tables of schema acme\n\n\
             src/blog/model.rs:4:23: column b.titel does not exist (42703)\n"
        ),
        "{text}"
    );
    assert_eq!(format!("{faults:?}"), text);
}

#[tokio::test]
async fn a_check_that_could_never_fail_fails() {
    let test = TestDatabase::new().await;
    let acme = acme(&test).await;
    let root = source(&[(
        "src/lib.rs",
        "macro_rules! a { ($sql:literal) => { tenant_sql!($sql) } }",
    )]);
    let nothing = async |statements: Statements| {
        let faults = statements.check(&acme).await.unwrap_err();
        assert_eq!(faults.faults().len(), 1, "{faults}");
        faults.to_string()
    };
    let none = nothing(Statements::in_crate(root.path())).await;
    assert!(
        none.contains("there is no tenant_sql! or shared_sql! in [\"src\"]")
            && none.contains("src/lib.rs:1:38: the text is written by another macro"),
        "{none}"
    );
    let missing = nothing(Statements::in_crate(root.path()).folder("test")).await;
    assert!(missing.contains("test: No such file"), "{missing}");
    let gone = nothing(Statements::in_crate(root.path()).without("src/gone.rs")).await;
    assert!(gone.contains("src/gone.rs: No such file"), "{gone}");
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_a_fault_beside_the_others() {
    let test = TestDatabase::new().await;
    let acme = acme(&test).await;
    let root = source(&[
        (
            "src/a.rs",
            "fn a() {\n  tenant_sql!(\"SELECT id FROM blogs\n",
        ),
        (
            "src/b.rs",
            "fn b() { tenant_sql!(\"SELECT id FROM blogs\"); }",
        ),
    ]);
    let faults = Statements::in_crate(root.path())
        .check(&acme)
        .await
        .unwrap_err();
    assert_eq!(faults.faults().len(), 1, "{faults}");
    assert_eq!(faults.faults()[0].place().unwrap().line(), 2, "{faults}");
}

#[tokio::test]
async fn what_could_not_be_seen_is_listed() {
    let test = TestDatabase::new().await;
    let acme = acme(&test).await;
    let root = source(&[(
        "src/lib.rs",
        "#!/usr/bin/env run\nfn a() { tenant_sql!(\"SELECT id FROM blogs\"); DynSql::new(\"SELECT\"); }",
    )]);
    let checked = Statements::in_crate(root.path())
        .check(&acme)
        .await
        .unwrap();
    assert_eq!(
        checked.to_string(),
        "1 statement in 1 file fit; 1 could not be seen:\n\
         src/lib.rs:2:47: the text is composed at run time"
    );
}

#[tokio::test]
async fn checking_runs_nothing_and_leaves_the_connection_as_it_was() {
    let test = TestDatabase::new().await;
    let acme = acme(&test).await;
    let root = source(&[(
        "src/lib.rs",
        "fn a() { tenant_sql!(\"INSERT INTO blogs (title) VALUES ('x')\");
                  tenant_sql!(\"INSERT INTO blogs (titel) VALUES ('x')\"); }",
    )]);
    Statements::in_crate(root.path())
        .check(&acme)
        .await
        .unwrap_err();
    let count: i64 = acme
        .query_scalar(tenancy_sqlx::tenant_sql!("SELECT count(id) FROM blogs"))
        .fetch_one()
        .await
        .unwrap();
    assert_eq!(count, 0);
    let mut superuser = test.superuser().await;
    let left: Vec<String> = sqlx::query_scalar(
        "SELECT state FROM pg_stat_activity WHERE usename = $1 AND datname = $2
         AND state <> 'idle'",
    )
    .bind(test.app_login())
    .bind(test.name())
    .fetch_all(&mut superuser)
    .await
    .unwrap();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn what_tenancy_toml_adds_is_accepted_as_it_is_by_the_macro() {
    let test = TestDatabase::new().await;
    let acme = acme(&test).await;
    let twice = "CREATE FUNCTION extensions.twice(bigint) RETURNS bigint LANGUAGE sql
                 AS 'SELECT 2 * $1'";
    sqlx::raw_sql(twice)
        .execute(&mut test.superuser().await)
        .await
        .unwrap();
    let statement = "fn a() { tenant_sql!(\"SELECT extensions.twice(id) FROM blogs\"); }";
    let check = async |toml: &str| {
        let root = source(&[("src/lib.rs", statement), ("tenancy.toml", toml)]);
        Statements::in_crate(root.path()).check(&acme).await
    };
    let checked = check("[extensions]\nfunctions = [\"twice\"]\n").await;
    assert_eq!(checked.unwrap().statements(), 1);
    let refused = check("").await.unwrap_err();
    assert_eq!(refused.faults().len(), 1, "{refused}");
    let wrong = check("[extensions]\nfunction = []\n").await.unwrap_err();
    assert!(
        wrong.to_string().contains("tenancy.toml, line 2"),
        "{wrong}"
    );
}
