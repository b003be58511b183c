//! Statements that are put together by rules, most of which are accepted.

use crate::server::Lots;

/// What makes statements up; tables have a column id, which every query gives.
pub(super) struct Grammar<'l> {
    lots: &'l mut Lots,
    depth: u64,
    ctes: Vec<String>,
}

impl<'l> Grammar<'l> {
    /// Subqueries and expressions nest as deep as this.
    pub(super) fn new(lots: &'l mut Lots, depth: u64) -> Self {
        Self {
            lots,
            depth,
            ctes: Vec::new(),
        }
    }
}

impl Grammar<'_> {
    fn one<'w>(&mut self, words: &[&'w str]) -> &'w str {
        let at = self.lots.below(words.len() as u64);
        words[usize::try_from(at).unwrap()]
    }

    fn happens(&mut self, one_in: u64) -> bool {
        self.lots.below(one_in) == 0
    }

    /// A table that has a column id; one in thirty is somebody else's.
    fn table(&mut self) -> String {
        if self.happens(30) {
            return self
                .one(&["public.blogs", "t2.authors", "pg_class", "public.plans"])
                .to_owned();
        }
        if !self.ctes.is_empty() && self.happens(3) {
            let at = usize::try_from(self.lots.below(self.ctes.len() as u64)).unwrap();
            return self.ctes[at].clone();
        }
        self.one(&[
            "blogs",
            "authors",
            "comments",
            "ratings",
            "tenant.blogs",
            "shared.plans",
            "\"blogs\"",
            "shared.blogs",
            "BLOGS",
            "tenant.\"authors\"",
        ])
        .to_owned()
    }

    fn target(&mut self) -> &'static str {
        if self.happens(40) {
            return self.one(&["public.ratings", "t2.ratings", "shared.ratings"]);
        }
        self.one(&["ratings", "tenant.ratings", "\"ratings\""])
    }

    /// An expression of type int over the alias.
    fn number(&mut self, alias: &str) -> String {
        if self.depth == 0 {
            return format!("{alias}.id");
        }
        self.depth -= 1;
        let text = match self.lots.below(12) {
            0 => format!("({} + {})", self.number(alias), self.number(alias)),
            1 => format!(
                "(SELECT max(q.id) FROM {} q WHERE q.id < {alias}.id)",
                self.table()
            ),
            2 => format!("coalesce({}, 1)", self.number(alias)),
            3 => format!(
                "CASE WHEN {} THEN {} ELSE 2 END",
                self.truth(alias),
                self.number(alias)
            ),
            4 => format!("length(tenant.shout('x' || {alias}.id))"),
            5 => format!("(ARRAY(SELECT z.id FROM {} z))[1]", self.table()),
            6 => format!("count(*) OVER (ORDER BY {alias}.id)::int"),
            7 => format!("{alias}.id::int"),
            8 => format!("(SELECT s.id FROM ({}) AS s LIMIT 1)", self.query()),
            9 => format!("abs({})", self.number(alias)),
            10 => format!("CAST({alias}.id AS int)"),
            _ => format!("{alias}.id"),
        };
        self.depth += 1;
        text
    }

    fn truth(&mut self, alias: &str) -> String {
        if self.depth == 0 {
            return format!("{alias}.id > 0");
        }
        self.depth -= 1;
        let text = match self.lots.below(8) {
            0 => format!(
                "EXISTS (SELECT 1 FROM {} e WHERE e.id = {alias}.id)",
                self.table()
            ),
            1 => format!("{alias}.id IN ({})", self.query()),
            2 => format!("{alias}.id = ANY (SELECT y.id FROM {} y)", self.table()),
            3 => format!("({} AND {})", self.truth(alias), self.truth(alias)),
            4 => format!("NOT {}", self.truth(alias)),
            5 => format!("{alias}.id OPERATOR(pg_catalog.>) 0"),
            6 => format!(
                "({alias}.id, 1) > (SELECT r.id, 2 FROM {} r LIMIT 1)",
                self.table()
            ),
            _ => format!("{alias}.id BETWEEN 1 AND 3"),
        };
        self.depth += 1;
        text
    }

    /// What stands in FROM; an alias `b` with a column id is among it.
    fn from(&mut self) -> String {
        let table = self.table();
        match self.lots.below(9) {
            0 => format!("{table} AS b, {} AS w", self.table()),
            1 => format!("{table} b JOIN {} w ON w.id = b.id", self.table()),
            2 => format!(
                "{table} b LEFT JOIN LATERAL (SELECT l.id FROM {} l WHERE l.id = b.id) AS w ON true",
                self.table()
            ),
            3 => format!("({}) AS b", self.query()),
            4 => format!("{table} b CROSS JOIN generate_series(1, 2) AS g(n)"),
            5 => format!("({table} b JOIN {} w USING (id))", self.table()),
            6 => format!("{table} b, tenant.titles() AS f(title)"),
            7 => format!("{table} AS b (id)"),
            _ => format!("{table} b"),
        }
    }

    /// A query with one column called id.
    fn query(&mut self) -> String {
        if self.depth == 0 {
            return format!("SELECT id FROM {}", self.table());
        }
        self.depth -= 1;
        if self.happens(40) {
            let table = self.one(&["\"Order\"", "t2.\"Order\"", "public.\"Order\"", "x"]);
            let text = format!("{} UNION ALL TABLE {table}", self.query());
            self.depth += 1;
            return text;
        }
        let ctes = self.ctes.len();
        let text = match self.lots.below(10) {
            0 => format!("{} UNION ALL {}", self.query(), self.query()),
            1 => format!("({}) EXCEPT ({})", self.query(), self.query()),
            2 | 3 => {
                let name = self
                    .one(&["x", "y", "blogs", "authors", "plans"])
                    .to_owned();
                let recursive = if self.happens(4) { "RECURSIVE " } else { "" };
                let inner = self.query();
                self.ctes.push(name.clone());
                format!("WITH {recursive}{name} AS ({inner}) {}", self.query())
            }
            4 => format!(
                "SELECT b.id FROM {} GROUP BY b.id HAVING count(*) > 0",
                self.from()
            ),
            5 => format!("VALUES ((SELECT max(v.id) FROM {} v))", self.table()),
            _ => {
                let from = self.from();
                let (item, filter) = (self.number("b"), self.truth("b"));
                format!("SELECT {item} AS id FROM {from} WHERE {filter}")
            }
        };
        self.ctes.truncate(ctes);
        self.depth += 1;
        text
    }

    pub(super) fn statement(&mut self) -> String {
        match self.lots.below(12) {
            0 => format!(
                "INSERT INTO {} (id) {} ON CONFLICT DO NOTHING RETURNING id",
                self.target(),
                self.query()
            ),
            1 => format!(
                "UPDATE {} AS b SET rating = {} FROM {} f WHERE {}",
                self.target(),
                self.number("b"),
                self.table(),
                self.truth("b")
            ),
            2 => format!(
                "DELETE FROM {} AS b USING {} f WHERE {}",
                self.target(),
                self.table(),
                self.truth("b")
            ),
            3 => format!(
                "MERGE INTO {} b USING {} f ON f.id = b.id WHEN MATCHED THEN UPDATE SET rating = f.id",
                self.target(),
                self.table()
            ),
            4 => format!(
                "WITH d AS (DELETE FROM {} AS b WHERE {} RETURNING id) SELECT d.id FROM d",
                self.target(),
                self.truth("b")
            ),
            5 => format!(
                "SELECT b.id FROM {} b WHERE {} FOR UPDATE",
                self.one(&["blogs", "tenant.authors"]),
                self.truth("b")
            ),
            _ => self.query(),
        }
    }
}
