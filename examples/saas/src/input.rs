//! The rules that what clients send keeps, whatever it is about.

use garde::Validate;
use tenancy_axum::ApiError;
use tenancy_core::{FieldError, Problem, ProblemCode};

/// Passes `input` on when it keeps its rules, and otherwise names every field that does not.
pub(crate) fn valid<T: Validate<Context = ()>>(input: T) -> Result<T, ApiError> {
    match input.validate() {
        Ok(()) => Ok(input),
        Err(report) => Err(invalid(report.iter().map(|(path, error)| {
            let path = path.to_string().replace('.', "/");
            fault(&path, error.message())
        }))),
    }
}

/// A field, or a parameter of the query, that does not fit.
pub(crate) fn fault(field: &str, detail: impl Into<String>) -> FieldError {
    FieldError {
        pointer: format!("#/{field}"),
        code: "invalid".to_owned(),
        detail: detail.into(),
    }
}

/// The refusal that names `faults`.
pub(crate) fn invalid(faults: impl IntoIterator<Item = FieldError>) -> ApiError {
    Problem::new(ProblemCode::ValidationFailed)
        .detail("some values do not fit: see errors")
        .errors(faults)
        .into()
}

pub(crate) fn not_blank<C>(text: &str, context: &C) -> garde::Result {
    if text.trim().is_empty() {
        return Err(garde::Error::new("must not be blank"));
    }
    no_nul(text, context)
}

/// PostgreSQL's text cannot hold NUL; saying so beats a database error.
pub(crate) fn no_nul<C>(text: &str, _: &C) -> garde::Result {
    if text.contains('\0') {
        return Err(garde::Error::new("must not contain a NUL character"));
    }
    Ok(())
}
