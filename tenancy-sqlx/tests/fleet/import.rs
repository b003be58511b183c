//! A tenant comes out of an archive whole, or not at all.

use std::io::Cursor;
use std::sync::Arc;

use tenancy_core::{Status, TenantContext};
use tenancy_sqlx::{
    Database, ErrorKind, ExportFormat, Fleet, Isolation, Migrations, MoveEvent, NewTenant,
    PoolSettings, Selection, tenant_sql,
};

use crate::crash::{Crash, Last};
use crate::rich::*;
use crate::shelf::{OnShelf, Shelf};
use crate::support::*;

async fn refused(fleet: &Fleet, archive: &[u8], name: &str) -> tenancy_sqlx::Error {
    fleet
        .import(Cursor::new(archive), NewTenant::new(slug(name)), |_| {})
        .await
        .unwrap_err()
}

#[tokio::test]
async fn an_imported_tenant_has_every_row_and_goes_on_where_the_other_stood() {
    let database = TestDatabase::new().await;
    let fleet = fleet_of(&database).await;
    let original = acme(&fleet, &database).await;
    let mut here = database.superuser().await;
    let expected = sums(&mut here, "acme").await;
    let (archive, _) = export(&fleet, "acme", ExportFormat::Archive).await;

    let elsewhere = TestDatabase::new().await;
    let other = fleet_of(&elsewhere).await;
    let mut there = elsewhere.superuser().await;
    for (fleet, test, connection) in [
        (&fleet, &database, &mut here),
        (&other, &elsewhere, &mut there),
    ] {
        let new = NewTenant::new(slug("copy")).domain(domain("copy.example"));
        let mut events = Vec::new();
        let tenant = fleet
            .import(Cursor::new(&archive), new, |event| events.push(event))
            .await
            .unwrap();
        assert_ne!(tenant.id(), original.id());
        assert_eq!(tenant.status(), Status::Active);
        assert_eq!(tenant.name(), "Acme, \"Inc\"");
        assert_eq!(tenant.primary_domain(), Some(&domain("copy.example")));
        assert!(matches!(events[0], MoveEvent::Verified { .. }));
        assert_eq!(events.last(), Some(&MoveEvent::Active));
        assert_eq!(sums(connection, "copy").await, expected);
        assert!(fleet.status().await.unwrap().is_at_head());
        let run = "tenancy.migration_runs WHERE kind = 'import' AND applied = 1";
        assert_eq!(count(connection, run).await, 1);

        let database = Database::connect(test.app_options(), PoolSettings::default())
            .await
            .unwrap();
        let door = database.tenant(&TenantContext::new(tenant.into(), "test").unwrap());
        let id: i64 = door
            .query_scalar(tenant_sql!(
                "INSERT INTO posts (title, author_id) VALUES ('new', 1) RETURNING id"
            ))
            .fetch_one()
            .await
            .unwrap();
        assert_eq!(id, 504);
        let error = door
            .execute(tenant_sql!(
                "INSERT INTO posts (title, author_id) VALUES ('no such author', 999)"
            ))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Constraint);
        let noted = "copy.log WHERE what = 'INSERT new'";
        assert_eq!(count(connection, noted).await, 1);
        assert_eq!(
            count(connection, "copy.titles WHERE title = 'new'").await,
            1
        );
    }
    // What one does is nothing to the other.
    assert_eq!(sums(&mut here, "acme").await, expected);
    fleet.archive(&slug("copy"), None).await.unwrap();
    fleet.purge(&slug("copy"), &slug("copy")).await.unwrap();
    assert_eq!(sums(&mut here, "acme").await, expected);
}

#[tokio::test]
async fn an_imported_tenant_has_a_role_where_tenants_have_one() {
    let database = TestDatabase::new().await;
    let plain = fleet_of(&database).await;
    acme(&plain, &database).await;
    let (archive, _) = export(&plain, "acme", ExportFormat::Archive).await;
    let elsewhere = TestDatabase::new().await;
    let migrations = Migrations {
        shared: set([]),
        tenant: set([TABLES]),
    };
    let options = elsewhere.role_owner_options();
    let fleet = Fleet::connect(options, Some(APP.to_owned()), migrations)
        .await
        .unwrap()
        .isolation(Isolation::Role);
    fleet.prepare().await.unwrap();
    let tenant = import(&fleet, &archive, "copy").await;
    let role = tenancy_sqlx::TenantRole::of(tenant.id());
    let mut superuser = elsewhere.superuser().await;
    run(
        &mut superuser,
        &format!(
            "SET ROLE \"{role}\"; SET search_path TO copy; INSERT INTO posts (title) VALUES ('mine');
             RESET ROLE"
        ),
    )
    .await;
}

#[tokio::test]
async fn a_damaged_archive_is_refused_before_anything_is_made() {
    let database = TestDatabase::new().await;
    let fleet = fleet(&database, set([NOTES])).await;
    create(&fleet, "acme").await;
    let mut superuser = database.superuser().await;
    run(
        &mut superuser,
        "INSERT INTO acme.notes (title) SELECT 'note ' || n FROM generate_series(1, 9) n",
    )
    .await;
    let (archive, _) = export(&fleet, "acme", ExportFormat::Archive).await;
    let before = traces(&mut superuser).await;
    let row = archive
        .windows(6)
        .position(|bytes| bytes == b"note 7")
        .unwrap();
    let mut flipped = archive.clone();
    flipped[row + 5] = b'8';
    let error = refused(&fleet, &flipped, "copy").await;
    assert!(error.to_string().contains("another checksum"), "{error}");
    let cut = &archive[..archive.len() / 2];
    let error = refused(&fleet, cut, "copy").await;
    assert!(error.to_string().contains("cut off"), "{error}");
    let error = refused(&fleet, b"", "copy").await;
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    assert_eq!(traces(&mut superuser).await, before);
    let begun = "tenancy.journal WHERE kind = 'import'";
    assert_eq!(count(&mut superuser, begun).await, 0);
}

/// The archive with `from` in one of its entries replaced by `to`, of the same length, and every
/// checksum that follows from it made right again.
fn forged(archive: &[u8], from: &str, to: &str) -> Vec<u8> {
    use sha2::{Digest as _, Sha256};
    assert_eq!(from.len(), to.len());
    let sum = |bytes: &[u8]| {
        let digits = Sha256::digest(bytes);
        digits
            .iter()
            .fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
    };
    let size_at = |bytes: &[u8], at: usize| {
        let digits = std::str::from_utf8(&bytes[at + 124..at + 135]).unwrap();
        usize::from_str_radix(digits, 8).unwrap()
    };
    let mut bytes = archive.to_vec();
    let mut sums = Vec::new();
    let mut at = 0;
    while bytes[at] != 0 {
        let size = size_at(&bytes, at);
        let content = at + 512..at + 512 + size;
        let before = sum(&bytes[content.clone()]);
        let mut text = bytes[content.clone()].to_vec();
        for (old, new) in sums
            .iter()
            .map(|(a, b): &(String, String)| (a.as_str(), b.as_str()))
            .chain([(from, to)])
        {
            let found = text
                .windows(old.len())
                .position(|part| part == old.as_bytes());
            if let Some(found) = found {
                text[found..found + old.len()].copy_from_slice(new.as_bytes());
            }
        }
        bytes[content.clone()].copy_from_slice(&text);
        let after = sum(&bytes[content]);
        if before != after {
            sums.push((before, after));
        }
        at += 512 + size.div_ceil(512) * 512;
    }
    assert_ne!(bytes, archive);
    bytes
}

#[tokio::test]
async fn an_archive_with_fewer_rows_than_it_says_is_refused_before_anything_is_made() {
    let database = TestDatabase::new().await;
    let fleet = fleet(&database, set([NOTES])).await;
    create(&fleet, "acme").await;
    let mut superuser = database.superuser().await;
    run(
        &mut superuser,
        "INSERT INTO acme.notes (title) VALUES ('a'), ('b')",
    )
    .await;
    let (archive, _) = export(&fleet, "acme", ExportFormat::Archive).await;
    let before = traces(&mut superuser).await;
    let forged = forged(&archive, "\"rows\":2", "\"rows\":3");
    let error = refused(&fleet, &forged, "copy").await;
    assert!(error.to_string().contains("has 2 rows and"), "{error}");
    assert_eq!(traces(&mut superuser).await, before);
}

#[tokio::test]
async fn a_schema_that_does_not_become_that_of_the_archive_is_taken_back() {
    let database = TestDatabase::new().await;
    let fleet = fleet(&database, set([NOTES])).await;
    create(&fleet, "acme").await;
    let (archive, _) = export(&fleet, "acme", ExportFormat::Archive).await;
    let mut superuser = database.superuser().await;
    let before = traces(&mut superuser).await;
    // What is run is no longer what is promised.
    let forged = forged(&archive, "\"definition\":\"title", "\"definition\":\"titlf");
    let error = refused(&fleet, &forged, "copy").await;
    assert_eq!(error.kind(), ErrorKind::SchemaMismatch, "{error}");
    assert!(error.to_string().contains("column notes.title"), "{error}");
    assert_eq!(traces(&mut superuser).await, before);
}

#[tokio::test]
async fn migrations_that_this_program_has_not_are_refused_and_older_ones_are_migrated() {
    let database = TestDatabase::new().await;
    let old = fleet(&database, set([NOTES])).await;
    create(&old, "acme").await;
    let (at_one, _) = export(&old, "acme", ExportFormat::Archive).await;
    let new = fleet(&database, set([NOTES, TAGS])).await;
    new.migrate(Selection::all(), jobs(1), |_| {})
        .await
        .unwrap();
    let (at_two, _) = export(&new, "acme", ExportFormat::Archive).await;

    let error = refused(&old, &at_two, "copy").await;
    assert_eq!(error.kind(), ErrorKind::SchemaMismatch);
    assert!(error.to_string().contains("2_step"), "{error}");
    let changed = fleet(&TestDatabase::new().await, set([TAGS])).await;
    let error = refused(&changed, &at_one, "copy").await;
    assert!(error.to_string().contains("not the one"), "{error}");

    import(&new, &at_one, "copy").await;
    assert!(!new.status().await.unwrap().is_at_head());
    new.migrate(Selection::all(), jobs(1), |_| {})
        .await
        .unwrap();
    assert!(new.status().await.unwrap().is_at_head());
    let mut superuser = database.superuser().await;
    run(
        &mut superuser,
        "INSERT INTO copy.notes (title, tag) VALUES ('x', NULL)",
    )
    .await;

    // Names are kept for whoever has them.
    let error = refused(&new, &at_one, "acme").await;
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
}

#[tokio::test]
async fn what_resources_keep_comes_along_and_nothing_stays_when_one_fails() {
    let database = TestDatabase::new().await;
    let shelf = Arc::new(Shelf::default());
    let plain = fleet(&database, set([NOTES])).await;
    let fleet = plain.clone().resource(Arc::new(OnShelf(shelf.clone())));
    let acme = create(&fleet, "acme").await;
    shelf.put(&acme, "logo.png", b"png");
    shelf.put(&acme, "deep/er/large", &vec![7; (8 << 20) + 5]);
    shelf.put(&acme, "empty", b"");
    let (archive, summary) = export(&fleet, "acme", ExportFormat::Archive).await;
    assert_eq!(summary.resources, 3);

    let copy = import(&fleet, &archive, "copy").await;
    assert_eq!(shelf.of(copy.id()), shelf.of(acme.id()));

    let error = refused(&plain, &archive, "third").await;
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.to_string().contains("resource shelf"), "{error}");

    let mut superuser = database.superuser().await;
    let before = traces(&mut superuser).await;
    shelf.fail(true);
    let mut events = Vec::new();
    let new = NewTenant::new(slug("third"));
    let error = fleet
        .import(Cursor::new(&archive), new, |event| events.push(event))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("the shelf is full"), "{error}");
    assert_eq!(events.last(), Some(&MoveEvent::Undoing));
    assert_eq!(traces(&mut superuser).await, before);
    assert_eq!(shelf.tenants(), 2);
    shelf.fail(false);
    import(&fleet, &archive, "third").await;
}

#[tokio::test]
async fn an_import_that_is_killed_at_any_message_is_begun_anew() {
    let database = TestDatabase::new().await;
    let shelf = Arc::new(Shelf::default());
    let tables =
        "CREATE TABLE notes (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, title text);
        CREATE TABLE tags (note bigint REFERENCES notes, tag text)";
    let fleet = fleet(&database, set([tables])).await;
    let fleet = fleet.resource(Arc::new(OnShelf(shelf.clone())));
    let acme = create(&fleet, "acme").await;
    shelf.put(&acme, "logo", b"png");
    let mut superuser = database.superuser().await;
    run(
        &mut superuser,
        "INSERT INTO acme.notes (title) VALUES ('a'), ('b'); INSERT INTO acme.tags VALUES (2, 't')",
    )
    .await;
    let (archive, _) = export(&fleet, "acme", ExportFormat::Archive).await;
    let expected = rows(&mut superuser, "acme").await;
    let crash = Crash::never(&database.owner_options());
    let migrations = fleet.migrations().clone();
    let dying = Fleet::connect(crash.options(), Some(APP.to_owned()), migrations).await;
    let dying = dying.unwrap().resource(Arc::new(OnShelf(shelf.clone())));
    for last in [Last::Lost, Last::Unanswered] {
        for at in 0.. {
            let name = format!("crash{at}{}", if last == Last::Lost { "l" } else { "u" });
            let new = NewTenant::new(slug(&name));
            crash.rise(at, last);
            let killed = dying.import(Cursor::new(&archive), new, |_| {}).await;
            assert!(killed.is_ok() || crash.happened(), "{at}: {killed:?}");
            no_locks(&mut superuser).await;
            let active = format!("tenancy.tenants WHERE slug = '{name}' AND status = 'active'");
            if count(&mut superuser, &active).await == 0 {
                import(&fleet, &archive, &name).await;
            }
            let tenant = fleet.tenant(&slug(&name)).await.unwrap().unwrap();
            assert_eq!(rows(&mut superuser, &name).await, expected, "{at} {last:?}");
            assert_eq!(shelf.of(tenant.id()), shelf.of(acme.id()), "{at} {last:?}");
            assert!(fleet.status().await.unwrap().is_at_head());
            let tenants = count(&mut superuser, "tenancy.tenants").await;
            assert_eq!(count(&mut superuser, "tenancy.domains").await, 0);
            assert_eq!(
                tenants,
                i64::try_from(shelf.tenants()).unwrap(),
                "{at} {last:?}"
            );
            if !crash.happened() {
                assert!(at > 20, "{at}");
                break;
            }
        }
    }
}

/// The rows of the small tenant, and where its numbers stand.
async fn rows(connection: &mut sqlx::postgres::PgConnection, schema: &str) -> String {
    sqlx::query_scalar(sqlx::AssertSqlSafe(format!(
        "SELECT concat_ws('|', (SELECT string_agg(n::text, ',' ORDER BY id) FROM {schema}.notes n),
             (SELECT string_agg(t::text, ',') FROM {schema}.tags t),
             (SELECT last_value FROM {schema}.notes_id_seq),
             (SELECT count(*) FROM pg_constraint WHERE connamespace = '{schema}'::regnamespace))"
    )))
    .fetch_one(connection)
    .await
    .unwrap()
}
