//! The demo's two tenants, unlike enough to see at a glance that they are two.

use std::sync::Arc;

use tenancy_core::{Domain, Error, Tenant, TenantContext};
use tenancy_sqlx::{Database, tenant_sql};
use uuid::Uuid;

use crate::cli::Failure;

/// A tenant of the demo with its posts, oldest first.
#[derive(Debug)]
pub(crate) struct Sample {
    pub(crate) slug: &'static str,
    pub(crate) name: &'static str,
    pub(crate) description: &'static str,
    author: &'static str,
    posts: &'static [(&'static str, &'static str, &'static str)],
}

pub(crate) const TENANTS: &[Sample] = &[
    Sample {
        slug: "tenant1",
        name: "Harbour Coffee",
        description: "A small roastery by the water",
        author: "Mara",
        posts: &[
            (
                "Why we roast on Tuesdays",
                "Fresh beans for the weekend, and a quiet day for the machine.",
                "Beans are at their best between four and ten days after roasting. We roast on \
                 Tuesdays so that Saturday's queue meets them at their peak.\n\nIt is also the day \
                 the ferry does not run, and the smoke bothers nobody.",
            ),
            (
                "The new grinder is here",
                "Flat burrs, half the noise, and a dial that remembers.",
                "After eleven years the old grinder has retired to a shelf. The new one grinds a \
                 dose in six seconds and you can hear yourself think.\n\nCome and compare: we kept \
                 both running until Sunday.",
            ),
            (
                "Opening hours in winter",
                "We close at five until the end of February.",
                "The light goes early and so do we. Mondays stay closed, and the roastery window \
                 is open whenever somebody is in.",
            ),
        ],
    },
    Sample {
        slug: "tenant2",
        name: "Northwind Cycles",
        description: "Bicycles, repairs and long rides",
        author: "Jonas",
        posts: &[
            (
                "How to true a wheel with a zip tie",
                "No stand needed: the frame will do.",
                "Fasten a zip tie to the stay so that its end almost touches the rim. Spin, see \
                 where it rubs, and turn the nearest spokes a quarter turn.\n\nPatience beats \
                 force. Stop when it runs within a millimetre.",
            ),
            (
                "Sunday ride: along the canal",
                "Sixty flat kilometres with a stop for cake.",
                "We meet at nine in front of the shop. Bring a spare tube; we bring the pump. \
                 Everybody waits for everybody.",
            ),
        ],
    },
];

impl Sample {
    /// The tenant's domain: one label below the public host.
    pub(crate) fn domain(&self, base: &Domain) -> Result<Domain, Error> {
        Domain::parse(&format!("{}.{base}", self.slug))
    }
}

/// Writes the sample's posts, all or none, into a tenant that has no posts.
pub(crate) async fn fill(
    database: &Database,
    tenant: Tenant,
    sample: &Sample,
) -> Result<(), Failure> {
    let Ok(context) = TenantContext::new(Arc::new(tenant), "demo") else {
        // Somebody suspended it to see what happens.
        return Ok(());
    };
    let mut tx = database.tenant(&context).begin().await?;
    let posts: i64 = tx
        .query_scalar(tenant_sql!("SELECT count(*) FROM blogs"))
        .fetch_one()
        .await?;
    if posts == 0 {
        for (title, description, body) in sample.posts {
            tx.execute(tenant_sql!(
                "INSERT INTO blogs (id, title, description, body, author)
                 VALUES ($1, $2, $3, $4, $5)"
            ))
            .bind(Uuid::now_v7())
            .bind(title)
            .bind(description)
            .bind(body)
            .bind(sample.author)
            .await?;
        }
    }
    Ok(tx.commit().await?)
}
