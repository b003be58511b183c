//! What clients may say about a post, and the rules it must keep.

use garde::Validate;
use serde::Deserialize;
use tenancy_axum::ApiError;
use tenancy_core::{FieldError, Problem, ProblemCode};

/// A whole post, as POST and PUT take it.
#[derive(Debug, Clone, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct BlogInput {
    #[garde(custom(not_blank), length(chars, max = 200))]
    pub(crate) title: String,
    #[serde(default)]
    #[garde(custom(no_nul), length(chars, max = 1_000))]
    pub(crate) description: String,
    #[serde(default)]
    #[garde(custom(no_nul), length(chars, max = 100_000))]
    pub(crate) body: String,
    #[serde(default)]
    #[garde(custom(no_nul), length(chars, max = 150))]
    pub(crate) author: String,
    #[serde(default = "yes")]
    #[garde(skip)]
    pub(crate) published: bool,
}

/// Some fields of a post, as PATCH takes them.
#[derive(Debug, Clone, Default, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct BlogPatch {
    #[serde(default)]
    #[garde(inner(custom(not_blank), length(chars, max = 200)))]
    pub(crate) title: Option<String>,
    #[serde(default)]
    #[garde(inner(custom(no_nul), length(chars, max = 1_000)))]
    pub(crate) description: Option<String>,
    #[serde(default)]
    #[garde(inner(custom(no_nul), length(chars, max = 100_000)))]
    pub(crate) body: Option<String>,
    #[serde(default)]
    #[garde(inner(custom(no_nul), length(chars, max = 150)))]
    pub(crate) author: Option<String>,
    #[serde(default)]
    #[garde(skip)]
    pub(crate) published: Option<bool>,
}

impl From<BlogInput> for BlogPatch {
    fn from(input: BlogInput) -> Self {
        Self {
            title: Some(input.title),
            description: Some(input.description),
            body: Some(input.body),
            author: Some(input.author),
            published: Some(input.published),
        }
    }
}

fn yes() -> bool {
    true
}

fn not_blank<C>(text: &str, context: &C) -> garde::Result {
    if text.trim().is_empty() {
        return Err(garde::Error::new("must not be blank"));
    }
    no_nul(text, context)
}

/// PostgreSQL's text cannot hold NUL; saying so beats a database error.
fn no_nul<C>(text: &str, _: &C) -> garde::Result {
    if text.contains('\0') {
        return Err(garde::Error::new("must not contain a NUL character"));
    }
    Ok(())
}

/// Passes `input` on when it keeps its rules, and otherwise names every field that does not.
pub(crate) fn valid<T: Validate<Context = ()>>(input: T) -> Result<T, ApiError> {
    match input.validate() {
        Ok(()) => Ok(input),
        Err(report) => {
            let errors = report.iter().map(|(path, error)| FieldError {
                pointer: format!("#/{}", path.to_string().replace('.', "/")),
                code: "invalid".to_owned(),
                detail: error.message().to_owned(),
            });
            let detail = "some values do not fit: see errors";
            Err(Problem::new(ProblemCode::ValidationFailed)
                .detail(detail)
                .errors(errors)
                .into())
        }
    }
}
