//! Routines that work with other names or other rights than their tenant's.

use super::look::Look;
use crate::doctor::Code;
use crate::error::Error;
use crate::search_path::{PIN_ROUTINE, ROUTINE_PIN};

/// Looks at the routines of tenants, `shared` and `public` that are not an extension's.
///
/// One written in C names nothing, and a body of standard SQL was bound to its tables when it was
/// made; what those depend on is looked at elsewhere.
pub(super) async fn look(look: &mut Look<'_>) -> Result<(), Error> {
    let question = format!(
        "WITH routines AS (
            SELECT p.oid, p.prosecdef, n.nspname, n.of_tenant,
                {ROUTINE_PIN} AS pin, {PIN_ROUTINE} AS action,
                (l.lanname IN ('c', 'internal') OR p.prosqlbody IS NOT NULL) AS is_bound
            FROM pg_proc p JOIN looked n ON n.oid = p.pronamespace
            JOIN pg_language l ON l.oid = p.prolang
            WHERE p.prokind <> 'a' AND n.nspname NOT IN ('tenancy', 'extensions')
              AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass
                AND d.objid = p.oid AND d.deptype = 'e')
        ), judged AS (
            SELECT *, CASE
                WHEN prosecdef AND of_tenant THEN 'security_definer_in_tenant'
                WHEN EXISTS (SELECT FROM string_to_table(pin, ',') AS name
                    JOIN fleet ON fleet.nspname = btrim(btrim(name), '\"')
                    WHERE fleet.nspname <> routines.nspname) THEN 'routine_of_another_tenant'
                WHEN pin IS NULL AND prosecdef THEN 'security_definer_unpinned'
                WHEN pin IS NULL AND NOT is_bound THEN 'routine_path_not_pinned' END AS code
            FROM routines
        )
        SELECT code, oid::regprocedure::text, coalesce(pin, ''),
            format('ALTER ROUTINE %s %s%s', oid::regprocedure,
                CASE WHEN code = 'security_definer_in_tenant' THEN 'SECURITY INVOKER ' ELSE '' END,
                action)
        FROM judged WHERE code IS NOT NULL"
    );
    look.ask(&question, |found| {
        let subject = &found.subject;
        let message = match found.code {
            Code::SecurityDefinerInTenant => format!(
                "the routine {subject} of a tenant runs with the rights of its owner, who owns \
                 every tenant"
            ),
            Code::SecurityDefinerUnpinned => format!(
                "the routine {subject} runs with the rights of its owner and looks for its names \
                 where its caller says"
            ),
            Code::RoutineOfAnotherTenant => format!(
                "the routine {subject} looks for its names in {}, and so in the schema of another \
                 tenant",
                found.detail
            ),
            _ => format!(
                "the routine {subject} looks for its names where its caller does: called for \
                 another tenant, or by statements without a path, it meets other tables or none"
            ),
        };
        found.says(message)
    })
    .await
}
