//! A statement with its places for the tenant's schema.

use std::ops::Range;

use crate::Refusal;

/// What a statement may do to rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// One `SELECT` or `VALUES` without locks and without functions of the tenant's schema.
    Read,
    /// Everything else.
    Write,
}

/// One accepted statement: its text in parts, between which the quoted schema is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    parts: Vec<String>,
    kind: Kind,
    calls: bool,
    tables: Vec<String>,
    parameters: u16,
    id: u64,
}

/// One place for the schema: the bytes that its name replaces, none for an unqualified table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) start: usize,
    pub(crate) end: usize,
}

impl Statement {
    pub(crate) fn new(
        sql: &str,
        mut places: Vec<Place>,
        kind: Kind,
        mut tables: Vec<String>,
        parameters: u16,
    ) -> Result<Self, Refusal> {
        places.sort_unstable();
        places
            .iter()
            .try_for_each(|place| stands_free(sql, *place))?;
        tables.sort_unstable();
        tables.dedup();
        let mut parts = Vec::with_capacity(places.len() + 1);
        let mut part = String::new();
        let mut from = 0;
        for place in places {
            part.push_str(slice(sql, from..place.start));
            parts.push(std::mem::take(&mut part));
            if place.start == place.end {
                part.push('.');
            }
            from = place.end;
        }
        part.push_str(slice(sql, from..sql.len()));
        parts.push(part);
        // No part holds a NUL, so two ways to cut one text are two ids.
        let id = fnv1a(parts.join("\0").as_bytes());
        Ok(Self {
            parts,
            kind,
            calls: false,
            tables,
            parameters,
            id,
        })
    }

    /// Notes whether it calls functions that are not on the lists.
    pub(crate) fn calling(mut self, calls: bool) -> Self {
        self.calls = calls;
        self
    }

    /// Whether the statement calls functions of the tenant's or the app's own, of which it is not
    /// known what they do.
    pub fn calls(&self) -> bool {
        self.calls
    }

    /// The text cut where the schema's quoted name is written; each part after the first starts
    /// with the dot that follows it, or with the blanks before that.
    pub fn parts(&self) -> &[String] {
        &self.parts
    }

    /// Whether the statement only reads.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The tables that the statement names, sorted, each once: the tenant's own by their names, the
    /// app's own qualified.
    pub fn tables(&self) -> &[String] {
        &self.tables
    }

    /// The number of parameters, which is the highest `$n`.
    pub fn parameters(&self) -> u16 {
        self.parameters
    }

    /// A hash of the text and of its places for the schema, which is the same on every machine and in every build.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The statement for one schema, whose name is given quoted (`"acme"`).
    pub fn render(&self, quoted_schema: &str) -> String {
        self.parts.join(quoted_schema)
    }
}

/// Refuses a place whose quoted name would grow into what stands before it: `u&"t1"` is one name
/// with escapes, and `"a""t1"` is one name with a quote.
fn stands_free(sql: &str, place: Place) -> Result<(), Refusal> {
    let before = sql.as_bytes().get(..place.start).unwrap_or_default();
    match before {
        [.., b'u' | b'U', b'&'] | [.., b'"'] => Err(Refusal::new(
            place.start..place.end,
            "the schema's quoted name would be read with what stands before it",
            "put a blank before the name",
        )),
        _ => Ok(()),
    }
}

/// Bytes of the text at token boundaries, which are character boundaries.
fn slice(sql: &str, range: Range<usize>) -> &str {
    sql.get(range).unwrap_or_default()
}

fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_is_fnv_1a_of_the_text() {
        assert_eq!(fnv1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn one_text_cut_in_two_ways_has_two_ids() {
        let sql = "SELECT a FROM c";
        let read = |places| Statement::new(sql, places, Kind::Read, Vec::new(), 0).expect("free");
        let (none, one) = (read(vec![]), read(vec![Place { start: 14, end: 14 }]));
        assert_ne!(none.id(), one.id());
        let written = Statement::new("SELECT a FROM .c", vec![], Kind::Read, Vec::new(), 0);
        assert_ne!(one.id(), written.expect("free").id());
        assert_eq!(one.id(), read(vec![Place { start: 14, end: 14 }]).id());
    }
}
