//! The demo's two tenants with what they write and sell, unlike enough to see at a glance that they
//! are two.

use std::sync::Arc;

use tenancy_core::{Domain, Error, Tenant, TenantContext};
use tenancy_sqlx::{Database, TenantTx, tenant_sql};
use uuid::Uuid;

use crate::cli::Failure;
use crate::{blog, catalog};

/// A tenant of the demo with its posts, oldest first.
#[derive(Debug)]
pub(crate) struct Sample {
    pub(crate) slug: &'static str,
    pub(crate) name: &'static str,
    pub(crate) description: &'static str,
    author: &'static str,
    posts: &'static [(&'static str, &'static str, &'static str)],
    shelves: &'static [Shelf],
}

/// A category of the demo with its products.
#[derive(Debug)]
struct Shelf {
    name: &'static str,
    slug: &'static str,
    goods: &'static [Good],
}

/// Name, sku, price in cents, stock, description.
type Good = (&'static str, &'static str, i64, i64, &'static str);

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
        shelves: &[
            Shelf {
                name: "Beans",
                slug: "beans",
                goods: &[
                    (
                        "Harbour Blend",
                        "BEAN-HARBOUR-250",
                        890,
                        48,
                        "Our house espresso: cocoa, hazelnut and a little smoke. 250 g.",
                    ),
                    (
                        "Ethiopia Yirgacheffe",
                        "BEAN-YIRGA-250",
                        1190,
                        20,
                        "Washed, light roast. Bergamot, jasmine and lemon peel. 250 g.",
                    ),
                    (
                        "Café crème beans",
                        "BEAN-CREME-1000",
                        2450,
                        12,
                        "Mild and round, for fully automatic machines. One kilogram.",
                    ),
                    (
                        "Decaf Colombia",
                        "BEAN-DECAF-250",
                        1050,
                        0,
                        "Decaffeinated with sugar cane, and nobody will notice. 250 g.",
                    ),
                ],
            },
            Shelf {
                name: "Brewing",
                slug: "brewing",
                goods: &[
                    (
                        "Hand grinder",
                        "GRIND-HAND-01",
                        6900,
                        7,
                        "Steel burrs and 36 clicks, small enough for a rucksack.",
                    ),
                    (
                        "Pour-over dripper",
                        "DRIP-CERAMIC-02",
                        2200,
                        15,
                        "Glazed ceramic for one to four cups, with spiral ribs.",
                    ),
                    (
                        "Paper filters, 100 pieces",
                        "FILTER-PAPER-100",
                        550,
                        80,
                        "Unbleached, for the dripper in size 02.",
                    ),
                    (
                        "Gooseneck kettle",
                        "KETTLE-GOOSE-1L",
                        7950,
                        3,
                        "One litre, electric, holds its temperature to the degree.",
                    ),
                ],
            },
            Shelf {
                name: "For the office",
                slug: "office",
                goods: &[
                    (
                        "Wireless Keyboard",
                        "DESK-KEYS-WL",
                        4900,
                        9,
                        "Survives a spilled flat white. We tried, twice.",
                    ),
                    (
                        "Enamel mug",
                        "MUG-ENAMEL-350",
                        1400,
                        60,
                        "350 ml in harbour blue, with the ferry on it.",
                    ),
                ],
            },
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
        shelves: &[
            Shelf {
                name: "Bicycles",
                slug: "bicycles",
                goods: &[
                    (
                        "Canal city bike",
                        "BIKE-CANAL-7",
                        74900,
                        4,
                        "Seven gears in the hub, a closed chain case and lights that stay on.",
                    ),
                    (
                        "Gravel bike Fjell",
                        "BIKE-FJELL-M",
                        189_900,
                        2,
                        "Steel frame, 45 mm tyres and mounts for three bottles.",
                    ),
                    (
                        "Children's bike 20 inch",
                        "BIKE-KIDS-20",
                        32900,
                        5,
                        "Under eight kilograms, with brakes that small hands reach.",
                    ),
                ],
            },
            Shelf {
                name: "Parts",
                slug: "parts",
                goods: &[
                    (
                        "Chain, 11-speed",
                        "PART-CHAIN-11",
                        3290,
                        26,
                        "118 links, nickel plated, with a quick link.",
                    ),
                    (
                        "Inner tube 28 inch",
                        "PART-TUBE-28",
                        690,
                        140,
                        "Butyl, for tyres from 28 to 45 mm, with a Dunlop valve.",
                    ),
                    (
                        "Dynamo headlight",
                        "PART-LIGHT-DY80",
                        6490,
                        11,
                        "80 lux and a parking light for four minutes.",
                    ),
                    (
                        "Leather saddle",
                        "PART-SADDLE-LE",
                        11900,
                        0,
                        "Needs five hundred kilometres of patience and then lasts for life.",
                    ),
                ],
            },
            Shelf {
                name: "Workshop",
                slug: "workshop",
                goods: &[
                    (
                        "Spoke key",
                        "TOOL-SPOKE",
                        950,
                        33,
                        "For every usual nipple; trues a wheel without a stand.",
                    ),
                    (
                        "Floor pump",
                        "TOOL-PUMP-FL",
                        3990,
                        0,
                        "Eleven bar, and a gauge that can be read standing up.",
                    ),
                    (
                        "Repair kit",
                        "TOOL-PATCH",
                        490,
                        75,
                        "Patches, glue and two tyre levers in a tin.",
                    ),
                ],
            },
        ],
    },
];

impl Sample {
    /// The tenant's domain: one label below the public host.
    pub(crate) fn domain(&self, base: &Domain) -> Result<Domain, Error> {
        Domain::parse(&format!("{}.{base}", self.slug))
    }
}

/// Writes the sample's posts into a tenant that has none, and its products into one that has
/// none: all or nothing.
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
    posts(&mut tx, sample).await?;
    products(&mut tx, sample).await?;
    Ok(tx.commit().await?)
}

async fn posts(tx: &mut TenantTx<'_>, sample: &Sample) -> Result<(), tenancy_sqlx::Error> {
    let there: i64 = tx
        .query_scalar(tenant_sql!("SELECT count(*) FROM blogs"))
        .fetch_one()
        .await?;
    if there > 0 {
        return Ok(());
    }
    for (title, description, body) in sample.posts {
        let id = Uuid::now_v7();
        tx.execute(tenant_sql!(
            "INSERT INTO blogs (id, title, description, body, author)
             VALUES ($1, $2, $3, $4, $5)"
        ))
        .bind(id)
        .bind(title)
        .bind(description)
        .bind(body)
        .bind(sample.author)
        .await?;
        tx.append(blog::changed(id)).await?;
    }
    Ok(())
}

async fn products(tx: &mut TenantTx<'_>, sample: &Sample) -> Result<(), tenancy_sqlx::Error> {
    let there: i64 = tx
        .query_scalar(tenant_sql!(
            "SELECT (SELECT count(*) FROM products) + (SELECT count(*) FROM categories)"
        ))
        .fetch_one()
        .await?;
    if there > 0 {
        return Ok(());
    }
    for shelf in sample.shelves {
        let category = Uuid::now_v7();
        tx.execute(tenant_sql!(
            "INSERT INTO categories (id, name, slug) VALUES ($1, $2, $3)"
        ))
        .bind(category)
        .bind(shelf.name)
        .bind(shelf.slug)
        .await?;
        for (name, sku, price, stock, description) in shelf.goods {
            let id = Uuid::now_v7();
            tx.execute(tenant_sql!(
                "INSERT INTO products
                     (id, name, sku, description, price_cents, currency, stock, category_id)
                 VALUES ($1, $2, $3, $4, $5, 'EUR', $6, $7)"
            ))
            .bind(id)
            .bind(name)
            .bind(sku)
            .bind(description)
            .bind(price)
            .bind(stock)
            .bind(category)
            .await?;
            tx.append(catalog::changed(id)).await?;
        }
    }
    Ok(())
}
