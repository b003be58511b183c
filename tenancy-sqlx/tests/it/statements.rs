//! The tests' statements.

use tenancy_sqlx::__private::tenant_sql;
use tenancy_sqlx::{Read, TenantSql, Write};

const BLOGS: &[&str] = &["blogs"];

pub(crate) const TITLE: &TenantSql<Read> =
    &tenant_sql(&["SELECT title FROM ", ".blogs WHERE id = $1"], 1, BLOGS, 1);

pub(crate) const BLOG: &TenantSql<Read> = &tenant_sql(
    &["SELECT id, title, body FROM ", ".blogs WHERE id = $1"],
    2,
    BLOGS,
    1,
);

pub(crate) const TITLES: &TenantSql<Read> =
    &tenant_sql(&["SELECT title FROM ", ".blogs ORDER BY id"], 3, BLOGS, 0);

pub(crate) const IDS: &TenantSql<Read> =
    &tenant_sql(&["SELECT id FROM ", ".blogs ORDER BY id"], 4, BLOGS, 0);

pub(crate) const INSERT: &TenantSql<Write> = &tenant_sql(
    &["INSERT INTO ", ".blogs (id, title) VALUES ($1, $2)"],
    5,
    BLOGS,
    2,
);

pub(crate) const UPDATE: &TenantSql<Write> = &tenant_sql(
    &["UPDATE ", ".blogs SET title = $2 WHERE id = $1"],
    6,
    BLOGS,
    2,
);

pub(crate) const COUNT: &TenantSql<Read> =
    &tenant_sql(&["SELECT count(*) FROM ", ".blogs"], 7, BLOGS, 0);

pub(crate) const DELETE: &TenantSql<Write> =
    &tenant_sql(&["DELETE FROM ", ".blogs WHERE id = $1"], 8, BLOGS, 1);
