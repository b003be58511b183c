//! A role for each tenant: made, granted, repaired and removed with it.

use std::sync::Arc;

use async_trait::async_trait;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions};
use tenancy_core::{Tenant, TenantContext, TenantResource};
use tenancy_sqlx::{
    AuditEntry, Database, ErrorKind, Fleet, Isolation, Migration, MigrationSet, Migrations,
    NewTenant, OutboxEntry, PoolSettings, Rename, Scope, Selection, TenantDb, TenantRole,
};

use crate::support::*;

/// A fleet whose tenants have roles, through an owner that may make them.
pub(crate) async fn with_roles(database: &TestDatabase, tenant: MigrationSet) -> Fleet {
    let fleet = connected(database.role_owner_options(), tenant)
        .await
        .isolation(Isolation::Role);
    fleet.prepare().await.unwrap();
    fleet
}

/// The same owner's fleet before anybody thought of roles.
async fn without_roles(database: &TestDatabase, tenant: MigrationSet) -> Fleet {
    let fleet = connected(database.role_owner_options(), tenant).await;
    fleet.prepare().await.unwrap();
    fleet
}

pub(crate) async fn connected(owner: PgConnectOptions, tenant: MigrationSet) -> Fleet {
    let shared = set(["CREATE TABLE shared.plans (name text); \
         INSERT INTO shared.plans VALUES ('free'); \
         CREATE TABLE users (name text); INSERT INTO users VALUES ('ann'); \
         CREATE FUNCTION extensions.twice(int) RETURNS int LANGUAGE sql AS 'SELECT $1 * 2'"]);
    let migrations = Migrations { shared, tenant };
    Fleet::connect(owner, Some(APP.to_owned()), migrations)
        .await
        .unwrap()
}

pub(crate) fn role(tenant: &Tenant) -> TenantRole {
    TenantRole::of(tenant.id())
}

/// The application's own session, acting as the tenant's role.
pub(crate) async fn acting(database: &TestDatabase, tenant: &Tenant) -> PgConnection {
    let mut app = database.app_options().connect().await.unwrap();
    run(&mut app, &format!("SET ROLE {}", role(tenant))).await;
    app
}

pub(crate) async fn code(connection: &mut PgConnection, sql: &str) -> String {
    let refused = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
        .execute(connection)
        .await
        .expect_err(sql);
    let code = refused.as_database_error().unwrap().code();
    code.unwrap().into_owned()
}

async fn rows_of(database: &TestDatabase, tenant: &Tenant) -> TenantDb {
    let settings = PoolSettings::default().max_connections(1);
    let database = Database::connect(database.app_options(), settings).await;
    let context = TenantContext::new(Arc::new(tenant.clone()), "test").unwrap();
    database.unwrap().tenant(&context)
}

/// Everything in the catalogs of the server that has to do with a role's name.
pub(crate) async fn left_of(superuser: &mut PgConnection, tenant: &Tenant) -> [i64; 4] {
    let role = role(tenant);
    [
        count(superuser, &format!("pg_roles WHERE rolname = '{role}'")).await,
        count(
            superuser,
            &format!("pg_default_acl WHERE defaclacl::text LIKE '%{role}%'"),
        )
        .await,
        count(
            superuser,
            "pg_auth_members m LEFT JOIN pg_roles r ON r.oid = m.roleid \
             LEFT JOIN pg_roles u ON u.oid = m.member WHERE r.oid IS NULL OR u.oid IS NULL",
        )
        .await,
        count(
            superuser,
            "pg_shdepend d LEFT JOIN pg_authid a ON a.oid = d.refobjid \
             WHERE refclassid = 'pg_authid'::regclass AND a.oid IS NULL \
               AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database())",
        )
        .await,
    ]
}

#[tokio::test]
async fn a_tenants_role_has_the_rows_of_its_schema_what_is_shared_and_nothing_else() {
    let database = TestDatabase::new().await;
    let notes = "CREATE TABLE notes (id serial PRIMARY KEY, title text NOT NULL); \
                 CREATE FUNCTION titles() RETURNS bigint LANGUAGE sql \
                     SET search_path FROM CURRENT AS 'SELECT count(*) FROM notes'; \
                 REVOKE EXECUTE ON FUNCTION titles() FROM PUBLIC";
    let fleet = with_roles(&database, set([notes])).await;
    let acme = create(&fleet, "acme").await;
    create(&fleet, "globex").await;
    let mut superuser = database.superuser().await;
    let name = role(&acme);
    let plain = format!(
        "pg_roles WHERE rolname = '{name}' AND rolinherit AND NOT (rolcanlogin OR rolsuper \
         OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls)"
    );
    assert_eq!(count(&mut superuser, &plain).await, 1);

    let mut acting = acting(&database, &acme).await;
    for allowed in [
        "INSERT INTO acme.notes (title) VALUES ('x')",
        "UPDATE acme.notes SET title = 'y'",
        "SELECT acme.titles()",
        "DELETE FROM acme.notes",
        "SELECT name FROM shared.plans",
        "SELECT extensions.twice(2)",
    ] {
        run(&mut acting, allowed).await;
    }
    for forbidden in [
        "SELECT title FROM globex.notes",
        "SELECT globex.titles()",
        "SELECT nextval('globex.notes_id_seq')",
        "COPY globex.notes TO STDOUT",
        "COPY globex.notes (title) FROM STDIN",
        "COPY (SELECT title FROM globex.notes) TO STDOUT",
        "INSERT INTO shared.plans VALUES ('mine')",
        "DELETE FROM shared.plans",
        "SELECT name FROM public.users",
        "INSERT INTO public.users VALUES ('eve')",
        "SELECT slug FROM tenancy.tenants",
        "SELECT domain FROM tenancy.domains",
        "SELECT version FROM tenancy.migrations",
        "SELECT id FROM tenancy.outbox",
        "DELETE FROM tenancy.outbox",
        "SELECT tenant_id FROM tenancy.outbox_leases",
        "INSERT INTO tenancy.outbox_leases (consumer, tenant_id, fence) \
         VALUES ('search', gen_random_uuid(), 1)",
        "UPDATE tenancy.outbox_leases SET held_until = NULL",
        "SELECT nextval('tenancy.outbox_fence')",
        "DELETE FROM tenancy.audit",
        "UPDATE tenancy.outbox SET topic = ''",
        "TRUNCATE acme.notes",
        "DROP TABLE acme.notes",
        "CREATE TABLE acme.other (id int)",
        "CREATE TABLE shared.other (id int)",
        "CREATE TABLE public.other (id int)",
        "CREATE TEMP TABLE other (id int)",
        "CREATE SCHEMA other",
        "CREATE ROLE other",
    ] {
        assert_eq!(code(&mut acting, forbidden).await, "42501", "{forbidden}");
    }
    run(&mut acting, "RESET ROLE").await;
    let other = TenantRole::of(tenancy_core::TenantId::generate());
    assert_eq!(
        code(&mut acting, &format!("SET ROLE {other}")).await,
        "22023"
    );
    // The login itself inherits nothing from the role.
    assert_eq!(
        count(
            &mut superuser,
            &format!(
                "pg_roles WHERE pg_has_role('{APP}', '{name}', 'USAGE') AND rolname = '{APP}'"
            )
        )
        .await,
        0
    );
}

#[tokio::test]
async fn later_tables_of_the_tenant_and_of_shared_are_open_to_the_role_too() {
    let database = TestDatabase::new().await;
    let fleet = with_roles(&database, set([NOTES])).await;
    let acme = create(&fleet, "acme").await;
    let shared = MigrationSet::new([
        fleet.migrations().shared.iter().next().unwrap().clone(),
        Migration::new(2, "countries", "CREATE TABLE shared.countries (code text)"),
    ]);
    let migrations = Migrations {
        shared: shared.unwrap(),
        tenant: set([NOTES, TAGS]),
    };
    let owner = database.role_owner_options();
    // Whoever migrates need not know of roles.
    let later = Fleet::connect(owner, Some(APP.to_owned()), migrations)
        .await
        .unwrap();
    later.prepare().await.unwrap();
    later
        .migrate(Selection::all(), jobs(1), |_| {})
        .await
        .unwrap();
    let mut acting = acting(&database, &acme).await;
    run(&mut acting, "INSERT INTO acme.tags VALUES ('a')").await;
    run(&mut acting, "SELECT code FROM shared.countries").await;
    let write = "INSERT INTO shared.countries VALUES ('xx')";
    assert_eq!(code(&mut acting, write).await, "42501");
}

#[tokio::test]
async fn the_database_itself_takes_entries_of_a_tenants_role_for_that_tenant_alone() {
    let database = TestDatabase::new().await;
    let fleet = with_roles(&database, set([NOTES])).await;
    let acme = create(&fleet, "acme").await;
    let globex = create(&fleet, "globex").await;
    let [own, other] = [&acme, &globex].map(Tenant::id);
    let outbox = |id| {
        format!(
            "INSERT INTO tenancy.outbox (id, tenant_id, topic, key, payload) \
             VALUES (gen_random_uuid(), '{id}', 'notes', '1', '{{}}')"
        )
    };
    let audit = |id| {
        format!(
            "INSERT INTO tenancy.audit (id, tenant_id, actor, action, target, detail) \
             VALUES (gen_random_uuid(), '{id}', 'ann', 'edit', 'note 1', '{{}}')"
        )
    };
    let mut acting = acting(&database, &acme).await;
    for (mine, theirs) in [(outbox(own), outbox(other)), (audit(own), audit(other))] {
        run(&mut acting, &mine).await;
        assert_eq!(code(&mut acting, &theirs).await, "42501", "{theirs}");
        let both = format!("{mine}, (gen_random_uuid(), '{other}', '', '', ");
        let both = both
            + if mine.contains("outbox") {
                "'{}')"
            } else {
                "'', '{}')"
            };
        assert_eq!(code(&mut acting, &both).await, "42501", "{both}");
    }
    let backdated = "INSERT INTO tenancy.audit (id, tenant_id, actor, action, target, detail, at) \
         VALUES (gen_random_uuid(), gen_random_uuid(), '', '', '', '{}', '2000-01-01')";
    assert_eq!(code(&mut acting, backdated).await, "42501");

    // The door appends in both scopes, by turns on one connection, whose statement stays prepared.
    let db = rows_of(&database, &acme).await;
    for _ in 0..4 {
        for scope in [Scope::Path, Scope::Role] {
            let mut tx = db.begin_scoped(scope).await.unwrap();
            tx.append(OutboxEntry::new("door", "1")).await.unwrap();
            tx.append(AuditEntry::new("ann", "door", "1"))
                .await
                .unwrap();
            sqlx::query("INSERT INTO notes (title) VALUES ('x')")
                .execute(&mut tx)
                .await
                .unwrap();
            tx.commit().await.unwrap();
        }
        let mut tx = db.begin().await.unwrap();
        tx.append(OutboxEntry::new("door", "1")).await.unwrap();
        tx.commit().await.unwrap();
    }
    let mut superuser = database.superuser().await;
    let of_door = format!("tenancy.outbox WHERE topic = 'door' AND tenant_id = '{own}'");
    assert_eq!(count(&mut superuser, &of_door).await, 12);
    let of_door = format!("tenancy.audit WHERE action = 'door' AND tenant_id = '{own}'");
    assert_eq!(count(&mut superuser, &of_door).await, 8);

    // For everybody else the tables are what they were.
    let mut login = database.app_options().connect().await.unwrap();
    for sql in [outbox(other), audit(other)] {
        run(&mut login, &sql).await;
    }
    let mut owner = database.role_owner_options().connect().await.unwrap();
    for table in ["tenancy.outbox", "tenancy.audit"] {
        let seen = count(&mut owner, table).await;
        assert_eq!(seen, count(&mut superuser, table).await);
        run(&mut owner, &format!("UPDATE {table} SET id = id")).await;
    }
    let reader = "DO $$ BEGIN EXECUTE format('CREATE ROLE %I', current_database() || '_r'); \
         EXECUTE format('GRANT USAGE ON SCHEMA tenancy TO %I', current_database() || '_r'); \
         EXECUTE format('GRANT SELECT ON tenancy.outbox TO %I', current_database() || '_r'); \
         EXECUTE format('SET ROLE %I', current_database() || '_r'); END $$";
    let all = count(&mut superuser, "tenancy.outbox").await;
    run(&mut superuser, reader).await;
    assert_eq!(count(&mut superuser, "tenancy.outbox").await, all);
    run(
        &mut superuser,
        "RESET ROLE; DO $$ BEGIN EXECUTE format('DROP OWNED BY %I', current_database() || '_r'); \
         EXECUTE format('DROP ROLE %I', current_database() || '_r'); END $$",
    )
    .await;
}

#[tokio::test]
async fn tenants_that_were_made_before_get_their_roles_by_preparing() {
    let database = TestDatabase::new().await;
    let before = without_roles(&database, set([NOTES])).await;
    let acme = create(&before, "acme").await;
    let stopped = create(&before, "stopped").await;
    before.suspend(&slug("stopped")).await.unwrap();
    let db = rows_of(&database, &acme).await;
    let append = async || -> Result<(), tenancy_sqlx::Error> {
        let mut tx = db.begin_scoped(Scope::Role).await?;
        sqlx::query("INSERT INTO notes (title) VALUES ('x')")
            .execute(&mut tx)
            .await?;
        tx.append(OutboxEntry::new("door", "1")).await?;
        tx.commit().await
    };
    let error = append().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SchemaMismatch, "{error}");

    let after = before.clone().isolation(Isolation::Role);
    let error = after
        .create(NewTenant::new(slug("early")), |_| {})
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration, "{error}");
    let prepares = (0..4).map(|_| {
        let fleet = after.clone();
        tokio::spawn(async move { fleet.prepare().await })
    });
    for prepared in prepares.collect::<Vec<_>>() {
        assert_eq!(prepared.await.unwrap().unwrap().applied(), 0);
    }
    append().await.unwrap();
    let mut superuser = database.superuser().await;
    let both = format!(
        "pg_roles WHERE rolname IN ('{}', '{}')",
        role(&acme),
        role(&stopped)
    );
    assert_eq!(count(&mut superuser, &both).await, 2);

    // Once more changes nothing, and what somebody took is given again.
    let memberships = "SELECT string_agg(m::text || m.xmin::text, ',' ORDER BY m.oid::text) FROM \
         (SELECT m.*, m.xmin, m.roleid AS oid FROM pg_auth_members m JOIN pg_roles r \
          ON r.oid IN (m.roleid, m.member) WHERE r.rolname = $1) m";
    let look = async |superuser: &mut PgConnection| -> String {
        sqlx::query_scalar(memberships)
            .bind(role(&acme).to_string())
            .fetch_one(superuser)
            .await
            .unwrap()
    };
    let as_made = look(&mut superuser).await;
    after.prepare().await.unwrap();
    assert_eq!(look(&mut superuser).await, as_made);
    let name = role(&acme);
    for damage in [
        format!("REVOKE {name} FROM {APP}"),
        format!("REVOKE USAGE ON SCHEMA acme FROM {name}"),
        format!("ALTER ROLE {name} LOGIN"),
        format!("ALTER ROLE {name} CREATEDB NOINHERIT"),
        format!("DROP OWNED BY {name}; DROP ROLE {name}"),
        "DO $$ BEGIN EXECUTE format('DROP OWNED BY tenancy_tenants_%s', (SELECT oid FROM \
         pg_database WHERE datname = current_database())); END $$"
            .to_owned(),
    ] {
        run(&mut superuser, &damage).await;
        after.prepare().await.unwrap();
        append()
            .await
            .unwrap_or_else(|error| panic!("{damage}: {error}"));
        let plain =
            format!("pg_roles WHERE rolname = '{name}' AND NOT rolcanlogin AND NOT rolcreatedb");
        assert_eq!(count(&mut superuser, &plain).await, 1, "{damage}");
    }
}

#[tokio::test]
async fn one_tenant_that_cannot_have_its_role_does_not_keep_the_others_from_theirs() {
    let database = TestDatabase::new().await;
    let fleet = without_roles(&database, set([NOTES])).await;
    let [acme, globex, initech] = [
        create(&fleet, "acme").await,
        create(&fleet, "globex").await,
        create(&fleet, "initech").await,
    ];
    let mut superuser = database.superuser().await;
    let mighty = role(&globex);
    run(
        &mut superuser,
        &format!("CREATE ROLE {mighty} SUPERUSER; DROP SCHEMA initech CASCADE"),
    )
    .await;
    let fleet = fleet.isolation(Isolation::Role);
    let error = fleet.prepare().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    let message = error.to_string();
    assert!(
        message.contains("tenant globex")
            && message.contains(&format!("ALTER ROLE \"{mighty}\" NOSUPERUSER")),
        "{message}"
    );
    acting(&database, &acme).await;
    // A tenant whose schema went by hand is no obstacle.
    assert_eq!(left_of(&mut superuser, &initech).await, [0; 4]);
    run(
        &mut superuser,
        &format!("ALTER ROLE {mighty} NOSUPERUSER NOREPLICATION NOBYPASSRLS"),
    )
    .await;
    fleet.prepare().await.unwrap();
    let mut acting = acting(&database, &globex).await;
    run(&mut acting, "INSERT INTO globex.notes (title) VALUES ('x')").await;
}

#[tokio::test]
async fn logins_that_are_not_fit_for_it_are_named_with_what_to_run_and_nothing_is_left() {
    let database = TestDatabase::new().await;
    fleet(&database, set([NOTES])).await;
    let mut superuser = database.superuser().await;
    let before = traces(&mut superuser).await;
    let heir = format!("{}_heir", database.name());
    run(&mut superuser, &format!("CREATE ROLE {heir} LOGIN INHERIT")).await;
    let migrations = Migrations {
        shared: MigrationSet::default(),
        tenant: set([NOTES]),
    };
    for (owner, login, says) in [
        (
            database.owner_options(),
            Some(APP.to_owned()),
            "ALTER ROLE \"tenancy_owner\" CREATEROLE;",
        ),
        (
            database.role_owner_options(),
            None,
            "a login of the application's own",
        ),
        (
            database.role_owner_options(),
            Some("nobody".to_owned()),
            "create it first",
        ),
        (
            database.role_owner_options(),
            Some(heir.clone()),
            "NOINHERIT;",
        ),
    ] {
        let fleet = Fleet::connect(owner, login, migrations.clone())
            .await
            .unwrap()
            .isolation(Isolation::Role);
        for error in [
            fleet.prepare().await.unwrap_err(),
            fleet
                .create(NewTenant::new(slug("acme")), |_| {})
                .await
                .unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::Configuration, "{error}");
            assert!(error.to_string().contains(says), "{error}");
        }
        assert_eq!(traces(&mut superuser).await, before);
    }
    run(&mut superuser, &format!("DROP ROLE {heir}")).await;
}

/// A store in which nothing can be made.
struct Down;

#[async_trait]
impl TenantResource for Down {
    fn name(&self) -> &'static str {
        "down"
    }

    async fn provision(&self, _: &Tenant) -> Result<(), tenancy_core::Error> {
        Err(tenancy_core::Error::new(
            tenancy_core::ErrorKind::Unavailable,
            "the engine is down",
        ))
    }

    async fn purge(&self, _: &Tenant) -> Result<(), tenancy_core::Error> {
        Ok(())
    }

    async fn residue(&self, _: &Tenant) -> Result<Vec<String>, tenancy_core::Error> {
        Ok(Vec::new())
    }
}

#[tokio::test]
async fn a_creation_that_fails_leaves_no_role() {
    let database = TestDatabase::new().await;
    let fleet = with_roles(&database, set([NOTES, "SELECT 1 / 0"])).await;
    let mut superuser = database.superuser().await;
    let roles = "pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid WHERE g.rolname = \
         'tenancy_tenants_' || (SELECT oid FROM pg_database WHERE datname = current_database())";
    let create = async |fleet: &Fleet| fleet.create(NewTenant::new(slug("acme")), |_| {}).await;
    create(&fleet).await.unwrap_err();
    assert_eq!(count(&mut superuser, roles).await, 0);

    let fleet = connected(database.role_owner_options(), set([NOTES]))
        .await
        .isolation(Isolation::Role);
    let before = traces(&mut superuser).await;
    create(&fleet.clone().resource(Arc::new(Down)))
        .await
        .unwrap_err();
    assert_eq!(count(&mut superuser, roles).await, 0);
    assert_eq!(traces(&mut superuser).await, before);
    create(&fleet).await.unwrap();
    assert_eq!(count(&mut superuser, roles).await, 1);
}

#[tokio::test]
async fn a_rename_and_a_suspension_leave_the_role_as_it_is() {
    let database = TestDatabase::new().await;
    let fleet = with_roles(&database, set([NOTES])).await;
    let acme = create(&fleet, "acme").await;
    let renamed = fleet
        .rename(&slug("acme"), Rename::to(slug("shop")))
        .await
        .unwrap();
    assert_eq!(role(&renamed), role(&acme));
    let db = rows_of(&database, &renamed).await;
    let note = async || -> Result<i64, tenancy_sqlx::Error> {
        let mut tx = db.begin_scoped(Scope::Role).await?;
        sqlx::query("INSERT INTO notes (title) VALUES ('x')")
            .execute(&mut tx)
            .await?;
        let notes = sqlx::query_scalar("SELECT count(*) FROM notes")
            .fetch_one(&mut tx)
            .await?;
        tx.commit().await?;
        Ok(notes)
    };
    assert_eq!(note().await.unwrap(), 1);
    // Who still has the old name has a role that is right and a schema that is not there.
    let stale = rows_of(&database, &acme).await.scoped(Scope::Role);
    let read = sqlx::query("SELECT title FROM notes").fetch_all(&stale);
    let error = tenancy_sqlx::Error::from(read.await.unwrap_err());
    assert_eq!(error.kind(), ErrorKind::SchemaMismatch, "{error}");

    // Another tenant gets the old name, and nothing of it is the renamed one's.
    let mut superuser = database.superuser().await;
    run(&mut superuser, "DELETE FROM tenancy.reserved_names").await;
    create(&fleet, "acme").await;
    let read = sqlx::query("SELECT title FROM notes").fetch_all(&stale);
    let error = tenancy_sqlx::Error::from(read.await.unwrap_err());
    assert_eq!(error.kind(), ErrorKind::SchemaMismatch, "{error}");

    fleet.suspend(&slug("shop")).await.unwrap();
    fleet.prepare().await.unwrap();
    fleet.resume(&slug("shop")).await.unwrap();
    assert_eq!(note().await.unwrap(), 2);
}
