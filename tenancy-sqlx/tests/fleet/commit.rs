//! How long a transaction waits when all that it does is done.

use sqlx::ConnectOptions;
use tenancy_sqlx::{DomainRole, NewTenant, Rename, Repair, Selection};

use crate::support::*;

/// Notes for each operation that changes what a tenant is, as late as anybody can look, how long
/// the commit would wait for a lock.
const WITNESS: &str = "
    CREATE TABLE public.seen (operation text, patience text);
    CREATE FUNCTION public.see() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO public.seen
        VALUES (TG_TABLE_NAME || ' ' || TG_OP, current_setting('lock_timeout'));
        RETURN NULL;
    END $$;
    CREATE CONSTRAINT TRIGGER see AFTER INSERT OR UPDATE OR DELETE ON tenancy.tenants
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.see();
    CREATE CONSTRAINT TRIGGER see AFTER INSERT OR UPDATE OR DELETE ON tenancy.domains
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.see();
    CREATE CONSTRAINT TRIGGER see AFTER INSERT OR DELETE ON tenancy.migrations
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.see()";

#[tokio::test]
async fn whoever_has_news_to_tell_waits_for_the_others_who_have() {
    let database = TestDatabase::new().await;
    let first = fleet(&database, set([NOTES])).await;
    let mut owner = database.owner_options().connect().await.unwrap();
    run(&mut owner, WITNESS).await;
    // Several go together in a batch, and the third is no mere structure.
    let rows = "UPDATE notes SET title = 'x'";
    let index = "-- no-transaction\nCREATE INDEX CONCURRENTLY IF NOT EXISTS i ON notes (title)";
    let later = fleet(&database, set([NOTES, TAGS, rows, index])).await;
    let mut seen = 0;
    let mut look = async |what: &str| {
        let all = count(&mut owner, "public.seen").await;
        assert!(all > seen, "{what} was not seen");
        let impatient = "public.seen WHERE patience <> '1min'";
        assert_eq!(count(&mut owner, impatient).await, 0, "{what}");
        seen = all;
    };
    let acme = slug("acme");
    for name in ["acme", "globex"] {
        let new = NewTenant::new(slug(name)).domain(domain(&format!("{name}.example")));
        first.create(new, |_| {}).await.unwrap();
    }
    look("a creation").await;
    let report = later.migrate(Selection::all(), jobs(1), |_| {}).await;
    assert_eq!(report.unwrap().applied(), 6);
    look("a migration").await;
    let (first, second) = (domain("acme.example"), domain("www.acme.example"));
    let alias = DomainRole::Alias;
    later.add_domain(&acme, &second, alias).await.unwrap();
    look("a new domain").await;
    later.set_primary_domain(&acme, &second).await.unwrap();
    look("another primary domain").await;
    later.remove_domain(&acme, &first).await.unwrap();
    look("a domain that goes").await;
    later.suspend(&acme).await.unwrap();
    look("a suspension").await;
    later.resume(&acme).await.unwrap();
    later.archive(&acme, None).await.unwrap();
    later.undelete(&acme).await.unwrap();
    look("an archive").await;
    later.resume(&acme).await.unwrap();
    let to = Rename::to(slug("initech"));
    later.rename(&acme, to).await.unwrap();
    look("a rename").await;
    later
        .clone_tenant(
            &slug("initech"),
            NewTenant::new(slug("copy")),
            tenancy_sqlx::CloneData::Everything,
            |_| {},
        )
        .await
        .unwrap();
    look("a clone").await;
    later.archive(&slug("copy"), None).await.unwrap();
    later.purge(&slug("copy"), &slug("copy")).await.unwrap();
    look("a purge").await;
    let mut superuser = database.superuser().await;
    run(&mut superuser, "DROP SCHEMA globex CASCADE").await;
    let repair = Repair::new().missing_schemas();
    assert!(later.repair(repair, |_| {}).await.unwrap().is_complete());
    look("a repair").await;
}
