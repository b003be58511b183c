//! What clients may say about a product, and the rules it must keep.

use garde::Validate;
use serde::{Deserialize, Deserializer};
use uuid::Uuid;

use crate::input::{no_nul, not_blank};

/// The highest price, in minor units, and the largest stock.
const PRICE: i64 = 999_999_999_999;
const STOCK: i64 = 1_000_000_000;

/// A whole product, as POST and PUT take it.
#[derive(Debug, Clone, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProductInput {
    #[garde(custom(not_blank), length(chars, max = 200))]
    pub(crate) name: String,
    #[garde(custom(is_sku), length(chars, max = 64))]
    pub(crate) sku: String,
    #[serde(default)]
    #[garde(custom(no_nul), length(chars, max = 10_000))]
    pub(crate) description: String,
    #[garde(range(min = 0, max = PRICE))]
    pub(crate) price_cents: i64,
    #[serde(default = "usual_currency")]
    #[garde(custom(is_currency))]
    pub(crate) currency: String,
    #[serde(default)]
    #[garde(range(min = 0, max = STOCK))]
    pub(crate) stock: i64,
    #[serde(default)]
    #[garde(skip)]
    pub(crate) category: Option<Uuid>,
}

/// Some fields of a product, as PATCH takes them.
#[derive(Debug, Clone, Default, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProductPatch {
    #[serde(default)]
    #[garde(inner(custom(not_blank), length(chars, max = 200)))]
    pub(crate) name: Option<String>,
    #[serde(default)]
    #[garde(inner(custom(is_sku), length(chars, max = 64)))]
    pub(crate) sku: Option<String>,
    #[serde(default)]
    #[garde(inner(custom(no_nul), length(chars, max = 10_000)))]
    pub(crate) description: Option<String>,
    #[serde(default)]
    #[garde(inner(range(min = 0, max = PRICE)))]
    pub(crate) price_cents: Option<i64>,
    #[serde(default)]
    #[garde(inner(custom(is_currency)))]
    pub(crate) currency: Option<String>,
    #[serde(default)]
    #[garde(inner(range(min = 0, max = STOCK)))]
    pub(crate) stock: Option<i64>,
    #[serde(default)]
    #[garde(skip)]
    pub(crate) category: Move,
}

/// What becomes of the category of a product.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Move {
    /// Nothing was said.
    #[default]
    Stays,
    /// It goes into this one, or out of all of them: `null`.
    To(Option<Uuid>),
}

impl<'de> Deserialize<'de> for Move {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Option::deserialize(deserializer).map(Self::To)
    }
}

/// What comes in or goes out, as the stock route takes it.
#[derive(Debug, Clone, Copy, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct StockChange {
    #[garde(range(min = -STOCK, max = STOCK), custom(is_something))]
    pub(crate) change: i64,
}

impl From<ProductInput> for ProductPatch {
    fn from(input: ProductInput) -> Self {
        Self {
            name: Some(input.name),
            sku: Some(input.sku),
            description: Some(input.description),
            price_cents: Some(input.price_cents),
            currency: Some(input.currency),
            stock: Some(input.stock),
            category: Move::To(input.category),
        }
    }
}

pub(super) fn usual_currency() -> String {
    "EUR".to_owned()
}

/// Two that differ in a space at the end would look the same on a label.
fn is_sku<C>(text: &str, context: &C) -> garde::Result {
    if text.trim() != text {
        return Err(garde::Error::new("must not begin or end with a space"));
    }
    not_blank(text, context)
}

fn is_currency<C>(text: &str, _: &C) -> garde::Result {
    if text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return Ok(());
    }
    Err(garde::Error::new(
        "must be three capital letters of ISO 4217, such as EUR",
    ))
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "garde gives references")]
fn is_something<C>(change: &i64, _: &C) -> garde::Result {
    if *change == 0 {
        return Err(garde::Error::new("must not be 0"));
    }
    Ok(())
}
