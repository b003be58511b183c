//! A tenant whose tables are not what its migrations make is named, with the object.

use sqlx::ConnectOptions;
use tenancy_sqlx::{
    CloneData, Difference, ErrorKind, Fleet, MigrationSet, NewTenant, ObjectKind, Rename, Selection,
};

use ObjectKind::{
    Column, Comment, Constraint, Default, Index, Policy, Routine, RowSecurity, Sequence, Table,
    Trigger, View,
};

use crate::support::*;

/// Something of every kind that a migration may make.
const SHOP: &str = "
    CREATE FUNCTION is_tidy(t text) RETURNS boolean LANGUAGE sql IMMUTABLE
        SET search_path FROM CURRENT AS $$ SELECT t = btrim(t) $$;
    CREATE TABLE products (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        name text NOT NULL CHECK (is_tidy(name)),
        price numeric(10, 2) NOT NULL DEFAULT 0,
        shouted text GENERATED ALWAYS AS (upper(name)) STORED
    );
    CREATE INDEX products_name ON products (lower(name)) WHERE price > 0;
    CREATE TABLE orders (
        id serial PRIMARY KEY, product bigint NOT NULL,
        CONSTRAINT orders_product FOREIGN KEY (product) REFERENCES products (id)
    );
    CREATE VIEW dear AS SELECT id, name FROM products WHERE price > 100;
    CREATE MATERIALIZED VIEW sold AS SELECT product, count(*) AS n FROM orders GROUP BY product;
    CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
        BEGIN NEW.name := btrim(NEW.name); RETURN NEW; END $$;
    CREATE TRIGGER products_touch BEFORE INSERT ON products FOR EACH ROW EXECUTE FUNCTION touch();
    ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
    CREATE POLICY orders_all ON orders USING (true);
    COMMENT ON TABLE products IS 'what there is';";

async fn owner(database: &TestDatabase) -> sqlx::PgConnection {
    database.owner_options().connect().await.unwrap()
}

async fn drift(fleet: &Fleet) -> Vec<(String, Vec<Difference>)> {
    let report = fleet.drift(Selection::all()).await.unwrap();
    let tenants = report.tenants.into_iter();
    tenants
        .map(|tenant| (tenant.slug.to_string(), tenant.differences))
        .collect()
}

/// What a difference is about.
fn named(differences: &[Difference]) -> Vec<(ObjectKind, &str)> {
    differences
        .iter()
        .map(|difference| (difference.kind, difference.object.as_str()))
        .collect()
}

#[tokio::test]
async fn what_was_changed_by_hand_is_named_with_its_tenant_and_nothing_else_is() {
    let database = TestDatabase::new().await;
    let fleet = fleet(&database, set([SHOP])).await;
    for number in 0..40 {
        create(&fleet, &format!("t{number:02}")).await;
    }
    assert_eq!(drift(&fleet).await, []);

    let mut owner = owner(&database).await;
    let changes: [(&str, &[(ObjectKind, &str)]); 18] = [
        ("DROP INDEX {}.products_name", &[(Index, "products_name")]),
        (
            "ALTER TABLE {}.products ALTER price SET DEFAULT 1",
            &[(Default, "products.price")],
        ),
        (
            "ALTER TABLE {}.products ALTER price DROP NOT NULL",
            &[(Column, "products.price")],
        ),
        (
            "ALTER TABLE {}.orders ALTER id TYPE bigint",
            &[(Column, "orders.id")],
        ),
        (
            "CREATE OR REPLACE FUNCTION {}.touch() RETURNS trigger LANGUAGE plpgsql \
             SET search_path TO {}, extensions, pg_temp AS $$ BEGIN RETURN NEW; END $$",
            &[(Routine, "touch()")],
        ),
        (
            "ALTER FUNCTION {}.touch() RESET search_path",
            &[(Routine, "touch()")],
        ),
        (
            "CREATE TABLE {}.extra (a int)",
            &[(Table, "extra"), (Column, "extra.a")],
        ),
        (
            "ALTER TABLE {}.products DISABLE TRIGGER products_touch",
            &[(Trigger, "products.products_touch")],
        ),
        (
            "ALTER TABLE {}.orders DROP CONSTRAINT orders_product; \
             ALTER TABLE {}.orders ADD CONSTRAINT orders_product FOREIGN KEY (product) \
             REFERENCES {}.products (id) NOT VALID",
            &[(Constraint, "orders.orders_product")],
        ),
        (
            "DROP POLICY orders_all ON {}.orders",
            &[(Policy, "orders.orders_all")],
        ),
        (
            "ALTER TABLE {}.orders DISABLE ROW LEVEL SECURITY",
            &[(RowSecurity, "orders")],
        ),
        (
            "CREATE OR REPLACE VIEW {}.dear AS SELECT id, name FROM {}.products WHERE price > 1",
            &[(View, "dear")],
        ),
        (
            "ALTER SEQUENCE {}.orders_id_seq CACHE 10",
            &[(Sequence, "orders_id_seq")],
        ),
        (
            "ALTER TABLE {}.products ALTER id SET INCREMENT BY 2",
            &[(Column, "products.id")],
        ),
        (
            "ALTER TABLE {}.products ADD hidden int; COMMENT ON TABLE {}.products IS 'other'",
            &[(Column, "products.hidden"), (Comment, "TABLE products")],
        ),
        (
            "ALTER TABLE {}.products DROP CONSTRAINT products_name_check",
            &[(Constraint, "products.products_name_check")],
        ),
        (
            "ALTER TABLE {}.products SET (fillfactor = 50)",
            &[(Table, "products")],
        ),
        ("DROP SCHEMA {} CASCADE", &[(ObjectKind::Schema, "t17")]),
    ];
    for (number, (change, _)) in changes.iter().enumerate() {
        run(&mut owner, &change.replace("{}", &format!("t{number:02}"))).await;
    }
    let found = drift(&fleet).await;
    for (number, (change, expected)) in changes.iter().enumerate() {
        let slug = format!("t{number:02}");
        let tenant = found.iter().find(|(found, _)| *found == slug);
        let (_, differences) = tenant.unwrap_or_else(|| panic!("{change} was not noticed"));
        let mut found = named(differences);
        let mut expected = expected.to_vec();
        found.sort();
        expected.sort();
        assert_eq!(found, expected, "{change}");
    }
    assert_eq!(found.len(), changes.len(), "{found:?}");

    let index = &found[0].1[0];
    let definition = "CREATE INDEX products_name ON products USING btree (lower(name)) \
                      WHERE price > 0::numeric";
    assert_eq!(index.expected.as_deref(), Some(definition));
    assert_eq!(index.found, None);
    assert_eq!(index.to_string(), "index products_name is missing");
}

#[tokio::test]
async fn renamed_cloned_and_reordered_tenants_do_not_drift() {
    let database = TestDatabase::new().await;
    let fleet = fleet(&database, set([SHOP])).await;
    for name in ["acme", "globex", "order"] {
        create(&fleet, name).await;
    }
    fleet
        .rename(&slug("acme"), Rename::to(slug("acme-books")))
        .await
        .unwrap();
    fleet
        .clone_tenant(
            &slug("globex"),
            NewTenant::new(slug("user")),
            CloneData::Everything,
            |_| {},
        )
        .await
        .unwrap();
    let mut owner = owner(&database).await;
    // The same columns in another order, as after a column that was dropped and added again.
    run(
        &mut owner,
        "ALTER TABLE \"order\".products DROP price CASCADE;
         ALTER TABLE \"order\".products ADD price numeric(10, 2) NOT NULL DEFAULT 0;
         CREATE INDEX products_name ON \"order\".products (lower(name)) WHERE price > 0;
         CREATE VIEW \"order\".dear AS SELECT id, name FROM \"order\".products WHERE price > 100",
    )
    .await;
    assert_eq!(drift(&fleet).await, []);
}

#[tokio::test]
async fn tenants_at_different_versions_are_compared_with_their_own_and_newer_ones_are_named() {
    let database = TestDatabase::new().await;
    let first = fleet(&database, set([NOTES])).await;
    create(&first, "behind").await;
    let both = fleet(&database, set([NOTES, TAGS])).await;
    create(&both, "ahead").await;
    assert_eq!(drift(&both).await, []);
    let report = both.drift(Selection::all()).await.unwrap();
    assert_eq!((report.head, report.checked), (Some(2), 2));

    // To the older program the newer tenant has a migration that it does not know.
    let found = drift(&first).await;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].0, "ahead");
    assert_eq!(found[0].1[0].kind, ObjectKind::Migration);

    let report = both.drift(Selection::only([slug("behind")])).await.unwrap();
    assert_eq!(report.checked, 1);
    let error = both
        .drift(Selection::only([slug("nobody")]))
        .await
        .unwrap_err();
    assert_eq!(
        error.kind(),
        ErrorKind::Core(tenancy_core::ErrorKind::NotFound)
    );
}

#[tokio::test]
async fn looking_leaves_nothing_and_waits_for_nobody_who_holds_back_everybody_but_readers() {
    let database = TestDatabase::new().await;
    let fleet = fleet(&database, set([SHOP])).await;
    create(&fleet, "acme").await;
    let mut superuser = database.superuser().await;
    let before = traces(&mut superuser).await;

    // Whoever has this lock lets nobody but readers near the table, and an open writer is there.
    let mut writer = owner(&database).await;
    run(
        &mut writer,
        "BEGIN; LOCK TABLE acme.products IN EXCLUSIVE MODE",
    )
    .await;
    run(&mut writer, "INSERT INTO acme.products (name) VALUES ('x')").await;
    assert_eq!(drift(&fleet).await, []);
    run(&mut writer, "COMMIT").await;
    assert_eq!(traces(&mut superuser).await, before);
}

#[tokio::test]
async fn a_migration_that_fails_is_an_error_and_leaves_nothing() {
    let database = TestDatabase::new().await;
    let good = fleet(&database, set([NOTES])).await;
    create(&good, "acme").await;
    let mut superuser = database.superuser().await;
    let before = traces(&mut superuser).await;
    let bad = unprepared(
        &database,
        MigrationSet::default(),
        set(["CREATE TABLE notes (id nothing)"]),
    )
    .await;
    let error = bad.drift(Selection::all()).await.unwrap_err().to_string();
    assert!(
        error.contains("making the schema to compare tenants with") && error.contains("1_step.sql"),
        "{error}"
    );
    assert_eq!(traces(&mut superuser).await, before);
}

/// Prints how long a large fleet takes.
#[tokio::test]
async fn a_thousand_tenants_are_looked_at_in_one_go() {
    if std::env::var_os("TENANCY_TEST_FULL").is_none() {
        return;
    }
    let database = TestDatabase::new().await;
    let tables: Vec<_> = (0..8)
        .map(|number| {
            format!(
                "CREATE TABLE t{number} (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, \
                 a text NOT NULL, b int DEFAULT 1, c timestamptz DEFAULT now()); \
                 CREATE INDEX t{number}_a ON t{number} (a);"
            )
        })
        .collect();
    let tables: &'static str = tables.concat().leak();
    let fleet = fleet(&database, set([tables])).await;
    for number in 0..1_000 {
        create(&fleet, &format!("t{number:04}")).await;
    }
    let report = fleet.drift(Selection::all()).await.unwrap();
    println!("drift of {} tenants: {:?}", report.checked, report.duration);
    assert_eq!(report.checked, 1_000);
    assert!(!report.has_drift());
}

#[tokio::test]
async fn a_migration_outside_a_transaction_is_compared_like_every_other() {
    let database = TestDatabase::new().await;
    let outside =
        "-- no-transaction\nCREATE INDEX CONCURRENTLY IF NOT EXISTS notes_title ON notes (title);";
    let old = fleet(&database, set([NOTES])).await;
    create(&old, "acme").await;
    let fleet = fleet(&database, set([NOTES, outside])).await;
    fleet
        .migrate(Selection::all(), jobs(1), |_| {})
        .await
        .unwrap();
    create(&fleet, "globex").await;
    assert_eq!(drift(&fleet).await, []);
    let mut owner = owner(&database).await;
    run(&mut owner, "DROP INDEX acme.notes_title").await;
    let found = drift(&fleet).await;
    assert_eq!(found.len(), 1);
    assert_eq!(named(&found[0].1), [(Index, "notes_title")]);
}

#[tokio::test]
async fn a_program_without_migrations_has_drift_where_there_is_anything() {
    let database = TestDatabase::new().await;
    let empty = fleet(&database, MigrationSet::default()).await;
    create(&empty, "acme").await;
    assert_eq!(drift(&empty).await, []);
    let mut owner = owner(&database).await;
    run(&mut owner, "CREATE TABLE acme.extra ()").await;
    let found = drift(&empty).await;
    assert_eq!(named(&found[0].1), [(Table, "extra")]);
    run(&mut owner, "DROP SCHEMA acme CASCADE").await;
    let found = drift(&empty).await;
    assert_eq!(named(&found[0].1), [(ObjectKind::Schema, "acme")]);
}

#[tokio::test]
async fn a_migration_that_this_program_has_not_is_named_also_when_it_changed_no_table() {
    let database = TestDatabase::new().await;
    let newer = fleet(&database, set([NOTES, "UPDATE notes SET title = ''"])).await;
    create(&newer, "acme").await;
    assert_eq!(drift(&newer).await, []);
    let fleet = fleet(&database, set([NOTES])).await;
    let found = drift(&fleet).await;
    assert_eq!(found.len(), 1);
    assert_eq!(named(&found[0].1), [(ObjectKind::Migration, "2")]);
}
