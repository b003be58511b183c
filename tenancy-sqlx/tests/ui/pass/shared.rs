//! Statements on the app's own tables name their schemas and know where they are written.
use tenancy_sqlx::{Read, SharedSql, Write, shared_sql};

const USER: &SharedSql<Read> = shared_sql!("SELECT id, email FROM public.users WHERE id = $1");

fn main() {
    assert_eq!(USER.text(), "SELECT id, email FROM public.users WHERE id = $1");
    assert_eq!((USER.tables(), USER.parameters()), (&["public.users"][..], 1));
    assert!(USER.is_read_only() && USER.file().ends_with("shared.rs") && USER.line() == 4);

    let price: &SharedSql<Write> = shared_sql!(
        "UPDATE shared.plans p SET price = $2 FROM public.users u, tenancy.tenants t \
         WHERE p.id = $1 AND u.id = p.owner_id AND t.id = u.tenant_id RETURNING p.price"
    );
    assert_eq!(price.tables(), ["public.users", "shared.plans", "tenancy.tenants"]);

    let lock: &SharedSql<Write> =
        shared_sql!(raw "SELECT id FROM public.users WHERE id = $1 FOR NO KEY UPDATE");
    assert_eq!(lock.tables(), ["public.users"]);
}
