//! The commands of django-tenants, as its users type them.

use super::support::Installation;

#[tokio::test]
async fn a_tenant_lives_its_whole_life_in_the_words_of_django_tenants() {
    let saas = Installation::new().await;
    saas.done(&["migrate_schemas", "--shared", "--noinput"]);
    saas.done(&[
        "create_tenant",
        "--schema_name=tenant1",
        "--name=Tenant 1",
        "--domain=tenant1.localhost:8000",
    ]);
    saas.done(&[
        "create_domain",
        "--schema=tenant1",
        "--domain-domain=shop.example",
        "--domain-is_primary=True",
        "--noinput",
    ]);
    let found = saas.json(&["tenant", "show", "tenant1"]);
    assert_eq!(found["found"]["tenant"]["primary_domain"], "shop.example");
    saas.done(&["delete_domain", "-s", "tenant1", "-d", "tenant1.localhost"]);
    let domains = saas.json(&["domain", "list", "tenant1"]);
    assert_eq!(domains["domains"].as_array().unwrap().len(), 1, "{domains}");

    saas.done(&[
        "rename_schema",
        "--rename_from=tenant1",
        "--rename_to=my_shop",
    ]);
    let found = saas.json(&["tenant", "show", "my-shop"]);
    assert_eq!(found["found"]["tenant"]["schema_name"], "my_shop");

    let rows = "INSERT INTO my_shop.blogs (title) VALUES ('one')";
    sqlx::query(rows)
        .execute(&mut saas.superuser().await)
        .await
        .unwrap();
    saas.done(&[
        "clone_tenant",
        "--clone_from=my_shop",
        "--schema_name=copy",
        "--name=Copy",
        "--domain=copy.localhost:8000",
    ]);
    assert_eq!(saas.count("SELECT count(*) FROM copy.blogs").await, 1);
    let copy = saas.json(&["tenant", "show", "copy"]);
    assert_eq!(copy["found"]["tenant"]["primary_domain"], "copy.localhost");

    saas.done(&["delete_tenant", "--schema=my_shop", "--noinput"]);
    let found = saas.json(&["tenant", "show", "my-shop"]);
    assert_eq!(found["found"]["tenant"]["status"], "archived");
    assert_eq!(saas.count("SELECT count(*) FROM my_shop.blogs").await, 1);

    let refused = saas.run(&["delete_tenant", "my_shop", "--purge", "--confirm", "other"]);
    assert_eq!(refused.code, Some(6), "{refused:?}");
    assert_eq!(
        saas.run(&["delete_tenant", "my_shop", "--purge"]).code,
        Some(6)
    );
    saas.done(&[
        "delete_tenant",
        "my_shop",
        "--purge",
        "--confirm",
        "my_shop",
    ]);
    let left = saas.json(&["tenant", "list"]);
    assert_eq!(left["tenants"].as_array().unwrap().len(), 1, "{left}");
    assert_eq!(left["tenants"][0]["slug"], "copy");
    saas.drop_all().await;
}

#[tokio::test]
async fn schemas_that_are_gone_are_made_anew_with_every_table() {
    let saas = Installation::new().await;
    saas.done(&["create_tenant", "tenant1", "One", "tenant1.localhost"]);
    let drop = "DROP SCHEMA tenant1 CASCADE";
    sqlx::query(drop)
        .execute(&mut saas.superuser().await)
        .await
        .unwrap();
    saas.done(&["create_missing_schemas", "--dry-run"]);
    let schemas = "SELECT count(*) FROM pg_catalog.pg_namespace WHERE nspname = 'tenant1'";
    assert_eq!(saas.count(schemas).await, 0);
    saas.done(&["create_missing_schemas", "--noinput"]);
    assert_eq!(saas.count("SELECT count(*) FROM tenant1.blogs").await, 0);
    saas.drop_all().await;
}

#[tokio::test]
async fn migrate_schemas_takes_the_flags_that_scripts_give_it() {
    let saas = Installation::new().await;
    for schema in ["one", "two"] {
        saas.done(&[
            "create_tenant",
            schema,
            schema,
            &format!("{schema}.localhost"),
        ]);
    }
    let column = |number: usize| {
        let (name, sql) = (
            format!("{number}_column"),
            format!("ALTER TABLE blogs ADD COLUMN added_{number} text;"),
        );
        saas.add(&name, &sql);
    };
    let everywhere = async |number: usize| {
        let sql = format!(
            "SELECT count(*) FROM pg_catalog.pg_attribute WHERE attname = 'added_{number}'"
        );
        saas.count(&sql).await
    };

    column(2);
    let listed = saas.done(&["migrate_schemas", "--list"]);
    assert!(listed.stdout.contains("one"), "{listed:?}");
    let planned = saas.done(&["migrate_schemas", "--plan"]);
    assert!(planned.stdout.contains("2_column"), "{planned:?}");
    assert_eq!(everywhere(2).await, 0);
    saas.done(&["migrate_schemas", "--tenant", "-s", "one", "--interactive"]);
    assert_eq!(everywhere(2).await, 1);
    saas.done(&["migrate_schemas", "--executor=standard", "--no-input"]);
    assert_eq!(everywhere(2).await, 2);

    column(3);
    saas.done(&[
        "migrate_schemas",
        "--all",
        "--executor=multiprocessing",
        "--parallel=3",
    ]);
    assert_eq!(everywhere(3).await, 2);
    saas.done(&["migrate_schemas", "--check"]);

    let exists = "ALTER TABLE one.blogs ADD COLUMN added_4 text; ALTER TABLE two.blogs ADD COLUMN added_4 text";
    sqlx::raw_sql(exists)
        .execute(&mut saas.superuser().await)
        .await
        .unwrap();
    column(4);
    assert_eq!(saas.run(&["migrate_schemas", "--check"]).code, Some(4));
    saas.done(&["migrate_schemas", "--tenant", "--fake"]);
    saas.done(&["migrate_schemas", "--check"]);

    for words in [
        &["migrate_schemas", "--executor=threads"][..],
        &["migrate_schemas", "--shared", "--schema=one"],
        &["migrate_schemas", "--parallel=0"],
    ] {
        assert_eq!(saas.run(words).code, Some(2), "{words:?}");
    }
    saas.drop_all().await;
}
