//! What the columns of a file are, and what a line of it says of a product.

use std::borrow::Cow;

use garde::Validate as _;
use tenancy_axum::ApiError;
use tenancy_core::FieldError;

use super::super::product_input::ProductPatch;
use super::csv::{Fault, Reader, Record};
use super::progress::LineError;
use crate::input::{fault, invalid};

/// The columns, as the first line names them, in any order.
const COLUMNS: [&str; 7] = [
    "name",
    "sku",
    "price_cents",
    "currency",
    "stock",
    "description",
    "category",
];

/// Those of them that have to be there.
const NEEDED: [&str; 3] = ["name", "sku", "price_cents"];

/// How much of what somebody wrote is said again.
const SHOWN: usize = 40;

/// A file whose first line names columns.
#[derive(Debug)]
pub(super) struct Table<'a> {
    /// Where each of [`COLUMNS`] is.
    places: [Option<usize>; COLUMNS.len()],
    width: usize,
    /// The lines below the first one.
    pub(super) records: Vec<Record<'a>>,
}

/// What a line says of a product; an empty field says nothing.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) sku: String,
    /// All of it but the category, which is known by its slug.
    pub(super) patch: ProductPatch,
    pub(super) category: Option<String>,
}

impl<'a> Table<'a> {
    /// Reads a whole file, and says what makes all of it unfit.
    pub(super) fn read(text: &'a str) -> Result<Self, ApiError> {
        if let Some((before, _)) = text.split_once('\0') {
            let line = before.matches('\n').count() + 1;
            return Err(unfit(
                line,
                "a NUL character stands here: save the file as UTF-8",
            ));
        }
        let mut reader = Reader::new(text);
        let Some(header) = reader.next() else {
            let detail = format!("the file is empty: name the columns {}", COLUMNS.join(","));
            return Err(invalid([fault("header", detail)]));
        };
        if let Some(fault) = header.fault {
            return Err(unfit(header.line, fault.detail()));
        }
        let places = places(&header).map_err(invalid)?;
        let records: Vec<_> = reader.collect();
        // Where a quote is missing, every line behind it may have been meant otherwise.
        let open = records
            .last()
            .filter(|last| last.fault == Some(Fault::Unclosed));
        if let Some(open) = open {
            return Err(unfit(open.line, Fault::Unclosed.detail()));
        }
        if records.is_empty() {
            let detail = "no product stands below the header";
            return Err(invalid([fault("lines", detail)]));
        }
        Ok(Self {
            places,
            width: header.width,
            records,
        })
    }

    /// What a line says, or everything that is wrong with it.
    pub(super) fn row(&self, record: &Record<'_>) -> Result<Row, Vec<LineError>> {
        let line = record.line;
        let malformed = |detail| vec![LineError::new(line, None, "malformed", detail)];
        if let Some(fault) = record.fault {
            return Err(malformed(fault.detail().to_owned()));
        }
        if record.width != self.width {
            let (has, wanted) = (record.width, self.width);
            return Err(malformed(format!(
                "the line has {has} fields where the header has {wanted}"
            )));
        }
        let mut errors = Vec::new();
        let mut number = |column: &'static str, hint: &str| {
            let text = self.said(record, column)?.trim();
            let number = text.parse::<i64>().ok();
            if number.is_none() {
                let detail = format!("{} is no whole number{hint}", shown(text));
                errors.push(LineError::new(line, Some(column), "invalid", detail));
            }
            number
        };
        let price = number("price_cents", ": 12.50 is 1250");
        let stock = number("stock", "");
        let sku = self.text(record, "sku").unwrap_or_default();
        let no_price = price.is_none() && self.said(record, "price_cents").is_none();
        if no_price {
            let detail = "must not be empty".to_owned();
            errors.push(LineError::new(line, Some("price_cents"), "invalid", detail));
        }
        let patch = ProductPatch {
            name: Some(self.text(record, "name").unwrap_or_default()),
            sku: Some(sku.clone()),
            description: self.text(record, "description"),
            price_cents: price,
            currency: self.text(record, "currency"),
            stock,
            ..ProductPatch::default()
        };
        if let Err(report) = patch.validate() {
            for (path, error) in report.iter() {
                let path = path.to_string();
                let column = COLUMNS.into_iter().find(|column| path.starts_with(column));
                let detail = error.message().to_string();
                errors.push(LineError::new(line, column, "invalid", detail));
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let category = self.said(record, "category");
        Ok(Row {
            sku,
            patch,
            category: category.map(|slug| slug.trim().to_owned()),
        })
    }

    /// What stands in a column, unless that is nothing.
    fn said<'r>(&self, record: &'r Record<'_>, column: &str) -> Option<&'r str> {
        let index = COLUMNS.iter().position(|name| *name == column)?;
        let field = record.fields.get(self.places[index]?)?;
        (!field.trim().is_empty()).then_some(&**field)
    }

    fn text(&self, record: &Record<'_>, column: &str) -> Option<String> {
        self.said(record, column).map(str::to_owned)
    }
}

/// Where each column is, or what is wrong with the header.
fn places(header: &Record<'_>) -> Result<[Option<usize>; COLUMNS.len()], Vec<FieldError>> {
    let mut places = [None; COLUMNS.len()];
    let mut faults = Vec::new();
    for (place, name) in header.fields.iter().enumerate() {
        let name: Cow<'_, str> = name.trim().into();
        let index = COLUMNS.iter().position(|column| **column == *name);
        let wrong = match index {
            None => "is no column of a product",
            Some(index) if places[index].replace(place).is_some() => "stands there twice",
            Some(_) => continue,
        };
        // More than anybody wants to read of a file that is something else.
        if faults.len() < 5 {
            let detail = format!("{} {wrong}: use {}", shown(&name), COLUMNS.join(","));
            faults.push(fault("header", detail));
        }
    }
    for (name, place) in COLUMNS.iter().zip(places) {
        if place.is_none() && NEEDED.contains(name) {
            let detail = format!("the column {name} is missing: name columns in the first line");
            faults.push(fault("header", detail));
        }
    }
    if faults.is_empty() {
        Ok(places)
    } else {
        Err(faults)
    }
}

fn unfit(line: usize, detail: &str) -> ApiError {
    invalid([fault(&format!("lines/{line}"), detail)])
}

/// The beginning of what somebody wrote, in quotes.
pub(super) fn shown(text: &str) -> String {
    let begin: String = text.chars().take(SHOWN).collect();
    let more = if begin.len() < text.len() { "…" } else { "" };
    format!("{begin:?}{more}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        format!("{:?}", Table::read(text).unwrap_err().problem())
    }

    #[test]
    fn columns_stand_in_any_order_and_some_may_be_missing() {
        let text = "stock, sku ,price_cents,name\n3,A-1,1250,\"Chair, red\"\n,A-2,0,Table\n";
        let table = Table::read(text).unwrap();
        let rows: Vec<_> = table
            .records
            .iter()
            .map(|record| table.row(record))
            .collect();
        let [Ok(chair), Ok(sold)] = &rows[..] else {
            panic!("{rows:?}")
        };
        assert_eq!(chair.patch.name.as_deref(), Some("Chair, red"));
        assert_eq!(
            (chair.patch.stock, chair.patch.price_cents),
            (Some(3), Some(1250))
        );
        assert_eq!(
            (sold.patch.stock, sold.patch.currency.as_deref()),
            (None, None)
        );
    }

    #[test]
    fn a_file_that_is_no_table_of_products_is_refused_as_a_whole() {
        for (text, why) in [
            ("", "empty"),
            ("\n\n", "empty"),
            ("name,sku,price_cents", "no product"),
            ("name,sku,price_cents\n\n", "no product"),
            ("name;sku;price_cents\na;b;1", "is no column"),
            ("name,sku\na,b", "price_cents is missing"),
            ("name,sku,price_cents,sku\na,b,1,c", "twice"),
            ("name,sku,price_cents\na,b\0,1", "NUL"),
            ("name,sku,price_cents\na,\"b,1\nc,d,1\n", "does not end"),
            ("na\"me,sku,price_cents\na,b,1", "quote"),
        ] {
            let said = refused(text);
            assert!(said.contains(why), "{text:?}: {said}");
        }
        let wide = format!("name,sku,price_cents{}\n1", ",x".repeat(100_000));
        assert!(refused(&wide).len() < 4_000);
    }

    #[test]
    fn a_line_says_everything_that_is_wrong_with_it() {
        let text = "name,sku,price_cents,stock,currency\n\
                    ,A,12.50,-1,eur\n\
                    x,B,,1\n\
                    x,B,,1,EUR\n";
        let table = Table::read(text).unwrap();
        let fields: Vec<Vec<_>> = table
            .records
            .iter()
            .map(|record| {
                let errors = table.row(record).unwrap_err();
                let mut fields: Vec<_> = errors.iter().map(|error| error.field.clone()).collect();
                fields.sort_unstable();
                fields
            })
            .collect();
        let named = |names: &[&str]| names.iter().map(|name| Some((*name).to_owned())).collect();
        let first: Vec<_> = named(&["currency", "name", "price_cents", "stock"]);
        assert_eq!(fields[0], first);
        assert_eq!(fields[1], [None]);
        let third: Vec<_> = named(&["price_cents"]);
        assert_eq!(fields[2], third);
    }
}
