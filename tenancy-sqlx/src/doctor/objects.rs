//! Tables, types and extensions that are in the wrong schema.

use super::look::Look;
use crate::doctor::Code;
use crate::error::Error;

/// Looks at tables of `public`, at types of tenants and at every extension.
pub(super) async fn look(look: &mut Look<'_>) -> Result<(), Error> {
    look.ask(SHADOWS, |found| {
        let message = format!(
            "{} is called like a table of {}: SQL that names no schema, in a tool or an old \
             program, takes one for the other",
            found.subject, found.detail
        );
        found.says(message)
    })
    .await?;
    look.ask(TYPES_AND_EXTENSIONS, |found| {
        let (subject, detail) = (&found.subject, &found.detail);
        let message = if found.code == Code::TypePerTenant {
            format!(
                "the type {subject} is in {detail}: a connection remembers one of them and is \
                 wrong about the next tenant's. Make it in schema shared by a shared migration, \
                 and use it there"
            )
        } else {
            format!(
                "the extension {subject} is in schema {detail}, where no tenant's statement finds \
                 it: its place is the schema extensions"
            )
        };
        found.says(message)
    })
    .await
}

const SHADOWS: &str = "
    SELECT 'public_shadows_tenant', p.oid::regclass::text,
        CASE count(*) WHEN 1 THEN 'schema ' || quote_ident(min(fleet.nspname))
            ELSE count(*) || ' tenants' END,
        format('ALTER TABLE %s RENAME TO %I', p.oid::regclass,
            'public_' || left(p.relname, 55))
    FROM pg_class p
    JOIN pg_class c ON c.relname = p.relname AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
    JOIN fleet ON fleet.oid = c.relnamespace
    WHERE p.relnamespace = to_regnamespace('public') AND p.relkind IN ('r', 'p', 'v', 'm', 'f')
    GROUP BY p.oid, p.relname";

/// A type moves only while one tenant has it; an extension only where its author allows it.
const TYPES_AND_EXTENSIONS: &str = "
    SELECT 'type_per_tenant', quote_ident(t.typname),
        CASE count(*) WHEN 1 THEN 'the schema ' || quote_ident(min(fleet.nspname))
            ELSE 'the schemas of ' || count(*) || ' tenants' END,
        CASE WHEN count(*) = 1 AND NOT EXISTS (SELECT FROM pg_type s WHERE s.typname = t.typname
                AND s.typnamespace = to_regnamespace('shared'))
            THEN format('ALTER %s %I.%I SET SCHEMA shared',
                CASE min(t.typtype::text) WHEN 'd' THEN 'DOMAIN' ELSE 'TYPE' END,
                min(fleet.nspname), t.typname) END
    FROM pg_type t JOIN fleet ON fleet.oid = t.typnamespace
    LEFT JOIN pg_class c ON c.oid = t.typrelid
    WHERE (t.typtype IN ('e', 'd', 'r') OR t.typtype = 'c' AND c.relkind = 'c')
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_type'::regclass
        AND d.objid = t.oid AND d.deptype = 'e')
    GROUP BY t.typname
    UNION ALL
    SELECT 'extension_out_of_reach', quote_ident(e.extname), quote_ident(n.nspname),
        CASE WHEN e.extrelocatable
            THEN format('ALTER EXTENSION %I SET SCHEMA extensions', e.extname)
            ELSE format('DROP EXTENSION %I; CREATE EXTENSION %1$I SCHEMA extensions', e.extname) END
    FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
    WHERE n.nspname NOT IN ('extensions', 'pg_catalog')";
