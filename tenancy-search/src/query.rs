//! What is asked of an engine.

use uuid::Uuid;

/// What to find: words that a document must have, each whole, begun or misspelt.
///
/// Made of folded words alone, so nothing that a visitor types means anything to the engine.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    pub(crate) words: Vec<String>,
    pub(crate) limit: usize,
    pub(crate) after: Option<After>,
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
