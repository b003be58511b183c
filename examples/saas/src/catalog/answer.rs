//! What was read, as an answer that may say whether it was remembered.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::response::{AppendHeaders, IntoResponse, Response};
use serde::Serialize;
use tenancy_axum::Json;
use tenancy_core::cache::Loaded;

use crate::state::{AppState, CacheHeader};

/// Makes answers of what was loaded, with `x-cache: hit` or `miss` where that is shown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answers(CacheHeader);

impl FromRequestParts<AppState> for Answers {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(_: &mut Parts, state: &AppState) -> Result<Self, Self::Rejection> {
        Ok(Self(state.cache_header))
    }
}

impl Answers {
    /// The value as JSON.
    pub(super) fn json<T: Serialize>(self, loaded: Loaded<T>) -> Response {
        self.with(&loaded, Json(&loaded.value).into_response())
    }

    /// The same for an answer that was made of the value.
    pub(crate) fn with<T>(self, loaded: &Loaded<T>, answer: Response) -> Response {
        match self.0 {
            CacheHeader::Hidden => answer,
            CacheHeader::Shown => {
                let header = ("x-cache", loaded.source.as_str());
                (AppendHeaders([header]), answer).into_response()
            }
        }
    }
}
