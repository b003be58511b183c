//! Which products a list has, and in which order.

use serde::Deserialize;
use tenancy_axum::ApiError;
use tenancy_core::FieldError;
use tenancy_sqlx::{DynSql, Read};
use uuid::Uuid;

use super::cursor::Cursor;
use super::ordering::Ordering;
use super::product::Product;
use crate::input::{fault, invalid};
use crate::paging;

/// What a client says about a list of products, as it stands in the address; a parameter without a
/// value, as forms send it, counts as not said.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Asked {
    pub(crate) category: Option<String>,
    pub(crate) min_price: Option<String>,
    pub(crate) max_price: Option<String>,
    pub(crate) in_stock: Option<String>,
    pub(crate) ordering: Option<String>,
    pub(crate) limit: Option<String>,
    pub(crate) cursor: Option<String>,
}

/// A list that can be loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Selection {
    pub(super) category: Option<Uuid>,
    min_price: Option<i64>,
    max_price: Option<i64>,
    in_stock: Option<bool>,
    ordering: Ordering,
    pub(super) limit: u8,
    cursor: Option<Cursor>,
}

impl Asked {
    /// The list that is meant; otherwise every parameter that does not fit is named.
    pub(super) fn parse(&self) -> Result<Selection, ApiError> {
        let faults = &mut Vec::new();
        let category = read(faults, "category", self.category.as_ref(), |text| {
            Uuid::try_parse(text).map_err(|_| "use the id of a category".to_owned())
        });
        let price = |text: &str| {
            let minor: Option<i64> = text.parse().ok();
            minor
                .filter(|minor| *minor >= 0)
                .ok_or_else(|| "use a price in minor units, 0 or more".to_owned())
        };
        let min_price = read(faults, "min_price", self.min_price.as_ref(), price);
        let max_price = read(faults, "max_price", self.max_price.as_ref(), price);
        let in_stock = read(
            faults,
            "in_stock",
            self.in_stock.as_ref(),
            |text| match text {
                "true" => Ok(true),
                "false" => Ok(false),
                _ => Err("use true or false".to_owned()),
            },
        );
        let limit = read(faults, "limit", self.limit.as_ref(), |text| {
            let count = text.parse().map_err(|_| "use a number".to_owned())?;
            paging::limit(Some(count)).map_err(|fault| fault.detail)
        });
        let asked_order = read(faults, "ordering", self.ordering.as_ref(), Ordering::parse);
        let ordering = asked_order.unwrap_or_default();
        let cursor = read(faults, "cursor", self.cursor.as_ref(), |text| {
            Cursor::decode(text)
                .filter(|cursor| ordering.has(cursor))
                .ok_or_else(|| {
                    "take `next` of the page before as it is, in the same ordering".to_owned()
                })
        });
        if !faults.is_empty() {
            return Err(invalid(std::mem::take(faults)));
        }
        Ok(Selection {
            category,
            min_price,
            max_price,
            in_stock,
            ordering,
            limit: limit.unwrap_or(20),
            cursor,
        })
    }
}

/// The value of a parameter, when it is said and fits; what does not fit is one of `faults`.
fn read<T>(
    faults: &mut Vec<FieldError>,
    parameter: &str,
    text: Option<&String>,
    parse: impl FnOnce(&str) -> Result<T, String>,
) -> Option<T> {
    let text = text.filter(|text| !text.is_empty())?;
    parse(text)
        .map_err(|detail| faults.push(fault(parameter, detail)))
        .ok()
}

impl Selection {
    /// What its page is remembered as: two are the same exactly when their pages are.
    pub(super) fn key(&self) -> String {
        let Self {
            category,
            min_price,
            max_price,
            in_stock,
            ordering,
            limit,
            cursor,
        } = self;
        let number = |number: &Option<i64>| number.map(|n| n.to_string()).unwrap_or_default();
        format!(
            "list/{limit}/{}/{}/{}/{}/{}/{}",
            ordering.word,
            category.map(|id| id.to_string()).unwrap_or_default(),
            number(min_price),
            number(max_price),
            in_stock.map(|yes| yes.to_string()).unwrap_or_default(),
            cursor.as_ref().map(Cursor::encode).unwrap_or_default(),
        )
    }

    /// Continues a statement that has come to `WHERE true`, up to its limit.
    pub(super) fn apply(&self, sql: &mut DynSql<Read>) {
        if let Some(category) = self.category {
            sql.push(" AND category_id =").bind(category);
        }
        if let Some(least) = self.min_price {
            sql.push(" AND price_cents >=").bind(least);
        }
        if let Some(most) = self.max_price {
            sql.push(" AND price_cents <=").bind(most);
        }
        match self.in_stock {
            None => {}
            Some(true) => {
                sql.push(" AND stock > 0");
            }
            Some(false) => {
                sql.push(" AND stock = 0");
            }
        }
        self.ordering.apply(sql, self.cursor.as_ref());
        // One more than asked for tells whether there is a next page.
        sql.push(" LIMIT").bind(i64::from(self.limit) + 1);
    }

    /// Where the page behind `last` begins.
    pub(super) fn next(&self, last: &Product) -> String {
        self.ordering.behind(last).encode()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_that_differ_in_anything_have_keys_that_do() {
        let cursor = |order: &str| {
            let cursor = Cursor {
                order: order.to_owned(),
                value: super::super::cursor::Value::Number(5),
                id: Uuid::max(),
            };
            Some(cursor.encode())
        };
        let said = |text: &str| Some(text.to_owned());
        let asked = [
            Asked::default(),
            Asked {
                category: said(&Uuid::max().to_string()),
                ..Asked::default()
            },
            Asked {
                min_price: said("5"),
                ..Asked::default()
            },
            Asked {
                max_price: said("5"),
                ..Asked::default()
            },
            Asked {
                in_stock: said("true"),
                ..Asked::default()
            },
            Asked {
                in_stock: said("false"),
                ..Asked::default()
            },
            Asked {
                ordering: said("name"),
                ..Asked::default()
            },
            Asked {
                limit: said("5"),
                ..Asked::default()
            },
            Asked {
                cursor: cursor("-created_at"),
                ..Asked::default()
            },
            Asked {
                ordering: said("price"),
                cursor: cursor("price"),
                ..Asked::default()
            },
            Asked {
                ordering: said("stock"),
                cursor: cursor("stock"),
                ..Asked::default()
            },
        ];
        let keys = asked.each_ref().map(|asked| {
            let selection = asked.parse().ok();
            selection.unwrap_or_else(|| panic!("{asked:?}")).key()
        });
        let different: std::collections::BTreeSet<_> = keys.iter().collect();
        assert_eq!(different.len(), keys.len(), "{keys:?}");
    }
}
