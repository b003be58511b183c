//! What holds for every text, whoever wrote it: the fuzz target and the tests check the same.

use tenancy_qualify::{Kind, Refusal, Statement, shared, shared_raw, tenant, tenant_raw};

/// Longer texts are refused, and a schema makes a text longer.
const LONGEST: usize = 64 * 1024;

/// Panics unless every way to read the text keeps its promises.
pub(crate) fn holds(sql: &str) {
    for read in [tenant, tenant_raw] {
        match read(sql) {
            Ok(statement) => is_the_source(sql, &statement),
            Err(refusal) => is_readable(sql, &refusal),
        }
    }
    for read in [shared, shared_raw] {
        match read(sql) {
            Ok(statement) => has_no_place(sql, &statement),
            Err(refusal) => is_readable(sql, &refusal),
        }
    }
    explicit_is_the_same(sql);
}

/// Nothing but a schema is written into the text, and always the same.
fn is_the_source(sql: &str, statement: &Statement) {
    let bare = statement.render("tenant").replace("tenant.", "");
    assert_eq!(bare, sql.replace("tenant.", ""));
    assert_eq!(statement.render("\"s\""), statement.parts().join("\"s\""));
    assert!(statement.tables().is_sorted());
    assert!(!statement.render("\"s\"").contains('\0'));
}

fn has_no_place(sql: &str, statement: &Statement) {
    assert_eq!(statement.parts(), [sql]);
    for table in statement.tables() {
        let schema = table.split_once('.').map(|(schema, _)| schema);
        assert!(
            matches!(schema, Some("public" | "shared" | "tenancy")),
            "{table}"
        );
        let framework = schema == Some("tenancy");
        assert!(!framework || ["tenancy.domains", "tenancy.tenants"].contains(&table.as_str()));
    }
}

/// What the statement says explicitly is read as what it left out.
fn explicit_is_the_same(sql: &str) {
    let Ok(first) = tenant(sql) else { return };
    assert_eq!(Ok(&first), tenant(sql).as_ref());
    let explicit = first.render("tenant");
    if explicit.len() > LONGEST {
        return;
    }
    match tenant(&explicit) {
        Ok(again) => {
            assert_eq!(first.parts(), again.parts());
            assert_eq!(
                (first.tables(), first.kind()),
                (again.tables(), again.kind())
            );
            assert_eq!(first.parameters(), again.parameters());
        }
        Err(refusal) => panic!("{refusal}: {explicit}"),
    }
    // The token check is stricter, and never takes a write for a read.
    if let Ok(raw) = tenant_raw(&explicit) {
        assert_eq!(raw.render("\"s\""), first.render("\"s\""));
        assert!(raw.kind() == Kind::Write || first.kind() == Kind::Read);
    }
}

fn is_readable(sql: &str, refusal: &Refusal) {
    let span = refusal.span();
    assert!(sql.get(span.clone()).is_some(), "{span:?} in {sql:?}");
    assert!(!refusal.reason().is_empty() && !refusal.help().is_empty());
    assert!(refusal.explain(sql).starts_with(&refusal.to_string()));
}
