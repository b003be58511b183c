//! Whoever sends requests.

use http::{HeaderName, HeaderValue, Request};

use super::IsolationKit;
use super::ask::{Ask, RequestBody};
use super::party::{Mark, Party};

/// Whoever sends requests: a tenant, or somebody who is none.
#[derive(Debug)]
pub(super) struct Actor<'a> {
    /// Who it is, for reports.
    pub(super) name: String,
    /// Which of the two tenants it is.
    pub(super) tenant: Option<usize>,
    /// Whether it is on another tenant's host, where it only reads: what somebody with such
    /// headers may write there is for the application to say.
    pub(super) guest: bool,
    host: &'a str,
    headers: &'a [(HeaderName, HeaderValue)],
    canary: &'a str,
    /// What it must not see.
    pub(super) foreign: Vec<&'a Mark>,
    /// Its own canary, where it may see that.
    pub(super) own: Option<&'a Mark>,
}

impl<'a> Actor<'a> {
    /// Everybody in `kit`; the two tenants come first.
    pub(super) fn all(kit: &'a IsolationKit) -> Vec<Self> {
        let parties = || kit.tenants.iter().chain(&kit.suspended);
        let marks_but = |own: Option<usize>| {
            parties()
                .enumerate()
                .filter(|(number, _)| Some(*number) != own)
                .flat_map(|(_, party)| &party.marks)
                .collect::<Vec<_>>()
        };
        let as_party = |party: &'a Party, tenant: Option<usize>| Self {
            name: format!("{} on {}", party.name(), party.host),
            tenant,
            guest: false,
            host: &party.host,
            headers: &party.headers,
            canary: party.canary.as_str(),
            foreign: marks_but(tenant),
            own: tenant.map(|_| &party.marks[0]),
        };
        let mut actors: Vec<Self> = kit
            .tenants
            .iter()
            .enumerate()
            .map(|(number, party)| as_party(party, Some(number)))
            .collect();
        actors.extend(kit.suspended.iter().map(|party| as_party(party, None)));
        actors.extend(kit.strangers.iter().map(|host| Self {
            name: format!("a stranger on {host}"),
            tenant: None,
            guest: false,
            host,
            headers: &[],
            canary: "canaryofastranger",
            foreign: marks_but(None),
            own: None,
        }));
        for (number, party) in kit.tenants.iter().enumerate() {
            if !party.headers.is_empty() {
                let there = &kit.tenants[1 - number];
                actors.push(Self {
                    name: format!("{} gone to {}", party.name(), there.host),
                    tenant: None,
                    guest: true,
                    host: &there.host,
                    headers: &party.headers,
                    canary: "canaryofastranger",
                    // What is public there it may see.
                    foreign: marks_but(Some(1 - number)),
                    own: None,
                });
            }
        }
        actors
    }

    pub(super) fn request(&self, ask: &Ask) -> Request<RequestBody> {
        ask.request(self.host, self.headers, self.canary)
    }
}
