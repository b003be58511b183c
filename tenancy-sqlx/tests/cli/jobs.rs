//! `jobs`, as whoever operates the fleet types it.

use super::support::Installation;

/// Adds a job of a tenant in this status.
async fn add(saas: &Installation, tenant: &str, kind: &str, status: &str) {
    let sql = format!(
        "INSERT INTO tenancy.jobs (id, tenant_id, kind, payload, priority, max_attempts, timeout_ms,
             run_at, status, error, finished_at)
         SELECT gen_random_uuid(), id, '{kind}', '{{}}', 1, 3, 1000, now(), '{status}',
             CASE '{status}' WHEN 'failed' THEN E'no such address\\nat all' END,
             CASE WHEN '{status}' <> 'queued' THEN now() - '2 days'::interval END
         FROM tenancy.tenants WHERE slug = '{tenant}'"
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql))
        .execute(&mut saas.superuser().await)
        .await
        .unwrap();
}

#[tokio::test]
async fn jobs_are_listed_with_their_tenants_and_changed_by_what_is_said_of_them() {
    let saas = Installation::new().await;
    for slug in ["acme", "globex"] {
        saas.done(&["tenant", "create", slug]);
    }
    add(&saas, "acme", "mail.send", "failed").await;
    add(&saas, "acme", "report", "queued").await;
    add(&saas, "globex", "report", "queued").await;
    add(&saas, "globex", "report", "done").await;
    saas.done(&["tenant", "suspend", "globex"]);

    let text = saas.done(&["jobs", "list"]).stdout;
    for word in [
        "acme",
        "mail.send",
        "failed",
        "0/3",
        "no such address",
        "parked",
    ] {
        assert!(text.contains(word), "{word}: {text}");
    }
    assert!(!text.contains("at all"), "{text}");
    let document = saas.json(&["jobs", "list", "--tenant", "acme", "--status", "failed"]);
    let [job] = document["jobs"].as_array().unwrap().as_slice() else {
        panic!("{document}");
    };
    assert_eq!(
        (&job["tenant"]["slug"], &job["status"]),
        (&"acme".into(), &"failed".into())
    );
    let id = job["id"].as_str().unwrap();
    let nobody = saas.run(&["jobs", "list", "--tenant", "nobody"]);
    assert_eq!(nobody.code, Some(1), "{nobody:?}");

    assert_eq!(
        saas.json(&["jobs", "purge", "--older-than", "3d"])["removed"],
        0
    );
    assert_eq!(
        saas.json(&["jobs", "purge", "--older-than", "1d"])["removed"],
        1
    );
    assert_eq!(
        saas.json(&["jobs", "retry", "--kind", "report"])["retried"],
        0
    );
    assert_eq!(
        saas.done(&["jobs", "retry", id]).stdout,
        "1 job queued anew\n"
    );
    assert_eq!(
        saas.json(&["jobs", "cancel", "--tenant", "acme"])["cancelled"],
        2
    );
    assert_eq!(saas.json(&["jobs", "cancel", "--all"])["cancelled"], 1);
    assert_eq!(saas.json(&["jobs", "purge"])["removed"], 3);
    saas.drop_all().await;
}
