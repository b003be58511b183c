//! A problem as it stands in a body, whoever wrote it.

use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tenancy_core::{Problem, ProblemCode};

use crate::request_id::RequestId;

/// The members of a problem in the order in which they are sent.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Document {
    #[serde(default = "blank")]
    pub(crate) r#type: String,
    #[serde(default)]
    pub(crate) title: String,
    #[serde(default)]
    pub(crate) status: u16,
    #[serde(default)]
    pub(crate) detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) instance: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) request_id: Option<String>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

fn blank() -> String {
    "about:blank".to_owned()
}

impl Document {
    /// The problem that a bare status stands for.
    pub(crate) fn of_status(status: StatusCode) -> Self {
        if let Some(code) = code_of(status) {
            let json = Problem::new(code).to_json();
            return serde_json::from_str(&json).expect("a problem is a document");
        }
        // Statuses without a code of their own are named by their registered phrase.
        let title = status.canonical_reason().unwrap_or("Failed");
        let code = title.to_ascii_lowercase().replace([' ', '-'], "_");
        let code = code.replace('\'', "");
        Self {
            r#type: format!("urn:tenancy:problem:{code}"),
            title: title.to_owned(),
            status: status.as_u16(),
            detail: title.to_owned(),
            instance: None,
            code: Some(code),
            request_id: None,
            rest: Map::new(),
        }
    }

    pub(crate) fn detail(mut self, detail: &str) -> Self {
        detail.clone_into(&mut self.detail);
        self
    }

    /// Names the request, where the problem's author has not.
    pub(crate) fn name(mut self, path: &str, id: Option<&RequestId>) -> Self {
        self.instance.get_or_insert_with(|| path.to_owned());
        if let Some(id) = id {
            self.request_id.get_or_insert_with(|| id.to_string());
        }
        self
    }

    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a struct of strings and JSON always serializes")
    }
}

fn code_of(status: StatusCode) -> Option<ProblemCode> {
    Some(match status {
        StatusCode::BAD_REQUEST => ProblemCode::BadRequest,
        StatusCode::UNAUTHORIZED => ProblemCode::Unauthorized,
        StatusCode::FORBIDDEN => ProblemCode::Forbidden,
        StatusCode::NOT_FOUND => ProblemCode::NotFound,
        StatusCode::METHOD_NOT_ALLOWED => ProblemCode::MethodNotAllowed,
        StatusCode::REQUEST_TIMEOUT => ProblemCode::RequestTimeout,
        StatusCode::CONFLICT => ProblemCode::Conflict,
        StatusCode::PAYLOAD_TOO_LARGE => ProblemCode::PayloadTooLarge,
        StatusCode::UNSUPPORTED_MEDIA_TYPE => ProblemCode::UnsupportedMediaType,
        StatusCode::UNPROCESSABLE_ENTITY => ProblemCode::ValidationFailed,
        StatusCode::TOO_MANY_REQUESTS => ProblemCode::RateLimited,
        StatusCode::INTERNAL_SERVER_ERROR => ProblemCode::Internal,
        StatusCode::SERVICE_UNAVAILABLE => ProblemCode::Unavailable,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_a_code_and_says_its_number() {
        for status in (400..600).filter_map(|n| StatusCode::from_u16(n).ok()) {
            let document = Document::of_status(status);
            assert_eq!(document.status, status.as_u16());
            let code = document.code.unwrap();
            assert!(
                code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'),
                "{code}"
            );
        }
    }

    #[test]
    fn members_it_does_not_know_are_kept() {
        let sent = r##"{"title":"T","status":422,"errors":[{"pointer":"#/a"}],"tenant":"acme"}"##;
        let document: Document = serde_json::from_str(sent).unwrap();
        let kept: Value = serde_json::from_str(&document.name("/p", None).to_json()).unwrap();
        assert_eq!(kept["errors"][0]["pointer"], "#/a");
        assert_eq!(kept["tenant"], "acme");
        assert_eq!(kept["instance"], "/p");
        assert_eq!(kept["type"], "about:blank");
    }
}
