//! The macros of `tenancy-sqlx`; use them through that crate.
//!
//! [`tenant_sql!`](macro@tenant_sql) reads a tenant's statement while the program is compiled:
//! see `tenancy-qualify` for what it accepts and how it keeps a statement inside its tenant.
//! [`shared_sql!`](macro@shared_sql) does the same for statements on the app's own tables, and
//! [`#[test]`](macro@test) gives a test tenants of its own.
#![forbid(unsafe_code)]

mod manifest;
mod test;

use proc_macro::TokenStream;
use quote::quote;
use syn::parse::ParseStream;
use syn::{Ident, LitStr};

use manifest::Manifest;
use tenancy_qualify::{Allowed, Kind, Refusal, Statement};

/// Checks one SQL statement and puts the tenant's schema in front of every table of it.
///
/// The result is a `&'static TenantSql<Read>` or a `&'static TenantSql<Write>`, which a tenant's
/// database door runs. A statement that could leave the tenant's schema does not compile.
///
/// ```text
/// let one = tenant_sql!("SELECT id, title FROM blogs WHERE id = $1");
/// let add = tenant_sql!("INSERT INTO blogs (title) VALUES ($1) RETURNING id");
/// ```
///
/// A few forms of PostgreSQL are unknown to the parser. With `raw` the statement names every
/// table as `tenant.x` itself and is checked by its tokens:
///
/// ```text
/// let lock = tenant_sql!(raw "SELECT id FROM tenant.blogs WHERE id = $1 FOR NO KEY UPDATE");
/// ```
///
/// A refusal names its reason and the way out:
///
/// ```text
/// error: schema public is not the tenant's; write the table's name alone, shared.x for what
///        every tenant reads, or shared_sql! for the app's global tables
/// ```
#[proc_macro]
pub fn tenant_sql(input: TokenStream) -> TokenStream {
    expand(input, Door::Tenant)
}

/// Checks one SQL statement on the app's own tables, in which every table names its schema.
///
/// The result is a `&'static SharedSql<Read>` or a `&'static SharedSql<Write>`. Tables of `public`
/// and `shared` are read and written, `tenancy.tenants` and `tenancy.domains` are read. A
/// statement on a tenant's tables does not compile.
///
/// ```text
/// let one = shared_sql!("SELECT id, email FROM public.users WHERE id = $1");
/// let lock = shared_sql!(raw "SELECT id FROM public.users WHERE id = $1 FOR NO KEY UPDATE");
/// ```
#[proc_macro]
pub fn shared_sql(input: TokenStream) -> TokenStream {
    expand(input, Door::Shared)
}

/// The functions and types that the crate's `tenancy.toml` adds to the lists.
///
/// The result is a `&'static Allowed`, with which statements that are composed at run time are
/// checked as the macros check theirs. Without the file it adds nothing.
///
/// ```text
/// let allowed: &'static Allowed = allowed!();
/// ```
#[proc_macro]
pub fn allowed(input: TokenStream) -> TokenStream {
    if !input.is_empty() {
        return refused("allowed!() takes nothing: what it gives stands in tenancy.toml").into();
    }
    let manifest = match Manifest::of_this_crate() {
        Ok(manifest) => manifest,
        Err(message) => return refused(message).into(),
    };
    let text = manifest
        .path()
        .map_or_else(|| quote!(""), |path| quote!(::core::include_str!(#path)));
    quote! {{
        static ALLOWED: ::std::sync::LazyLock<::tenancy_sqlx::Allowed> =
            ::std::sync::LazyLock::new(|| ::tenancy_sqlx::__private::allowed(#text));
        let allowed: &'static ::tenancy_sqlx::Allowed = &ALLOWED;
        allowed
    }}
    .into()
}

/// Gives a test tenants of its own.
///
/// Every argument is made for the test: a new tenant for each `TenantDb`, `ScopedDb`,
/// `TenantContext` or `TestTenant`. `TestTenants`, `Fleet`, `Database` and `SharedDb` are those of
/// a database that no other test sees. Whatever implements `tenancy_sqlx::testing::FromTest` can be
/// an argument.
///
/// ```text
/// #[tenancy_sqlx::test]
/// async fn posts_are_counted(db: TenantDb) -> Result<(), tenancy_sqlx::Error> {
///     db.execute(tenant_sql!("INSERT INTO posts (title) VALUES ('one')")).await?;
///     let count: i64 = db.query_scalar(tenant_sql!("SELECT count(*) FROM posts")).fetch_one().await?;
///     assert_eq!(count, 1);
///     Ok(())
/// }
/// ```
///
/// The migrations are those in the crate's folder `migrations`, with `tenant/` and `shared/` in it;
/// another one is named by `#[tenancy_sqlx::test(migrations = "db/migrations")]`. Tests run beside
/// each other: the shared migrations are applied once per process. Tests that take nothing but
/// tenants share a database, in which each has its own; any other test gets a copy of it.
///
/// What a test made is gone afterwards. A test that panics or returns an `Err` keeps it, and prints
/// how to look at it.
///
/// The server is the one at `TEST_DATABASE_URL`, or one that the first test starts. Needs the
/// feature `testing`.
#[proc_macro_attribute]
pub fn test(attribute: TokenStream, item: TokenStream) -> TokenStream {
    test::expand(attribute.into(), item.into())
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}

fn refused(message: impl std::fmt::Display) -> proc_macro2::TokenStream {
    syn::Error::new(proc_macro2::Span::call_site(), message).into_compile_error()
}

/// Which of the macros was written.
#[derive(Debug, Clone, Copy)]
enum Door {
    Tenant,
    Shared,
}

fn expand(input: TokenStream, door: Door) -> TokenStream {
    let parse = |input: ParseStream<'_>| Input::parse(input, door);
    let input = syn::parse_macro_input!(input with parse);
    let manifest = match Manifest::of_this_crate() {
        Ok(manifest) => manifest,
        Err(message) => return refused(message).into(),
    };
    let sql = input.text.value();
    let expanded = match input.read(&sql, door, &manifest.allowed) {
        Ok(statement) => {
            let watched = manifest.watched();
            match door {
                Door::Tenant => tenant_statement(&statement, &watched),
                Door::Shared => shared_statement(&statement, &watched),
            }
        }
        Err(refusal) => {
            // A part of a literal cannot be pointed at, so the message shows the line itself.
            syn::Error::new(input.text.span(), refusal.explain(&sql)).into_compile_error()
        }
    };
    expanded.into()
}

/// A literal, perhaps with `raw` in front of it.
struct Input {
    raw: bool,
    text: LitStr,
}

impl Input {
    fn read(&self, sql: &str, door: Door, allowed: &Allowed) -> Result<Statement, Refusal> {
        match (door, self.raw) {
            (Door::Tenant, false) => allowed.tenant(sql),
            (Door::Tenant, true) => allowed.tenant_raw(sql),
            (Door::Shared, false) => allowed.shared(sql),
            (Door::Shared, true) => allowed.shared_raw(sql),
        }
    }

    fn parse(input: ParseStream<'_>, door: Door) -> syn::Result<Self> {
        let name = match door {
            Door::Tenant => "tenant_sql!",
            Door::Shared => "shared_sql!",
        };
        let wanted = format!(
            "{name} takes one string literal, or raw and one string literal; \
             bind values as $1 instead of composing the text"
        );
        let marker: Option<Ident> = input.parse()?;
        if let Some(marker) = &marker
            && marker != "raw"
        {
            return Err(syn::Error::new(marker.span(), wanted));
        }
        let text = input
            .parse()
            .map_err(|error| syn::Error::new(error.span(), &wanted))?;
        if input.is_empty() {
            return Ok(Self {
                raw: marker.is_some(),
                text,
            });
        }
        Err(input.error(wanted))
    }
}

fn kind(statement: &Statement) -> proc_macro2::TokenStream {
    match statement.kind() {
        Kind::Read => quote!(::tenancy_sqlx::Read),
        Kind::Write => quote!(::tenancy_sqlx::Write),
    }
}

fn tenant_statement(
    statement: &Statement,
    watched: &proc_macro2::TokenStream,
) -> proc_macro2::TokenStream {
    let (parts, tables) = (statement.parts(), statement.tables());
    let (id, parameters) = (statement.id(), statement.parameters());
    let (kind, calls) = (kind(statement), statement.calls());
    quote! {{
        #watched
        static STATEMENT: ::tenancy_sqlx::TenantSql<#kind> = ::tenancy_sqlx::__private::tenant_sql(
            &[#(#parts),*], #id, &[#(#tables),*], #parameters, ::core::file!(), ::core::line!(),
        )
        .calling(#calls);
        &STATEMENT
    }}
}

fn shared_statement(
    statement: &Statement,
    watched: &proc_macro2::TokenStream,
) -> proc_macro2::TokenStream {
    // Nothing is written into such a text, so it is one part.
    let (text, tables) = (statement.parts().concat(), statement.tables());
    let (id, parameters) = (statement.id(), statement.parameters());
    let (kind, calls) = (kind(statement), statement.calls());
    quote! {{
        #watched
        static STATEMENT: ::tenancy_sqlx::SharedSql<#kind> = ::tenancy_sqlx::__private::shared_sql(
            #text, #id, &[#(#tables),*], #parameters, ::core::file!(), ::core::line!(),
        )
        .calling(#calls);
        &STATEMENT
    }}
}
