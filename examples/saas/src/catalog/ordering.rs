//! The orders that a list of products can have.

use tenancy_sqlx::{DynSql, Read};

use super::cursor::{Cursor, Value};
use super::product::Product;

/// One order. Products that are equal in it are in the order of their ids, so that it is whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ordering {
    by: By,
    /// How clients say it.
    pub(super) word: &'static str,
    after: &'static str,
    order: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Name,
    Price,
    Age,
    Stock,
}

/// Every order there is, the usual one first.
const ALL: [Ordering; 8] = [
    Ordering {
        by: By::Age,
        word: "-created_at",
        after: " AND (created_at, id) < (",
        order: " ORDER BY created_at DESC, id DESC",
    },
    Ordering {
        by: By::Age,
        word: "created_at",
        after: " AND (created_at, id) > (",
        order: " ORDER BY created_at, id",
    },
    Ordering {
        by: By::Name,
        word: "name",
        after: " AND (name, id) > (",
        order: " ORDER BY name, id",
    },
    Ordering {
        by: By::Name,
        word: "-name",
        after: " AND (name, id) < (",
        order: " ORDER BY name DESC, id DESC",
    },
    Ordering {
        by: By::Price,
        word: "price",
        after: " AND (price_cents, id) > (",
        order: " ORDER BY price_cents, id",
    },
    Ordering {
        by: By::Price,
        word: "-price",
        after: " AND (price_cents, id) < (",
        order: " ORDER BY price_cents DESC, id DESC",
    },
    Ordering {
        by: By::Stock,
        word: "stock",
        after: " AND (stock, id) > (",
        order: " ORDER BY stock, id",
    },
    Ordering {
        by: By::Stock,
        word: "-stock",
        after: " AND (stock, id) < (",
        order: " ORDER BY stock DESC, id DESC",
    },
];

impl Default for Ordering {
    fn default() -> Self {
        ALL[0]
    }
}

impl Ordering {
    /// The order that `word` says.
    pub(super) fn parse(word: &str) -> Result<Self, String> {
        let found = ALL.into_iter().find(|ordering| ordering.word == word);
        found.ok_or_else(|| {
            let words = ALL.map(|ordering| ordering.word);
            format!("use one of {}", words.join(", "))
        })
    }

    /// Where the list goes on behind `product`.
    pub(super) fn behind(self, product: &Product) -> Cursor {
        let value = match self.by {
            By::Name => Value::Text(product.name.clone()),
            By::Price => Value::Number(product.price_cents),
            By::Stock => Value::Number(product.stock),
            By::Age => Value::time(product.created_at),
        };
        Cursor {
            order: self.word.to_owned(),
            value,
            id: product.id,
        }
    }

    /// Whether `cursor` is a place in this order.
    pub(super) fn has(self, cursor: &Cursor) -> bool {
        let fits = match (self.by, &cursor.value) {
            (By::Name, Value::Text(name)) => !name.contains('\0'),
            (By::Price | By::Stock, Value::Number(_)) => true,
            (By::Age, value) => value.as_time().is_some(),
            _ => false,
        };
        fits && cursor.order == self.word
    }

    /// Puts a list into this order, and begins it behind `cursor`, which is a place in it.
    pub(super) fn apply(self, sql: &mut DynSql<Read>, cursor: Option<&Cursor>) {
        if let Some(cursor) = cursor {
            sql.push(self.after);
            match (&cursor.value, cursor.value.as_time()) {
                (_, Some(at)) if self.by == By::Age => sql.bind(at),
                (Value::Text(text), _) => sql.bind(text.as_str()),
                (Value::Number(number), _) => sql.bind(*number),
            };
            sql.push(",").bind(cursor.id).push(")");
        }
        sql.push(self.order);
    }
}
