//! What the parser and PostgreSQL read differently, and parameters that do not add up.
use tenancy_sqlx::tenant_sql;

fn main() {
    let _ = tenant_sql!("SELECT id FROM blogs WHERE id = ?");
    let _ = tenant_sql!("SELECT id FROM blogs WHERE id = :id");
    let _ = tenant_sql!("SELECT id FROM blogs WHERE id = $0");
    let _ = tenant_sql!("SELECT id FROM blogs WHERE id = $1 AND title = $3");
    let _ = tenant_sql!("SELECT 1_000");
    let _ = tenant_sql!("SELECT 0x1F");
    let _ = tenant_sql!("SELECT U&'d\\0061t'");
    let _ = tenant_sql!("SELECT 'it''s");
    let _ = tenant_sql!("SELECT 'a'\n'b'");
    let _ = tenant_sql!("SELECT `id` FROM blogs");
    let _ = tenant_sql!("SELECT id FROM blogs /* open");
    let _ = tenant_sql!("SELECT id FROM blogs WHERE title = \"acme");
    let _ = tenant_sql!("SELECT [id] FROM blogs");
    let _ = tenant_sql!("SELECT id FROM a_table_whose_name_is_longer_than_the_sixty_three_bytes_that_are_kept_of_it");
}
