//! What is asked of an engine.

use uuid::Uuid;

use crate::cursor::Cursor;
use crate::text::tokens;

/// The most words of a query.
const WORDS: usize = 8;

/// The most characters of a text that are read for a query.
const CHARS: usize = 256;

/// The most hits of a page.
const LIMIT: usize = 100;

/// What to find: words that a document must have, each whole, begun or misspelt.
///
/// Made of folded words alone, so nothing that a visitor types means anything to the engine.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    pub(crate) words: Vec<String>,
    pub(crate) limit: usize,
    pub(crate) after: Option<After>,
    pub(crate) depth: u32,
}

/// Where a page of hits ended: the next one begins behind it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct After {
    /// The last hit's score.
    pub score: f32,
    /// The last hit's id.
    pub id: Uuid,
}

impl Query {
    /// Reads what somebody typed, for the first 20 hits: the first eight words of the first 256
    /// characters count, and the rest is left out.
    ///
    /// Every text is a query. One without a letter or digit has no words and finds nothing.
    ///
    /// # Example
    ///
    /// ```
    /// use tenancy_search::Query;
    ///
    /// assert_eq!(Query::new("Wirel* OR \"Café\"").words(), ["wirel", "or", "cafe"]);
    /// assert!(Query::new(" *:* ").words().is_empty());
    /// ```
    pub fn new(text: &str) -> Self {
        let end = text
            .char_indices()
            .nth(CHARS)
            .map_or(text.len(), |(at, _)| at);
        let mut words: Vec<String> = Vec::new();
        for token in tokens(&text[..end]) {
            if words.len() == WORDS {
                break;
            }
            if !words.contains(&token.word) {
                words.push(token.word);
            }
        }
        Self {
            words,
            limit: 20,
            after: None,
            depth: 0,
        }
    }

    /// Asks for at most `limit` hits, from 1 to 100.
    #[must_use]
    pub fn with_limit(mut self, limit: usize) -> Self {
        self.limit = limit.clamp(1, LIMIT);
        self
    }

    /// Asks for the page that begins behind a hit.
    #[must_use]
    pub fn with_after(mut self, after: After) -> Self {
        self.after = Some(after);
        self
    }

    /// Asks for the page that a cursor stands for.
    #[must_use]
    pub fn with_cursor(mut self, cursor: Cursor) -> Self {
        self.after = Some(cursor.after());
        self.depth = cursor.depth();
        self
    }

    /// The folded words, at most eight; a query without any finds nothing.
    pub fn words(&self) -> &[String] {
        &self.words
    }

    /// How many hits at most.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Behind which hit.
    pub fn after(&self) -> Option<After> {
        self.after
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_is_bounded() {
        let query = Query::new("a b a c d e f g h i j").with_limit(1_000_000);
        assert_eq!(query.words(), ["a", "b", "c", "d", "e", "f", "g", "h"]);
        assert_eq!(query.limit(), LIMIT);
        assert_eq!(Query::new("x").with_limit(0).limit(), 1);
        let long = "é".repeat(1 << 20);
        assert_eq!(Query::new(&long).words(), ["e".repeat(64)]);
        assert!(Query::new(&" ".repeat(1 << 20)).words().is_empty());
    }
}
