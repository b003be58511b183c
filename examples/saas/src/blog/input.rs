//! What clients may say about a post, and the rules it must keep.

use garde::Validate;
use serde::Deserialize;

use crate::input::{no_nul, not_blank};

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
