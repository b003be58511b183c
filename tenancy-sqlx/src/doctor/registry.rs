//! Records without schemas, schemas without records, and tables that are behind.

use tenancy_core::Status;

use super::look::Look;
use super::{Code, Finding, Severity};
use crate::dev_schema::MARK;
use crate::error::Error;
use crate::migrate::ledger::{self, Listing, Scope, Sets, standing};

/// Compares the fleet's records with the schemas there are, and its ledger with `sets`.
pub(super) async fn look(look: &mut Look<'_>, sets: Sets<'_>) -> Result<(), Error> {
    look.ask(MISSING, |found| {
        let (slug, serves) = (&found.subject, found.detail == Status::Active.as_str());
        let message = format!(
            "the tenant {slug} is {} and its schema is gone: bring it back from a backup, make an \
             empty one (`tenant repair --missing-schemas`), or give the tenant up",
            found.detail
        );
        let give_up = match found.detail.as_str() {
            "archived" | "provisioning" => format!("tenant purge {slug} --confirm {slug}"),
            _ => format!("tenant archive {slug} && tenant purge {slug} --confirm {slug}"),
        };
        let mut finding = Finding::new(found.code, &found.subject, message).command(give_up);
        if !serves {
            finding.severity = Severity::Warning;
        }
        finding
    })
    .await?;
    look.ask(&orphans(), |found| {
        let message = format!(
            "the schema {} {} and is no tenant's: what is in it was left behind or restored by \
             hand. Look at it before dropping it",
            found.subject, found.detail
        );
        found.says(message)
    })
    .await?;
    behind(look, sets).await
}

const MISSING: &str = "
    SELECT 'schema_missing', t.slug, t.status, NULL
    FROM tenancy.tenants t WHERE t.status <> 'purged'
      AND NOT EXISTS (SELECT FROM pg_namespace n WHERE n.nspname = t.schema_name)";

/// A schema looks like a tenant's when a purged one had its name or a tenant has a table of one of
/// its names.
fn orphans() -> String {
    format!(
        "WITH tables AS (
            SELECT DISTINCT c.relname FROM pg_class c JOIN fleet ON fleet.oid = c.relnamespace
            WHERE c.relkind IN ('r', 'p')
        )
        SELECT 'schema_orphaned', quote_ident(n.nspname),
            CASE WHEN was.name IS NULL THEN 'has tables of a tenant'
                ELSE 'has the name of a purged tenant' END,
            format('DROP SCHEMA %I CASCADE', n.nspname)
        FROM pg_namespace n
        LEFT JOIN (SELECT DISTINCT schema_name AS name FROM tenancy.tenants
            WHERE status = 'purged') was ON was.name = n.nspname
        WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
          AND NOT EXISTS (SELECT FROM looked WHERE looked.oid = n.oid)
          AND obj_description(n.oid, 'pg_namespace') IS DISTINCT FROM {mark}
          AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_namespace'::regclass
            AND d.objid = n.oid AND d.deptype = 'e')
          AND (was.name IS NOT NULL OR EXISTS (SELECT FROM pg_class c JOIN tables USING (relname)
            WHERE c.relnamespace = n.oid AND c.relkind IN ('r', 'p')))",
        mark = ledger::literal(MARK)
    )
}

/// How many tenants are listed one by one.
const LISTED: usize = 20;

async fn behind(look: &mut Look<'_>, sets: Sets<'_>) -> Result<(), Error> {
    let standing = standing(look.connection, sets, None, Listing::NotAtHead).await?;
    for subject in standing.subjects {
        let (name, what, command) = match &subject.scope {
            Scope::Framework => (
                "framework".into(),
                "the framework's tables".into(),
                "--shared",
            ),
            Scope::Shared => ("shared".into(), "the shared tables".into(), "--shared"),
            Scope::Tenant(target) => (
                target.slug.to_string(),
                format!("the tenant {}", target.slug),
                "--tenant",
            ),
        };
        let command = match command {
            "--tenant" => format!("migrate run --tenant {name}"),
            shared => format!("migrate run {shared}"),
        };
        let ledger = subject.ledger;
        if !ledger.mismatch.is_empty() {
            let message = format!(
                "{what}: migrations {} were applied by a newer program and {} were changed after \
                 they were applied: run the program that they belong to, or restore the files",
                list(&ledger.mismatch.unknown),
                list(&ledger.mismatch.changed),
            );
            keep(look, Finding::new(Code::MigrationsDiffer, &name, message));
        }
        if !ledger.pending.is_empty() {
            let message = format!("{what} is behind: {} pending", list(&ledger.pending));
            let finding = Finding::new(Code::MigrationsPending, &name, message);
            keep(look, finding.command(command));
        }
    }
    Ok(())
}

fn keep(look: &mut Look<'_>, finding: Finding) {
    let code = finding.code;
    if look.findings.iter().filter(|f| f.code == code).count() < LISTED {
        look.findings.push(finding);
    } else {
        *look.omitted.entry(code).or_default() += 1;
    }
}

fn list(versions: &[i64]) -> String {
    match versions {
        [] => "none".to_owned(),
        some => some
            .iter()
            .map(i64::to_string)
            .collect::<Vec<_>>()
            .join(", "),
    }
}
