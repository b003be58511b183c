//! A statement with its places for the tenant's schema.

use std::ops::Range;

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
    ) -> Self {
        places.sort_unstable();
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
        Self {
            parts,
            kind,
            tables,
            parameters,
            id: fnv1a(sql.as_bytes()),
        }
    }

    /// The text cut where the schema's quoted name is written; each part after the first starts
    /// with the dot that follows it.
    pub fn parts(&self) -> &[String] {
        &self.parts
    }

    /// Whether the statement only reads.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The tenant's tables that the statement names, sorted, each once.
    pub fn tables(&self) -> &[String] {
        &self.tables
    }

    /// The number of parameters, which is the highest `$n`.
    pub fn parameters(&self) -> u16 {
        self.parameters
    }

    /// A hash of the text that is the same on every machine and in every build.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The statement for one schema, whose name is given quoted (`"acme"`).
    pub fn render(&self, quoted_schema: &str) -> String {
        self.parts.join(quoted_schema)
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
}
