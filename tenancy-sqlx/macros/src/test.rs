//! `#[tenancy_sqlx::test]`.

use std::path::{Path, PathBuf};

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::parse::Parser as _;
use syn::spanned::Spanned as _;
use syn::{Error, FnArg, ItemFn, LitStr, Type, Visibility};

/// Where the migrations are when nobody says.
const FOLDER: &str = "migrations";

/// The function of the test harness around the asynchronous one.
pub(crate) fn expand(attribute: TokenStream, item: TokenStream) -> syn::Result<TokenStream> {
    let mut test: ItemFn = syn::parse2(item)?;
    let types = arguments(&test)?;
    let (folder, span) = folder(attribute)?;
    // The rest is compiled all the same, so that everything that is wrong shows at once.
    let problem = problem_with(&folder).map(|text| Error::new(span, text).into_compile_error());

    // Attributes such as `ignore` and `should_panic` are for the harness.
    let attributes = std::mem::take(&mut test.attrs);
    let visibility = std::mem::replace(&mut test.vis, Visibility::Inherited);
    let (name, output) = (&test.sig.ident, &test.sig.output);
    let names: Vec<_> = (0..types.len())
        .map(|number| format_ident!("argument_{number}"))
        .collect();
    let made = types.iter().zip(&names).map(|(kind, name)| {
        // A type that cannot be made is shown where it is written.
        quote_spanned! {kind.span()=>
            let #name = <#kind as ::tenancy_sqlx::testing::FromTest>::from_test(tenants).await;
        }
    });
    let needs = types.iter().map(
        |kind| quote_spanned!(kind.span()=> <#kind as ::tenancy_sqlx::testing::FromTest>::NEEDS),
    );
    Ok(quote! {
        #problem
        #[::core::prelude::v1::test]
        #(#attributes)*
        #visibility fn #name() #output {
            #test
            ::tenancy_sqlx::__private::test(
                ::core::concat!(::core::env!("CARGO_MANIFEST_DIR"), "/", #folder),
                &[#(#needs),*],
                async |tenants: &::tenancy_sqlx::testing::TestTenants| {
                    #(#made)*
                    #name(#(#names),*).await
                },
            )
        }
    })
}

/// The types of the arguments of a function that can be a test.
fn arguments(test: &ItemFn) -> syn::Result<Vec<Type>> {
    let signature = &test.sig;
    if signature.asyncness.is_none() {
        return Err(Error::new(
            signature.fn_token.span(),
            "a #[tenancy_sqlx::test] is an async fn: what it works on is asked over the network",
        ));
    }
    if !signature.generics.params.is_empty() {
        return Err(Error::new(
            signature.generics.span(),
            "a #[tenancy_sqlx::test] has no generic parameters: nobody would choose them",
        ));
    }
    if signature.inputs.is_empty() {
        return Err(Error::new(
            signature.paren_token.span.join(),
            "a #[tenancy_sqlx::test] takes what it works on, such as `db: TenantDb`; use \
             #[tokio::test] for a test without tenants",
        ));
    }
    let argument = |input: &FnArg| match input {
        FnArg::Receiver(receiver) => Err(Error::new(
            receiver.span(),
            "a #[tenancy_sqlx::test] is a function of its own, not a method",
        )),
        FnArg::Typed(argument) => Ok((*argument.ty).clone()),
    };
    signature.inputs.iter().map(argument).collect()
}

/// The folder of the migrations, relative to the crate's, and where it is named.
fn folder(attribute: TokenStream) -> syn::Result<(String, Span)> {
    let mut named: Option<LitStr> = None;
    let parser = syn::meta::parser(|meta| {
        if meta.path.is_ident("migrations") {
            named = Some(meta.value()?.parse()?);
            return Ok(());
        }
        Err(meta.error(
            "#[tenancy_sqlx::test] knows only migrations = \"folder\", relative to Cargo.toml",
        ))
    });
    parser.parse2(attribute)?;
    Ok(match &named {
        Some(folder) => (folder.value(), folder.span()),
        None => (FOLDER.to_owned(), Span::call_site()),
    })
}

/// Why there are no migrations in `folder` of the crate that is compiled.
fn problem_with(folder: &str) -> Option<String> {
    let root = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from)?;
    problem_at(&root.join(folder), folder)
}

/// Why there are no migrations at `path`, which somebody called `folder`.
fn problem_at(path: &Path, folder: &str) -> Option<String> {
    let there = |name: &str| path.join(name).is_dir();
    if there("tenant") || there("shared") {
        return None;
    }
    let what = if path.is_dir() {
        "has neither tenant/ nor shared/ in it"
    } else {
        "does not exist"
    };
    Some(format!(
        "the folder {folder} beside Cargo.toml {what}: name the one with the migrations by \
         #[tenancy_sqlx::test(migrations = \"folder\")]"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(attribute: &str, item: &str) -> syn::Result<String> {
        let parse = |text: &str| text.parse::<TokenStream>().expect("tokens");
        expand(parse(attribute), parse(item)).map(|tokens| tokens.to_string())
    }

    #[test]
    fn a_folder_without_migrations_is_named() {
        for (attribute, problem) in [
            (
                "migrations = \"nowhere\"",
                "the folder nowhere beside Cargo.toml does not exist",
            ),
            (
                "migrations = \"src\"",
                "the folder src beside Cargo.toml has neither tenant/",
            ),
            ("", "the folder migrations beside Cargo.toml does not exist"),
        ] {
            let tokens = expanded(attribute, "async fn t(db: TenantDb) {}").expect("a test");
            assert!(tokens.contains(problem), "{tokens}");
        }
    }

    #[test]
    fn a_folder_with_one_side_is_enough() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(problem_at(folder.path(), "m").is_some());
        std::fs::create_dir(folder.path().join("tenant")).expect("a folder");
        assert_eq!(problem_at(folder.path(), "m"), None);
    }

    #[test]
    fn an_unknown_word_is_refused() {
        let error = expanded("migration = \"src\"", "async fn t(db: TenantDb) {}");
        let error = error.expect_err("a misspelt word").to_string();
        assert!(error.contains("knows only migrations ="), "{error}");
    }
}
