//! The macros of `tenancy-sqlx`; use them through that crate.
//!
//! [`tenant_sql!`](macro@tenant_sql) reads a tenant's statement while the program is compiled:
//! see `tenancy-qualify` for what it accepts and how it keeps a statement inside its tenant.
//! [`shared_sql!`](macro@shared_sql) does the same for statements on the app's own tables.
#![forbid(unsafe_code)]

mod manifest;

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
