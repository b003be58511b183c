//! Rows that their owner cannot see are never left out in silence.

use tenancy_sqlx::{CloneData, ErrorKind, ExportFormat, NewTenant};

use crate::support::*;

#[tokio::test]
async fn a_table_whose_rows_the_owner_cannot_read_is_refused_by_name() {
    let database = TestDatabase::new().await;
    let fleet = fleet(&database, set([NOTES])).await;
    for (name, hidden, mended) in [
        (
            "forced",
            "ALTER TABLE forced.notes ENABLE ROW LEVEL SECURITY;
             ALTER TABLE forced.notes FORCE ROW LEVEL SECURITY;
             CREATE POLICY few ON forced.notes USING (id = 1)",
            "ALTER TABLE forced.notes NO FORCE ROW LEVEL SECURITY",
        ),
        (
            "revoked",
            "REVOKE SELECT ON revoked.notes FROM CURRENT_USER",
            "GRANT SELECT ON revoked.notes TO CURRENT_USER",
        ),
    ] {
        create(&fleet, name).await;
        let mut owner = sqlx::ConnectOptions::connect(&database.owner_options())
            .await
            .unwrap();
        run(
            &mut owner,
            &format!("INSERT INTO {name}.notes (title) VALUES ('a'), ('b'); {hidden}"),
        )
        .await;
        let mut superuser = database.superuser().await;
        let before = traces(&mut superuser).await;
        for format in [ExportFormat::Archive, ExportFormat::Sql { schema: None }] {
            let error = fleet
                .export(&slug(name), Vec::new(), format, |_| {})
                .await
                .unwrap_err();
            assert!(error.to_string().contains("notes"), "{error}");
            assert_eq!(error.kind(), ErrorKind::Forbidden, "{error}");
        }
        let copy = async |to: &str| {
            fleet
                .clone_tenant(
                    &slug(name),
                    NewTenant::new(slug(to)),
                    CloneData::Everything,
                    |_| {},
                )
                .await
        };
        let to = format!("{name}-copy");
        let error = copy(&to).await.unwrap_err();
        assert!(error.to_string().contains("notes"), "{error}");
        assert_eq!(error.kind(), ErrorKind::Forbidden, "{error}");
        assert_eq!(traces(&mut superuser).await, before);
        run(&mut owner, mended).await;
        copy(&to).await.unwrap();
        let rows = format!("{name}_copy.notes");
        assert_eq!(count(&mut superuser, &rows).await, 2);
    }
}
