//! The macros of `tenancy-sqlx`; use them through that crate.
//!
//! [`tenant_sql!`](macro@tenant_sql) reads a tenant's statement while the program is compiled:
//! see `tenancy-qualify` for what it accepts and how it keeps a statement inside its tenant.
#![forbid(unsafe_code)]

mod excerpt;

use proc_macro::TokenStream;
use quote::quote;
use syn::parse::{Parse, ParseStream};
use syn::{Ident, LitStr};

use tenancy_qualify::{Kind, Refusal, Statement};

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
/// error: schema public is not the tenant's; write the table's name alone, or shared.x for what
///        every tenant reads
/// ```
#[proc_macro]
pub fn tenant_sql(input: TokenStream) -> TokenStream {
    let input = syn::parse_macro_input!(input as Input);
    let sql = input.text.value();
    match input.read(&sql) {
        Ok(statement) => expand(&statement).into(),
        Err(refusal) => {
            let message = excerpt::message(&sql, &refusal);
            syn::Error::new(input.text.span(), message)
                .into_compile_error()
                .into()
        }
    }
}

/// A literal, perhaps with `raw` in front of it.
struct Input {
    raw: bool,
    text: LitStr,
}

impl Input {
    fn read(&self, sql: &str) -> Result<Statement, Refusal> {
        if self.raw {
            tenancy_qualify::tenant_raw(sql)
        } else {
            tenancy_qualify::tenant(sql)
        }
    }
}

impl Parse for Input {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        const WANTED: &str = "tenant_sql! takes one string literal, or raw and one string literal; \
                              bind values as $1 instead of composing the text";
        let marker: Option<Ident> = input.parse()?;
        if let Some(marker) = &marker
            && marker != "raw"
        {
            return Err(syn::Error::new(marker.span(), WANTED));
        }
        let text = input
            .parse()
            .map_err(|error| syn::Error::new(error.span(), WANTED))?;
        if input.is_empty() {
            return Ok(Self {
                raw: marker.is_some(),
                text,
            });
        }
        Err(input.error(WANTED))
    }
}

fn expand(statement: &Statement) -> proc_macro2::TokenStream {
    let parts = statement.parts();
    let tables = statement.tables();
    let (id, parameters) = (statement.id(), statement.parameters());
    let kind = match statement.kind() {
        Kind::Read => quote!(::tenancy_sqlx::Read),
        Kind::Write => quote!(::tenancy_sqlx::Write),
    };
    quote! {{
        static STATEMENT: ::tenancy_sqlx::TenantSql<#kind> =
            ::tenancy_sqlx::__private::tenant_sql(&[#(#parts),*], #id, &[#(#tables),*], #parameters);
        &STATEMENT
    }}
}
