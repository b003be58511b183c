//! A tenant under test, and everything by which it would be recognised elsewhere.

use http::{HeaderName, HeaderValue};

use crate::tenant::Tenant;
use crate::testing::Canary;

/// A tenant under test: where its requests go, and what nobody else may get to see.
///
/// That is its [`Canary`], which its rows are to hold, its id, and every [`mark`](Self::mark).
#[derive(Debug, Clone)]
pub struct Party {
    pub(super) tenant: Tenant,
    pub(super) host: String,
    pub(super) canary: Canary,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) marks: Vec<Mark>,
}

/// A text that only one tenant has.
#[derive(Debug, Clone)]
pub(super) struct Mark {
    /// What it is, for reports.
    pub(super) what: &'static str,
    /// Whose it is, for reports.
    pub(super) whose: String,
    /// In lower case, because names of headers and hosts come so.
    pub(super) text: String,
}

impl Party {
    /// The tenant that answers on `host`.
    pub fn new(tenant: &Tenant, host: impl Into<String>) -> Self {
        let canary = Canary::for_tenant(&tenant.id());
        let id = tenant.id();
        let uuid = id.as_uuid();
        let marks = vec![
            Mark::new("the canary", tenant, canary.as_str()),
            Mark::new("the id", tenant, &uuid.hyphenated().to_string()),
            Mark::new("the id", tenant, &uuid.simple().to_string()),
        ];
        Self {
            tenant: tenant.clone(),
            host: host.into(),
            canary,
            headers: Vec::new(),
            marks,
        }
    }

    /// Adds a text that only this tenant has, such as its name; too short a one would be found
    /// everywhere.
    #[must_use]
    pub fn mark(mut self, text: &str) -> Self {
        if !text.is_empty() {
            self.marks.push(Mark::new("a mark", &self.tenant, text));
        }
        self
    }

    /// Adds a header to every request of this tenant, such as its token.
    ///
    /// A tenant with headers of its own is also played by somebody who reads with them on the other
    /// tenant's host.
    ///
    /// # Panics
    ///
    /// When it is not a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let name = HeaderName::try_from(name).expect("the name of a header");
        let value = HeaderValue::try_from(value).expect("the value of a header");
        self.headers.push((name, value));
        self
    }

    /// What reports call it.
    pub(super) fn name(&self) -> String {
        format!("tenant {}", self.tenant.slug())
    }

    /// The tenant.
    pub fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    /// The host that it answers on.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The word that its rows are to hold.
    pub fn canary(&self) -> &Canary {
        &self.canary
    }
}

impl Mark {
    fn new(what: &'static str, tenant: &Tenant, text: &str) -> Self {
        Self {
            what,
            whose: format!("tenant {}", tenant.slug()),
            text: text.to_lowercase(),
        }
    }
}
