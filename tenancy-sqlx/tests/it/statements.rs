//! The tests' statements.

use tenancy_sqlx::{Read, TenantSql, Write, tenant_sql};

pub(crate) const TITLE: &TenantSql<Read> = tenant_sql!("SELECT title FROM blogs WHERE id = $1");

pub(crate) const BLOG: &TenantSql<Read> =
    tenant_sql!("SELECT id, title, body FROM blogs WHERE id = $1");

pub(crate) const TITLES: &TenantSql<Read> = tenant_sql!("SELECT title FROM blogs ORDER BY id");

pub(crate) const IDS: &TenantSql<Read> = tenant_sql!("SELECT id FROM blogs ORDER BY id");

pub(crate) const COUNT: &TenantSql<Read> = tenant_sql!("SELECT count(*) FROM blogs");

pub(crate) const INSERT: &TenantSql<Write> =
    tenant_sql!("INSERT INTO blogs (id, title) VALUES ($1, $2)");

pub(crate) const UPDATE: &TenantSql<Write> =
    tenant_sql!("UPDATE blogs SET title = $2 WHERE id = $1");

pub(crate) const DELETE: &TenantSql<Write> = tenant_sql!("DELETE FROM blogs WHERE id = $1");
