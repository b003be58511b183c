//! What changes with every migration: whole rows and lists of columns that are not written.
use tenancy_sqlx::tenant_sql;

fn main() {
    let _ = tenant_sql!("SELECT b.* FROM blogs b");
    let _ = tenant_sql!("SELECT id, (SELECT count(*) FROM (SELECT * FROM comments) AS c) FROM blogs");
    let _ = tenant_sql!("DELETE FROM blogs WHERE id = $1 RETURNING *");
    let _ = tenant_sql!("SELECT b FROM blogs b");
    let _ = tenant_sql!("SELECT row_to_json(b) FROM blogs AS b");
    let _ = tenant_sql!("SELECT to_jsonb(b.*) FROM blogs b");
    let _ = tenant_sql!("SELECT blogs FROM blogs");
    let _ = tenant_sql!("SELECT id FROM blogs NATURAL JOIN ratings");
    let _ = tenant_sql!("INSERT INTO blogs SELECT id, title FROM drafts");
    let _ = tenant_sql!("MERGE INTO ratings r USING blogs b ON r.id = b.id WHEN NOT MATCHED THEN INSERT VALUES (b.id, 0)");
    let _ = tenant_sql!("TABLE blogs");
    let _ = tenant_sql!("SELECT id FROM drafts UNION TABLE blogs");
    let _ = tenant_sql!("SELECT (b).title FROM blogs b");
    let _ = tenant_sql!("SELECT n.lower FROM unnest($1::text[]) AS n");
    let _ = tenant_sql!("SELECT title FROM unnest($1::text[])");
    let _ = tenant_sql!("SELECT x.title FROM blogs b");
    let _ = tenant_sql!("SELECT blogs.title FROM public.blogs AS b");
    let _ = tenant_sql!("SELECT acme.blogs.title FROM blogs");
}
