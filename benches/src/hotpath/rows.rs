//! The parts of the bench: which two sides each compares.

use std::time::Duration;

use sqlx::postgres::PgPool;
use tenancy_sqlx::Database;

use super::door::{self, Rows};
use super::memory::Backends;
use super::mix::Mix;
use super::neighbour::Neighbour;
use super::posts::Posts;
use super::web::Server;
use crate::plan::{Failure, Rate};

/// How many tenants a path is compared with the floor with.
const USUAL: usize = 100;

/// Two sides of one question.
#[derive(Debug, Clone, Copy)]
pub struct Part {
    /// What the file calls it.
    pub name: &'static str,
    /// What is asked for: `list`, `retrieve` or `nothing`.
    pub what: &'static str,
    rows: Rows,
    side: Side,
    floor: Side,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    /// No tenancy: handlers with a plain pool.
    Plain,
    /// Tenants on a pool of the framework's own.
    Own(Fleet),
    /// Tenants on a pool that the application brings.
    Brought,
    /// As `Own`, while a tenant that is not asked for has slow statements.
    Neighbour,
    /// Tenants through `TenantDb` in this process, without HTTP.
    Door,
    /// Their texts, made beforehand, on a plain pool in this process.
    Texts,
}

/// Which tenants are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fleet {
    Two,
    Usual,
    Thousand,
    All,
    Zipf,
}

/// The parts of a bench with so many tenants.
pub fn parts(tenants: usize) -> Vec<Part> {
    let usual = Side::Own(Fleet::Usual);
    let mut sides = vec![
        ("sqlx_own", usual, Side::Plain),
        ("sqlx_pool", Side::Brought, Side::Plain),
        ("tenants_2", Side::Own(Fleet::Two), Side::Plain),
        ("neighbour", Side::Neighbour, usual),
        ("door", Side::Door, Side::Texts),
    ];
    if tenants >= 1_000 {
        sides.push(("tenants_1000", Side::Own(Fleet::Thousand), usual));
    }
    if tenants > 1_000 {
        sides.push(("tenants_10000_zipf", Side::Own(Fleet::Zipf), usual));
        sides.push(("tenants_10000", Side::Own(Fleet::All), usual));
    }
    let both = [("list", Rows::List), ("retrieve", Rows::One)];
    let nothing = Part {
        name: "resolving",
        what: "nothing",
        rows: Rows::None,
        side: usual,
        floor: Side::Plain,
    };
    let with_rows = sides.into_iter().flat_map(|(name, side, floor)| {
        both.map(|(what, rows)| Part {
            name,
            what,
            rows,
            side,
            floor,
        })
    });
    with_rows.chain([nothing]).collect()
}

/// Whatever the sides of all parts need.
#[derive(Debug)]
pub struct Sides<'a> {
    posts: &'a Posts,
    plain: Server,
    texts: PgPool,
    brought: Server,
    own: Vec<Own>,
    /// Like the usual one of `own`, but for the slow tenant.
    disturbed: Own,
}

#[derive(Debug)]
struct Own {
    fleet: Fleet,
    mix: Mix,
    database: Database,
    server: Server,
    backends: Backends,
}

impl<'a> Sides<'a> {
    /// Starts a server for each.
    ///
    /// # Errors
    ///
    /// When PostgreSQL is not reached, or no port is free.
    pub async fn start(posts: &'a Posts) -> Result<Self, Failure> {
        let tenants = posts.tenants.len();
        let mut own = Vec::new();
        for (fleet, mix) in [
            (Fleet::Two, Mix::Uniform(2)),
            (Fleet::Usual, Mix::Uniform(USUAL)),
            (Fleet::Thousand, Mix::Uniform(tenants.min(1_000))),
            (Fleet::All, Mix::Uniform(tenants)),
            (Fleet::Zipf, Mix::zipf(tenants)),
        ] {
            own.push(Own::start(posts, fleet, mix).await?);
        }
        Ok(Self {
            posts,
            plain: Server::plain(posts.plain().await?).await?,
            texts: posts.plain().await?,
            brought: Server::with_tenants(&posts.brought().await?).await?,
            own,
            disturbed: Own::start(posts, Fleet::Usual, Mix::Uniform(USUAL)).await?,
        })
    }

    /// Measures both sides of `part`, the side under test first if `first`.
    ///
    /// # Errors
    ///
    /// The first wrong or missing answer.
    pub async fn compare(
        &self,
        part: &Part,
        round: usize,
        slice: Duration,
    ) -> Result<(Rate, Rate), Failure> {
        // Whoever comes second finds the machine warmer, so they take turns.
        if round.is_multiple_of(2) {
            let side = self.rate(part.side, part.rows, slice).await?;
            Ok((side, self.rate(part.floor, part.rows, slice).await?))
        } else {
            let floor = self.rate(part.floor, part.rows, slice).await?;
            Ok((self.rate(part.side, part.rows, slice).await?, floor))
        }
    }

    async fn rate(&self, side: Side, rows: Rows, slice: Duration) -> Result<Rate, Failure> {
        let usual = Mix::Uniform(USUAL);
        let tenants = &self.posts.tenants[..USUAL];
        match side {
            Side::Plain => self.plain.ask(rows, &usual, slice).await,
            Side::Brought => self.brought.ask(rows, &usual, slice).await,
            Side::Own(fleet) => {
                let own = self.own(fleet);
                own.server.ask(rows, &own.mix, slice).await
            }
            Side::Neighbour => {
                let own = &self.disturbed;
                let slow = Neighbour::begin(&own.database, &self.posts.tenants[USUAL]);
                let rate = own.server.ask(rows, &own.mix, slice).await;
                slow.end().await?;
                rate
            }
            Side::Door => {
                let database = &self.own(Fleet::Usual).database;
                door::tenants(database, tenants, rows, &usual, slice).await
            }
            Side::Texts => door::same_texts(&self.texts, tenants, rows, &usual, slice).await,
        }
    }

    fn own(&self, fleet: Fleet) -> &Own {
        let own = self.own.iter().find(|own| own.fleet == fleet);
        own.expect("there is one for each fleet")
    }

    /// What the largest process of the server that serves the framework's pools keeps, in MB, and
    /// how many connections they have opened.
    ///
    /// # Errors
    ///
    /// What the database answers.
    pub async fn backends(&self) -> Result<(Option<f64>, u64), Failure> {
        let (mut largest, mut opened) = (None, 0);
        for own in &self.own {
            let size = own.backends.largest(self.posts.test()).await?;
            largest = size.into_iter().chain(largest).reduce(f64::max);
            opened += own.database.metrics().map_or(0, |metrics| metrics.opened);
        }
        Ok((largest, opened))
    }

    /// Ends the servers and closes their connections.
    pub async fn end(self) {
        for own in self.own.into_iter().chain([self.disturbed]) {
            drop(own.server);
            own.database.close().await;
        }
        self.texts.close().await;
    }
}

impl Own {
    async fn start(posts: &Posts, fleet: Fleet, mix: Mix) -> Result<Self, Failure> {
        let name = format!("hotpath {fleet:?}");
        let (backends, options) = Backends::named(&name, posts.options());
        let database = posts.own(options).await?;
        let server = Server::with_tenants(&database).await?;
        Ok(Self {
            fleet,
            mix,
            database,
            server,
            backends,
        })
    }
}
