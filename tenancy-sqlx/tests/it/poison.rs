//! A tenant whose tables are gone fails by itself, and is shown nobody's rows.

use tenancy_sqlx::{Error, ErrorKind, Scope};

use crate::server::{SEEDED, World};
use crate::statements::*;

async fn poisoned(damage: &str) {
    let world = World::new().await;
    let database = world.database(1).await;
    let acme = world.tenant(&database, "acme");
    let globex = world.tenant(&database, "globex");
    let poison = format!(
        "CREATE TABLE public.blogs (id bigint PRIMARY KEY, title text NOT NULL, body text);
         INSERT INTO public.blogs VALUES (1, 'poison'), (2, 'poison');
         GRANT ALL ON public.blogs TO {}",
        world.login
    );
    world.run_as_admin(poison).await;

    // Both before the statements are prepared and after; the poison alone changes nothing.
    for warm in [false, true] {
        if warm {
            let titles = acme.query_scalar::<String>(TITLES).fetch_all().await;
            assert_eq!(titles.unwrap()[0], "acme 1");
            acme.execute(UPDATE).bind(2_i64).bind("x").await.unwrap();
            world.run_as_admin(damage).await;
        } else {
            globex.query(TITLES).fetch_all().await.unwrap();
        }
    }

    let expect = |error: Error| {
        assert_eq!(error.kind(), ErrorKind::SchemaMismatch, "{error}");
        assert!(error.to_string().contains("tenant acme"), "{error}");
    };
    expect(acme.query(TITLES).fetch_all().await.unwrap_err());
    expect(acme.query(BLOG).bind(1_i64).fetch_one().await.unwrap_err());
    expect(
        acme.execute(UPDATE)
            .bind(2_i64)
            .bind("y")
            .await
            .unwrap_err(),
    );
    expect(
        acme.execute(INSERT)
            .bind(9_i64)
            .bind("y")
            .await
            .unwrap_err(),
    );
    let mut tx = acme.begin().await.unwrap();
    expect(tx.query(TITLES).fetch_all().await.unwrap_err());
    drop(tx);
    let mut tx = acme.begin_scoped(Scope::Path).await.unwrap();
    let titles = sqlx::query("SELECT title FROM blogs").fetch_all(&mut tx);
    let error = Error::from(titles.await.unwrap_err());
    assert_eq!(error.kind(), ErrorKind::SchemaMismatch, "{error}");
    drop(tx);

    let titles = globex.query_scalar::<String>(TITLES).fetch_all().await;
    let titles = titles.unwrap();
    assert_eq!(titles.len(), usize::try_from(SEEDED).unwrap());
    assert!(titles.iter().all(|title| title.starts_with("globex ")));
    globex.execute(INSERT).bind(9_i64).bind("y").await.unwrap();

    let public: Vec<String> = sqlx::query_scalar("SELECT title FROM public.blogs ORDER BY id")
        .fetch_all(&mut world.admin().await)
        .await
        .unwrap();
    assert_eq!(public, ["poison", "poison"]);
}

#[tokio::test]
async fn a_dropped_table_is_an_error_and_no_row_of_another() {
    poisoned("DROP TABLE acme.blogs").await;
}

#[tokio::test]
async fn a_renamed_schema_is_an_error_and_no_row_of_another() {
    poisoned("ALTER SCHEMA acme RENAME TO acme_gone").await;
}

#[tokio::test]
async fn a_dropped_schema_is_an_error_and_no_row_of_another() {
    poisoned("DROP SCHEMA acme CASCADE").await;
}
