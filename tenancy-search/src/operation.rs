//! What is written to an engine.

use tenancy_core::outbox::Fence;
use uuid::Uuid;

/// The words of a document, folded: what engines keep and match.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Words {
    /// Those of the name, in order.
    pub name: Vec<String>,
    /// Those of the name and the text, in order.
    pub text: Vec<String>,
    /// The beginnings of those of the name, of 1 to 12 characters; no order, nothing twice.
    pub prefixes: Vec<String>,
}

/// One document's change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// Which document.
    pub id: Uuid,
    /// When what it says was read: a change with a lower fence than the document's last loses.
    pub fence: Fence,
    /// What becomes of it.
    pub change: Change,
}

/// What becomes of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It has these words.
    Put(Words),
    /// It is gone.
    Delete,
}

/// What became of an [`Operation`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// It is in the index, or it lost against one with a higher fence, or what it deletes was not
    /// there.
    Settled,
    /// The engine will never take it; why.
    Refused(String),
}
