//! Out of use, back again, out of service for a while: and every step is written down.

use std::time::Duration;

use tenancy_core::{Identifier, Maintenance, Status};
use tenancy_sqlx::{ErrorKind, Fleet, JournalEntry, NewTenant, Rename};
use time::OffsetDateTime;

use crate::recorder::recorded;
use crate::support::*;

/// What the journal has of a tenant, a few words for each step.
async fn steps(fleet: &Fleet, name: &str) -> Vec<String> {
    let entries = fleet.journal(&Identifier::Slug(slug(name))).await.unwrap();
    let words = |entry: &JournalEntry| format!("{} {}", entry.kind, entry.step);
    entries.iter().map(words).collect()
}

#[tokio::test]
async fn an_archived_tenant_stops_and_comes_back_suspended_until_its_purge_has_begun() {
    let database = TestDatabase::new().await;
    let (fleet, journal) = recorded(fleet(&database, set([NOTES])).await);
    create(&fleet, "acme").await;
    let acme = slug("acme");
    for from in [Status::Active, Status::Suspended, Status::Maintenance] {
        match from {
            Status::Suspended => drop(fleet.suspend(&acme).await.unwrap()),
            Status::Maintenance => {
                let what = Maintenance::new().message("moving");
                fleet.begin_maintenance(&acme, what).await.unwrap();
            }
            _ => {}
        }
        journal.take();
        let archived = fleet.archive(&acme, None).await.unwrap();
        assert_eq!(archived.status(), Status::Archived, "{from}");
        assert_eq!(archived.maintenance(), None);
        assert_eq!(
            journal.take(),
            ["suspend search archived", "suspend files archived"]
        );
        // Whoever repeats it tells everybody again.
        journal.fail(&["suspend files"]);
        let error = fleet.archive(&acme, None).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "archiving tenant acme: resource files: the engine is down"
        );
        journal.fail(&[]);
        fleet.archive(&acme, None).await.unwrap();
        for refused in [fleet.suspend(&acme).await, fleet.resume(&acme).await] {
            assert_eq!(refused.unwrap_err().kind(), ErrorKind::Conflict);
        }
        journal.take();
        let back = fleet.undelete(&acme).await.unwrap();
        assert_eq!(back.status(), Status::Suspended);
        assert_eq!(fleet.undelete(&acme).await.unwrap(), back);
        assert!(journal.take().is_empty());
        assert_eq!(fleet.resume(&acme).await.unwrap().status(), Status::Active);
    }
    let error = fleet.undelete(&acme).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");

    fleet.archive(&acme, None).await.unwrap();
    journal.leave(&["index acme"]);
    fleet.purge(&acme, &acme).await.unwrap_err();
    for refused in [
        fleet.undelete(&acme).await,
        fleet.archive(&acme, Some(Duration::from_hours(1))).await,
    ] {
        let error = refused.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict);
        assert!(error.to_string().contains("its purge has begun"), "{error}");
    }
    journal.leave(&[]);
    fleet.purge(&acme, &acme).await.unwrap();
}

#[tokio::test]
async fn a_tenant_in_its_grace_is_not_purged_and_afterwards_whoever_asks_purges_it() {
    let database = TestDatabase::new().await;
    let (fleet, journal) = recorded(fleet(&database, set([NOTES])).await);
    for name in ["acme", "globex", "initech", "umbrella"] {
        create(&fleet, name).await;
    }
    let acme = slug("acme");
    let day = Duration::from_hours(24);
    let before = OffsetDateTime::now_utc();
    for name in ["acme", "globex", "umbrella"] {
        fleet.archive(&slug(name), Some(day)).await.unwrap();
    }
    fleet.archive(&slug("initech"), None).await.unwrap();
    let after = fleet.purge_after(&acme).await.unwrap().unwrap();
    assert!(
        (after - before - day).abs() < Duration::from_mins(5),
        "{after}"
    );
    // To say it again without a grace does not end the one there is.
    fleet.archive(&acme, None).await.unwrap();
    assert_eq!(fleet.purge_after(&acme).await.unwrap(), Some(after));
    assert_eq!(fleet.purge_after(&slug("initech")).await.unwrap(), None);
    journal.take();

    let error = fleet.purge(&acme, &acme).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    let text = error.to_string();
    let date = after.date().to_string();
    assert!(
        text.contains(&format!("may be had back until {date}T")),
        "{text}"
    );
    let plan = fleet.purge_plan(&acme).await.unwrap();
    assert_eq!(plan.purge_after, Some(after));
    assert!(plan.obstacles[0].contains(&date), "{:?}", plan.obstacles);
    assert_eq!(plan.tables[0].name, "notes");
    assert!(plan.bytes() > 0);
    assert!(fleet.purge_expired(|_| {}).await.unwrap().is_empty());
    assert_eq!(
        journal.take(),
        ["residue search archived", "residue files archived"]
    );

    // Time passes for two of them, and one of those cannot be purged now.
    let mut superuser = database.superuser().await;
    let pass = "UPDATE tenancy.tenants SET purge_after = now() - interval '1 s'
        WHERE slug IN ('globex', 'umbrella')";
    run(&mut superuser, pass).await;
    run(
        &mut superuser,
        "CREATE VIEW public.late AS SELECT title FROM umbrella.notes",
    )
    .await;
    let mut told = Vec::new();
    let ends = fleet
        .purge_expired(|end| told.push(end.slug.to_string()))
        .await
        .unwrap();
    told.sort();
    assert_eq!(told, ["globex", "umbrella"]);
    for end in &ends {
        assert_eq!(end.result.is_ok(), end.slug.as_str() == "globex", "{end:?}");
    }
    let left: Vec<_> = fleet.tenants().await.unwrap();
    let left: Vec<_> = left.iter().map(|tenant| tenant.slug().as_str()).collect();
    assert_eq!(left, ["acme", "initech", "umbrella"]);

    fleet.archive(&acme, Some(Duration::ZERO)).await.unwrap();
    fleet.purge(&acme, &acme).await.unwrap();
    let endless = Duration::from_hours(24 * 366 * 101);
    let error = fleet.archive(&slug("initech"), Some(endless)).await;
    assert_eq!(error.unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[tokio::test]
async fn maintenance_ends_with_the_status_that_was_before_it() {
    let database = TestDatabase::new().await;
    let fleet = fleet(&database, set([NOTES])).await;
    create(&fleet, "acme").await;
    let acme = slug("acme");
    let until = OffsetDateTime::from_unix_timestamp_nanos(1_900_000_000_123_456_000).unwrap();
    let what = Maintenance::new()
        .message("it's \\ \"back\" at noon")
        .until(until);
    for before in [Status::Active, Status::Suspended] {
        if before == Status::Suspended {
            fleet.suspend(&acme).await.unwrap();
        }
        let begun = fleet.begin_maintenance(&acme, Maintenance::new()).await;
        assert_eq!(begun.unwrap().maintenance(), Some(&Maintenance::new()));
        let said = fleet.begin_maintenance(&acme, what.clone()).await.unwrap();
        assert_eq!(said.maintenance(), Some(&what));
        let found = fleet.tenant(&acme).await.unwrap().unwrap();
        assert_eq!(found.status(), Status::Maintenance);
        assert_eq!(found.maintenance(), Some(&what));
        let ended = fleet.end_maintenance(&acme).await.unwrap();
        assert_eq!((ended.status(), ended.maintenance()), (before, None));
        assert_eq!(fleet.end_maintenance(&acme).await.unwrap(), ended);
    }
    let bad = Maintenance::new().message("a\nb");
    let error = fleet.begin_maintenance(&acme, bad).await.unwrap_err();
    assert!(error.to_string().contains("one line"), "{error}");
    fleet.archive(&acme, None).await.unwrap();
    for refused in [
        fleet.begin_maintenance(&acme, what).await,
        fleet.end_maintenance(&acme).await,
    ] {
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::Conflict);
    }
}

#[tokio::test]
async fn every_step_of_a_life_is_written_down_and_kept_after_its_end() {
    let database = TestDatabase::new().await;
    let (fleet, journal) = recorded(fleet(&database, set([NOTES])).await);
    let new = NewTenant::new(slug("acme")).domain(domain("it.example"));
    let id = fleet.create(new, |_| {}).await.unwrap().id();
    let acme = slug("acme");
    fleet.suspend(&acme).await.unwrap();
    journal.fail(&["resume search"]);
    fleet.resume(&acme).await.unwrap_err();
    journal.fail(&[]);
    fleet.resume(&acme).await.unwrap();
    fleet.suspend(&acme).await.unwrap();
    let to = Rename::to(slug("shop"));
    fleet.rename(&acme, to).await.unwrap();
    let shop = slug("shop");
    fleet
        .begin_maintenance(&shop, Maintenance::new())
        .await
        .unwrap();
    fleet.end_maintenance(&shop).await.unwrap();
    fleet.archive(&shop, None).await.unwrap();
    fleet.undelete(&shop).await.unwrap();
    // What is refused was never begun.
    fleet.purge(&shop, &shop).await.unwrap_err();
    fleet.archive(&shop, None).await.unwrap();
    fleet.purge(&shop, &shop).await.unwrap();
    assert_eq!(
        steps(&fleet, "shop").await,
        [
            "create begun",
            "create done",
            "suspend begun",
            "suspend done",
            "resume begun",
            "resume failed",
            "resume begun",
            "resume done",
            "suspend begun",
            "suspend done",
            "rename begun",
            "rename done",
            "maintenance begun",
            "maintenance done",
            "archive begun",
            "archive done",
            "undelete done",
            "archive begun",
            "archive done",
            "purge begun",
            "purge resources",
            "purge done"
        ]
    );
    let entries = fleet.journal(&Identifier::Id(id)).await.unwrap();
    assert_eq!(entries[0].detail["domains"][0], "it.example");
    assert!(entries[0].detail["program"].is_string());
    assert_eq!(entries[0].operation, entries[1].operation);
    assert_ne!(entries[1].operation, entries[2].operation);
    let failure = entries[5].detail["error"].as_str().unwrap();
    assert!(failure.contains("resource search"), "{failure}");
    assert_eq!(entries[10].detail["to"]["schema"], "shop");
    assert_eq!(entries[19].detail["confirmed"], "shop");

    let error = fleet.journal(&Identifier::Slug(slug("nobody"))).await;
    let not_found = ErrorKind::Core(tenancy_core::ErrorKind::NotFound);
    assert_eq!(error.unwrap_err().kind(), not_found);
}
