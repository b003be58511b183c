//! Every fault that the doctor knows is planted, found, mended by what it says, and gone.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use sqlx::Connection as _;
use sqlx::postgres::PgConnection;
use tenancy_sqlx::ErrorKind;
use tenancy_sqlx::doctor::{Code, Fix, Severity};

use crate::faults::{Fault, planted};
use crate::patient::{Patient, names};
use crate::pooler::{Mode, Pooler, older};
use crate::proxy::Proxy;
use crate::support::*;

/// The codes whose faults take more than SQL; each has a test below.
const ELSEWHERE: [Code; 11] = [
    Code::ServerTooOld,
    Code::AnotherDatabase,
    Code::NotPrepared,
    Code::ClockWrong,
    Code::ClockDrifts,
    Code::DirectConnectionPooled,
    Code::SessionSettingsLeft,
    Code::StatementsLeft,
    Code::TransactionPooling,
    Code::SessionPooling,
    Code::ApplicationNotSeen,
];

#[test]
fn a_fault_is_planted_for_every_code() {
    for code in Code::ALL {
        let with_sql = !planted(*code).is_empty() || *code == Code::MigrationsDiffer;
        let elsewhere = ELSEWHERE.contains(code);
        assert!(
            with_sql != elsewhere,
            "plant a fault of {code}, in one place"
        );
    }
}

#[tokio::test]
async fn a_healthy_database_has_no_finding_and_nothing_changes_in_it() {
    let mut patient = Patient::new().await;
    let before = traces(&mut patient.admin).await;
    let diagnosis = patient.examine().await;
    assert_eq!(diagnosis.to_string(), "0 critical, 0 warnings, 0 notes");
    assert_eq!(traces(&mut patient.admin).await, before);
    patient.discharge().await;
}

async fn found_and_mended(of: impl Fn(&Code) -> bool) {
    let mut patient = Patient::new().await;
    for code in Code::ALL.iter().filter(|code| of(code)) {
        for Fault(sql, subject) in planted(*code) {
            patient.plant(sql).await;
            let diagnosis = patient.examine().await;
            let expected = BTreeSet::from([(*code, patient.filled(subject))]);
            assert_eq!(names(&diagnosis), expected, "{sql}\n{diagnosis}");
            let finding = &diagnosis.findings[0];
            assert_eq!(finding.severity, code.severity());
            assert!(finding.fix.is_some(), "{finding}");
            let refused = diagnosis.refuse_critical(&[]).is_err();
            assert_eq!(refused, code.severity() == Severity::Critical, "{finding}");
            diagnosis.refuse_critical(&[*code]).unwrap();

            patient.mend(&diagnosis).await;
            let mut after = patient.examine().await;
            assert!(
                !names(&after).iter().any(|(c, _)| c == code),
                "{finding}\n{after}"
            );
            // What was owned by the login lost its grants with its owner, and that is said too.
            if *code == Code::LoginOwnsTenants {
                patient.mend(&after).await;
                after = patient.examine().await;
            }
            assert_eq!(after.findings, [], "{finding}\n{after}");
            if *code == Code::SchemaMissing {
                patient.plant("DELETE FROM tenancy.reserved_names").await;
                create(&patient.fleet, "acme").await;
            }
        }
    }
    patient
        .plant("DROP ROLE IF EXISTS {database}_su, \"{database} \"\"way\"\"\"")
        .await;
    patient.discharge().await;
}

#[tokio::test]
async fn a_login_with_too_much_or_too_little_is_found_and_mended() {
    found_and_mended(|code| {
        code.as_str().starts_with("login_") || *code == Code::StringsNotStandard
    })
    .await;
}

#[tokio::test]
async fn rights_on_schemas_and_tables_are_found_and_mended() {
    found_and_mended(|code| {
        matches!(
            code,
            Code::SchemaOpenToPublic | Code::GrantsMissing | Code::ExtensionsNotUsable
        )
    })
    .await;
}

#[tokio::test]
async fn routines_and_dependencies_across_tenants_are_found_and_mended() {
    found_and_mended(|code| {
        matches!(
            code,
            Code::SecurityDefinerInTenant
                | Code::SecurityDefinerUnpinned
                | Code::RoutineOfAnotherTenant
                | Code::RoutinePathNotPinned
        )
    })
    .await;
}

#[tokio::test]
async fn what_is_made_of_another_tenants_things_is_found_and_mended() {
    let mut patient = Patient::new().await;
    for Fault(sql, subject) in planted(Code::CrossTenantDependency) {
        patient.plant(sql).await;
        let diagnosis = patient.examine().await;
        let found: BTreeSet<_> = diagnosis
            .of(Severity::Critical)
            .map(|f| f.subject.clone())
            .collect();
        assert_eq!(
            found,
            BTreeSet::from([(*subject).to_owned()]),
            "{sql}\n{diagnosis}"
        );
        patient.mend(&diagnosis).await;
        let after = patient.examine().await;
        assert_eq!(
            after.of(Severity::Critical).count(),
            0,
            "{diagnosis}\n{after}"
        );
    }
    patient.discharge().await;
}

#[tokio::test]
async fn objects_in_the_wrong_schema_and_tenants_without_one_are_found_and_mended() {
    found_and_mended(|code| {
        matches!(
            code,
            Code::SchemaMissing
                | Code::PublicShadowsTenant
                | Code::TypePerTenant
                | Code::ExtensionOutOfReach
                | Code::MigrationsPending
                | Code::SchemaOrphaned
        )
    })
    .await;
}

#[tokio::test]
async fn a_migration_that_was_changed_or_is_unknown_is_found() {
    let mut patient = Patient::new().await;
    patient
        .plant("UPDATE tenancy.migrations SET checksum = '\\x00' WHERE scope = 'tenant'")
        .await;
    let diagnosis = patient.examine().await;
    let of = |slug: &str| (Code::MigrationsDiffer, slug.to_owned());
    assert_eq!(
        names(&diagnosis),
        BTreeSet::from([of("acme"), of("globex")])
    );
    patient.discharge().await;
}

#[tokio::test]
async fn a_suspended_tenant_without_a_schema_stops_nobody_else() {
    let mut patient = Patient::new().await;
    patient.fleet.suspend(&slug("acme")).await.unwrap();
    patient.plant("DROP SCHEMA acme CASCADE").await;
    let diagnosis = patient.examine().await;
    assert_eq!(diagnosis.findings[0].code, Code::SchemaMissing);
    assert_eq!(diagnosis.findings[0].severity, Severity::Warning);
    diagnosis.refuse_critical(&[]).unwrap();
    patient.discharge().await;
}

#[tokio::test]
async fn a_clock_that_is_wrong_is_found() {
    let patient = Patient::with_tenants(&[]).await;
    for (seconds, code) in [
        (0, None),
        (10, Some(Code::ClockDrifts)),
        (-10, Some(Code::ClockDrifts)),
        (3600, Some(Code::ClockWrong)),
        (-3600, Some(Code::ClockWrong)),
    ] {
        let clock = move || {
            let off = Duration::from_secs(i64::unsigned_abs(seconds));
            if seconds < 0 {
                SystemTime::now() - off
            } else {
                SystemTime::now() + off
            }
        };
        let diagnosis = patient.fleet.doctor().clock(clock).examine().await.unwrap();
        let found: Vec<Code> = diagnosis.findings.iter().map(|f| f.code).collect();
        assert_eq!(found, Vec::from_iter(code), "{diagnosis}");
    }
    patient.discharge().await;
}

#[tokio::test]
async fn a_database_that_was_never_prepared_is_found() {
    let database = TestDatabase::new().await;
    let fleet = unprepared(&database, set([]), set([NOTES])).await;
    let fleet = fleet.application(database.app_options());
    let diagnosis = fleet.doctor().examine().await.unwrap();
    let found = BTreeSet::from([(Code::NotPrepared, "tenancy".to_owned())]);
    assert_eq!(names(&diagnosis), found);
    fleet.prepare().await.unwrap();
    let after = fleet.doctor().examine().await.unwrap();
    assert_eq!(after.findings, [], "{after}");
}

#[tokio::test]
async fn an_application_on_another_database_or_an_older_server_is_found() {
    let [one, other] = [TestDatabase::new().await, TestDatabase::new().await];
    let fleet = fleet(&one, set([NOTES])).await;
    let strayed = fleet.clone().application(other.app_options());
    let diagnosis = strayed.doctor().examine().await.unwrap();
    let found = BTreeSet::from([(Code::AnotherDatabase, "application".to_owned())]);
    assert_eq!(names(&diagnosis), found);

    let folder = tempfile::tempdir().unwrap();
    let old = fleet.application(older(&one.app_options(), folder.path()));
    let diagnosis = old.doctor().examine().await.unwrap();
    let found = BTreeSet::from([(Code::ServerTooOld, "server".to_owned())]);
    assert_eq!(names(&diagnosis), found, "{diagnosis}");
}

#[tokio::test]
async fn an_application_that_is_not_known_is_looked_up_by_its_name() {
    let mut patient = Patient::new().await;
    let name = patient.app.get_username().to_owned();
    let migrations = patient.fleet.migrations().clone();
    let owner = patient.database.owner_options();
    let fleet = tenancy_sqlx::Fleet::connect(owner.clone(), Some(name), migrations.clone())
        .await
        .unwrap();
    patient.plant("ALTER ROLE {login} BYPASSRLS").await;
    let diagnosis = fleet.doctor().examine().await.unwrap();
    let found = BTreeSet::from([
        (Code::LoginBypassesRls, patient.login.clone()),
        (Code::ApplicationNotSeen, "application".to_owned()),
    ]);
    assert_eq!(names(&diagnosis), found);

    let nobody = Some("nobody \"here\"".to_owned());
    let fleet = tenancy_sqlx::Fleet::connect(owner, nobody, migrations)
        .await
        .unwrap();
    let error = fleet.doctor().examine().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.to_string().contains("create it first"), "{error}");
    patient.discharge().await;
}

#[tokio::test]
async fn one_login_for_everything_is_a_warning_and_says_what_to_do() {
    let database = TestDatabase::new().await;
    let migrations = tenancy_sqlx::Migrations {
        shared: set([]),
        tenant: set([NOTES]),
    };
    let owner = database.owner_options();
    tenancy_sqlx::login::prepare(&owner).await.unwrap();
    let fleet = tenancy_sqlx::Fleet::connect(owner.clone(), None, migrations)
        .await
        .unwrap();
    let fleet = fleet.application(owner);
    fleet.prepare().await.unwrap();
    create(&fleet, "acme").await;
    let diagnosis = fleet.doctor().examine().await.unwrap();
    let found = BTreeSet::from([(Code::LoginOwnsTenants, "tenancy_owner".to_owned())]);
    assert_eq!(names(&diagnosis), found, "{diagnosis}");
    let finding = &diagnosis.findings[0];
    assert!(
        finding.fix.is_none() && finding.message.contains("login of their own"),
        "{finding}"
    );
}

#[tokio::test]
async fn poolers_and_what_they_carry_over_are_seen() {
    let patient = Patient::new().await;
    for (mode, note) in [
        (Mode::Transaction, Code::TransactionPooling),
        (Mode::Session, Code::SessionPooling),
    ] {
        let pooler = Pooler::start(&patient.app, mode);
        let fleet = patient.fleet.clone().application(pooler.options.clone());
        let codes = async || -> Vec<Code> {
            let diagnosis = fleet.doctor().examine().await.unwrap();
            diagnosis
                .findings
                .iter()
                .map(|finding| finding.code)
                .collect()
        };
        for (left, code) in [
            ("SELECT 1", None),
            ("SET work_mem = '8MB'", Some(Code::SessionSettingsLeft)),
            ("PREPARE mine AS SELECT 1", Some(Code::StatementsLeft)),
        ] {
            pooler.reconnect().await;
            let mut other = PgConnection::connect_with(&pooler.options).await.unwrap();
            run(&mut other, left).await;
            other.close().await.unwrap();
            let expected: Vec<Code> = code.into_iter().chain([note]).collect();
            assert_eq!(codes().await, expected, "{left}");
        }
    }
    patient.discharge().await;
}

#[tokio::test]
async fn a_path_that_another_client_left_is_critical() {
    let patient = Patient::new().await;
    let pooler = Pooler::start(&patient.app, Mode::Transaction);
    let fleet = patient.fleet.clone().application(pooler.options.clone());
    let mut other = PgConnection::connect_with(&pooler.options).await.unwrap();
    run(&mut other, "SET search_path = acme").await;
    other.close().await.unwrap();
    let diagnosis = fleet.doctor().examine().await.unwrap();
    let left = &diagnosis.findings[0];
    assert_eq!(
        (left.code, left.severity),
        (Code::SessionSettingsLeft, Severity::Critical)
    );
    assert!(left.message.contains("search_path"), "{left}");
    patient.discharge().await;
}

#[tokio::test]
async fn an_owner_behind_a_pooler_is_refused_or_found_when_it_comes_later() {
    let patient = Patient::new().await;
    let pooler = Pooler::start(&patient.database.owner_options(), Mode::Transaction);
    let connect = || {
        let name = patient.app.get_username().to_owned();
        let migrations = patient.fleet.migrations().clone();
        tenancy_sqlx::Fleet::connect(pooler.options.clone(), Some(name), migrations)
    };
    let error = connect().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.to_string().contains("transaction pooler"), "{error}");

    pooler.becomes(Mode::Session);
    let fleet = connect().await.unwrap().application(patient.app.clone());
    pooler.becomes(Mode::Transaction);
    let diagnosis = fleet.doctor().examine().await.unwrap();
    let found = BTreeSet::from([(Code::DirectConnectionPooled, "owner".to_owned())]);
    assert_eq!(names(&diagnosis), found, "{diagnosis}");
    patient.discharge().await;
}

#[tokio::test]
async fn many_tenants_cost_as_many_questions_as_two_and_one_mistake_is_listed_briefly() {
    let mut patient = Patient::new().await;
    let asked = async |patient: &Patient| {
        let [app, owner] = [&patient.app, &patient.database.owner_options()].map(Proxy::start);
        let name = patient.app.get_username().to_owned();
        let migrations = patient.fleet.migrations().clone();
        let fleet = tenancy_sqlx::Fleet::connect(owner.options(), Some(name), migrations)
            .await
            .unwrap()
            .application(app.options());
        let (opened, asked) = (owner.connections(), owner.statements());
        let diagnosis = fleet.doctor().examine().await.unwrap();
        let statements = app.statements() + owner.statements() - asked;
        (
            statements,
            app.connections() + owner.connections() - opened,
            diagnosis,
        )
    };
    let (few, connections, _) = asked(&patient).await;
    assert!(few <= 25 && connections <= 4, "{few} {connections}");
    for number in 0..30 {
        create(&patient.fleet, &format!("more{number}")).await;
    }
    patient
        .plant(
            "DO $$ DECLARE s text; BEGIN
                FOR s IN SELECT schema_name FROM tenancy.tenants LOOP
                    EXECUTE format('CREATE FUNCTION %I.f() RETURNS int LANGUAGE plpgsql
                        AS ''BEGIN RETURN 1; END''', s);
                END LOOP; END $$",
        )
        .await;
    let (many, connections, diagnosis) = asked(&patient).await;
    assert_eq!(many, few);
    assert!(connections <= 4, "{connections}");
    assert_eq!(diagnosis.findings.len(), 20);
    assert_eq!(diagnosis.count(Severity::Warning), 32);
    assert!(
        diagnosis.to_string().contains("12 more like these"),
        "{diagnosis}"
    );
    patient.discharge().await;
}

#[tokio::test]
async fn programs_read_codes_severities_and_fixes() {
    let mut patient = Patient::new().await;
    patient.plant("REVOKE ALL ON acme.notes FROM {login}").await;
    let diagnosis = patient.examine().await;
    let Some(Fix::Sql(fix)) = &diagnosis.findings[0].fix else {
        panic!("{diagnosis}")
    };
    let json = serde_json::to_value(&diagnosis).unwrap();
    assert_eq!(json["findings"][0]["code"], "grants_missing");
    assert_eq!(json["findings"][0]["severity"], "warning");
    assert_eq!(json["findings"][0]["fix"]["sql"], fix.as_str());
    patient.discharge().await;
}
