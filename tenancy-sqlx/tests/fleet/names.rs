//! The statements that tenants' handlers may send, as migrations.

use tenancy_sqlx::{Error, Migrations};

const ACCEPTED: &str = include_str!("../../qualify/tests/corpus/accepted.sql");
const RENDERED: &str = include_str!("../../qualify/tests/corpus/rendered.sql");

/// What a program whose one tenant migration is `sql` is told.
fn read(sql: &str) -> Result<Migrations, Error> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("tenant")).unwrap();
    std::fs::write(folder.path().join("tenant/1_step.sql"), sql).unwrap();
    Migrations::read(folder.path())
}

#[test]
fn no_ordinary_statement_is_taken_for_one_that_reaches_beyond_its_tenant() {
    let mut read_so_far = 0;
    for block in ACCEPTED.split("\n;;") {
        if block.contains("-- shared\n") {
            continue;
        }
        let sql = block.replace("tenant.", "");
        read(&sql).unwrap_or_else(|error| panic!("{error}: {sql}"));
        read_so_far += 1;
    }
    assert!(read_so_far > 250, "{read_so_far}");
}

#[test]
fn wherever_a_statement_names_a_table_the_schema_of_another_tenant_is_refused() {
    const OTHER: &str = "\"t1\".";
    let mut places = 0;
    for block in RENDERED.split("\n;;") {
        if ["Shared", "public.", "tenancy."]
            .iter()
            .any(|no| block.contains(no))
        {
            continue;
        }
        // One of the names keeps its schema, each in its turn.
        let parts: Vec<_> = block.split(OTHER).collect();
        for place in 1..parts.len() {
            let sql = parts[..place].concat() + OTHER + &parts[place..].concat();
            let error = read(&sql).expect_err(&sql).to_string();
            assert!(error.contains(": t1."), "{error}");
            places += 1;
        }
    }
    assert!(places > 300, "{places}");
}
