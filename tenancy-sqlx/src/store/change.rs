//! What programs tell each other when a tenant is made or changed.

use serde::{Deserialize, Serialize};
use sqlx::postgres::PgConnection;
use tenancy_core::{Domain, Slug, TenantId};

use crate::error::Error;
use crate::fleet::{journal::literal, transaction};

/// The channel of the news.
pub(super) const CHANNEL: &str = "tenancy";

/// The longest payload PostgreSQL takes.
const LONGEST: usize = 7999;

/// What a cache of tenants has to forget.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum TenantChange {
    /// One tenant was made or changed: forget it under its id and under each of these names,
    /// answers of "there is none" included.
    Tenant {
        /// The tenant.
        id: TenantId,
        /// The slugs it has and had.
        slugs: Vec<Slug>,
        /// The domains it has and had.
        domains: Vec<Domain>,
    },
    /// Anything may have changed: forget everything.
    All,
}

impl TenantChange {
    /// The message that tells it, short enough to be sent.
    pub(crate) fn payload(&self) -> String {
        let text = serde_json::to_string(self).expect("a struct of strings always serializes");
        if text.len() <= LONGEST {
            return text;
        }
        "null".to_owned()
    }

    /// Reads a message; what is not understood may mean anything.
    pub(super) fn parse(payload: &str) -> Self {
        serde_json::from_str(payload).unwrap_or(Self::All)
    }
}

/// A statement that tells of a change of the tenant `id` once the open transaction is committed;
/// who else has its names is asked in it.
pub(crate) fn notify_of(id: TenantId) -> String {
    notify_of_each([id])
}

/// The same for several tenants: each is told of by itself.
pub(crate) fn notify_of_each(ids: impl IntoIterator<Item = TenantId>) -> String {
    let ids: Vec<_> = ids.into_iter().map(|id| format!("'{id}'")).collect();
    let ids = ids.join(", ");
    format!(
        "SELECT pg_catalog.pg_notify('{CHANNEL}', CASE WHEN pg_catalog.octet_length(news) > {LONGEST} \
         THEN 'null' ELSE news END) FROM (SELECT pg_catalog.json_build_object('id', t.id, \
         'slugs', pg_catalog.json_build_array(t.slug), 'domains', (SELECT coalesce( \
         pg_catalog.json_agg(d.domain), '[]') FROM tenancy.domains d WHERE d.tenant_id = t.id))::text \
         AS news FROM tenancy.tenants t WHERE t.id IN ({ids})) AS told"
    )
}

/// The statement that tells `change` to every program that listens, once the open transaction is
/// committed.
pub(crate) fn telling(change: &TenantChange) -> String {
    let payload = literal(&change.payload());
    format!("SELECT pg_catalog.pg_notify('{CHANNEL}', {payload})")
}

/// Tells `change` in the open transaction.
pub(crate) async fn notify(
    connection: &mut PgConnection,
    change: &TenantChange,
) -> Result<(), Error> {
    transaction::send(connection, telling(change)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(domains: usize) -> TenantChange {
        TenantChange::Tenant {
            id: TenantId::generate(),
            slugs: vec![Slug::parse("acme").unwrap()],
            domains: (0..domains)
                .map(|n| Domain::parse(&format!("host-{n}.example.com")).unwrap())
                .collect(),
        }
    }

    #[test]
    fn news_come_back_as_they_were_told() {
        let change = change(3);
        assert_eq!(TenantChange::parse(&change.payload()), change);
    }

    #[test]
    fn news_that_are_too_long_or_not_understood_mean_everything() {
        assert_eq!(
            TenantChange::parse(&change(1000).payload()),
            TenantChange::All
        );
        for payload in [
            "",
            "{}",
            "{\"id\":1}",
            "all",
            "{\"id\":\"x\",\"slugs\":[\"Not One\"]}",
        ] {
            assert_eq!(TenantChange::parse(payload), TenantChange::All, "{payload}");
        }
    }
}
