//! Marks where the tenant's schema belongs in one SQL statement, or says why the statement is
//! refused.
//!
//! The engine does no I/O and knows no database: [`tenant`] reads a text and answers a
//! [`Statement`], whose parts are the source text cut where the schema's name is written. The
//! parser only says *where* a name stands; the text is never printed again from a tree, so what
//! reaches PostgreSQL is what was written, with the schema in front of every table.
//!
//! ```
//! let statement = tenancy_qualify::tenant("SELECT id, title FROM blogs WHERE id = $1")?;
//! assert_eq!(statement.parts(), ["SELECT id, title FROM ", ".blogs WHERE id = $1"]);
//! assert_eq!(statement.kind(), tenancy_qualify::Kind::Read);
//! assert_eq!(
//!     statement.render("\"acme\""),
//!     "SELECT id, title FROM \"acme\".blogs WHERE id = $1",
//! );
//! # Ok::<(), tenancy_qualify::Refusal>(())
//! ```
//!
//! # What keeps a statement inside its tenant
//!
//! * A text is read by two lexers, the parser's and one that follows PostgreSQL's own rules. A
//!   text they read differently (a comment that ends elsewhere, a blank that PostgreSQL takes for
//!   a letter) is refused before anything is concluded from it.
//! * Every form of the tree is listed by name. A form that is not known to be safe is refused,
//!   and so is a statement in which the parser reports a relation that was not handled.
//! * A table is either unqualified, `tenant.x` (the same, said explicitly) or `shared.x` (read
//!   only). `extensions.` holds functions, types and operators. No other schema is accepted.
//! * Functions are an allow-list, because a function may take SQL text or the name of a table.
//!   PostgreSQL also reads `n.f` as the call `f(n)` when `n` is a function in FROM, so such a
//!   function has an alias of its own, and `n.f` stands for a column that it is known to have.
//! * A text search configuration or dictionary is one of PostgreSQL's own, in a plain string.
//!
//! All of it supposes that the connection's `search_path` is empty, so that a name which escaped
//! every check is an error and not somebody's rows.
//!
//! # What the parser cannot read
//!
//! A few valid forms are unknown to the parser: `FOR NO KEY UPDATE`, `FOR UPDATE OF a, b`, a
//! frame's `EXCLUDE`, `SEARCH` and `CYCLE`, `ROWS FROM`, `ON CONFLICT (lower(email))` and such.
//! [`tenant_raw`] takes them: the text names every table as `tenant.x` itself, and only tokens
//! are checked, more strictly than [`tenant`] would.
#![forbid(unsafe_code)]

/// As that of `tenancy-core`, on which nothing here depends otherwise.
macro_rules! sabotaged {
    ($name:literal) => {{
        #[cfg(sabotage)]
        let broken = tenancy_core::sabotage::is_chosen($name);
        #[cfg(not(sabotage))]
        let broken = false;
        broken
    }};
}

mod allow;
mod allowed;
mod excerpt;
mod lex;
mod names;
mod raw;
mod refusal;
mod side;
mod source;
mod statement;
mod toml;
mod walk;

pub use allowed::{Allowed, InvalidAllowed};
pub use refusal::Refusal;
pub use statement::{Kind, Statement};

/// What the lists alone allow.
static LISTED: Allowed = Allowed::none();

/// Reads one tenant statement and marks every place where the tenant's schema is written.
///
/// # Errors
///
/// A [`Refusal`] names the offending text, the reason and the way out: for several statements,
/// statements that are not `SELECT`, `INSERT`, `UPDATE`, `DELETE` or `MERGE`, a schema that is
/// not the tenant's, a function or type that is not on the list, `*`, and everything that was
/// not understood.
///
/// ```
/// assert!(tenancy_qualify::tenant("DELETE FROM blogs WHERE id = $1").is_ok());
///
/// let refusal = tenancy_qualify::tenant("SELECT id FROM public.blogs").unwrap_err();
/// assert_eq!(refusal.span(), 15..21);
/// assert!(refusal.to_string().starts_with("schema public is not the tenant's"));
/// ```
pub fn tenant(sql: &str) -> Result<Statement, Refusal> {
    LISTED.tenant(sql)
}

/// Reads one tenant statement that names every table as `tenant.x`, without parsing it.
///
/// This is the way for forms which the parser does not know. It is a [`Kind::Read`] only when the
/// text starts with `SELECT`, `WITH` or `VALUES` and holds no writing or locking keyword.
///
/// # Errors
///
/// A [`Refusal`] as [`tenant`] gives, and for every table without `tenant.` or `shared.`.
///
/// ```
/// let lock = tenancy_qualify::tenant_raw("SELECT id FROM tenant.blogs FOR NO KEY UPDATE")?;
/// assert_eq!(lock.render("\"acme\""), "SELECT id FROM \"acme\".blogs FOR NO KEY UPDATE");
/// assert_eq!(lock.kind(), tenancy_qualify::Kind::Write);
///
/// assert!(tenancy_qualify::tenant_raw("SELECT id FROM blogs").is_err());
/// # Ok::<(), tenancy_qualify::Refusal>(())
/// ```
pub fn tenant_raw(sql: &str) -> Result<Statement, Refusal> {
    LISTED.tenant_raw(sql)
}

/// Reads one statement on the app's own tables, in which every table names its schema.
///
/// `public` and `shared` are read and written, `tenancy.tenants` and `tenancy.domains` are read.
/// The statement has no place for a schema, and its tables are qualified.
///
/// # Errors
///
/// A [`Refusal`] as [`tenant`] gives: for an unqualified table that is no CTE, a tenant's schema,
/// the framework's other tables, and everything that was not understood.
///
/// ```
/// let users = tenancy_qualify::shared("SELECT id, email FROM public.users WHERE id = $1")?;
/// assert_eq!(users.parts(), ["SELECT id, email FROM public.users WHERE id = $1"]);
/// assert_eq!(users.tables(), ["public.users"]);
///
/// let refusal = tenancy_qualify::shared("SELECT id FROM users").unwrap_err();
/// assert!(refusal.to_string().starts_with("users does not name its schema"));
/// # Ok::<(), tenancy_qualify::Refusal>(())
/// ```
pub fn shared(sql: &str) -> Result<Statement, Refusal> {
    LISTED.shared(sql)
}

/// Reads one statement on the app's own tables without parsing it, for forms which the parser
/// does not know.
///
/// # Errors
///
/// A [`Refusal`] as [`shared`] gives.
///
/// ```
/// let sql = "SELECT id FROM public.users FOR NO KEY UPDATE";
/// let lock = tenancy_qualify::shared_raw(sql)?;
/// assert_eq!(lock.tables(), ["public.users"]);
/// assert_eq!(lock.kind(), tenancy_qualify::Kind::Write);
///
/// assert!(tenancy_qualify::shared_raw("SELECT id FROM acme.blogs").is_err());
/// # Ok::<(), tenancy_qualify::Refusal>(())
/// ```
pub fn shared_raw(sql: &str) -> Result<Statement, Refusal> {
    LISTED.shared_raw(sql)
}
