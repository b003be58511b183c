//! What two schemas differ in.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::Object;

/// The sort of an object that a tenant has and should not, or the other way round; new ones may be
/// added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ObjectKind {
    /// The schema itself.
    Schema,
    /// A migration that this program does not know.
    Migration,
    /// A type or a domain.
    Type,
    /// A sequence that is no identity column's, or whose it is.
    Sequence,
    /// A function or a procedure.
    Routine,
    /// A table without its columns.
    Table,
    /// A column without its default.
    Column,
    /// A table that is a partition of another.
    Partition,
    /// The default of a column.
    Default,
    /// A key, a check or a reference.
    Constraint,
    /// An index.
    Index,
    /// A view, also a materialized one.
    View,
    /// A rule.
    Rule,
    /// A trigger and whether it is enabled.
    Trigger,
    /// Whether a table has row level security.
    RowSecurity,
    /// A policy.
    Policy,
    /// Extended statistics.
    Statistics,
    /// A comment.
    Comment,
    /// Something that is not described further.
    Uncovered,
}

impl ObjectKind {
    const ALL: [(Self, &str); 19] = [
        (Self::Schema, "schema"),
        (Self::Migration, "migration"),
        (Self::Type, "type"),
        (Self::Sequence, "sequence"),
        (Self::Routine, "routine"),
        (Self::Table, "table"),
        (Self::Column, "column"),
        (Self::Partition, "partition"),
        (Self::Default, "default"),
        (Self::Constraint, "constraint"),
        (Self::Index, "index"),
        (Self::View, "view"),
        (Self::Rule, "rule"),
        (Self::Trigger, "trigger"),
        (Self::RowSecurity, "row security"),
        (Self::Policy, "policy"),
        (Self::Statistics, "statistics"),
        (Self::Comment, "comment"),
        (Self::Uncovered, "uncovered"),
    ];

    pub(super) fn parse(text: &str) -> Option<Self> {
        let found = Self::ALL.iter().find(|(_, name)| *name == text);
        found.map(|(kind, _)| *kind)
    }

    /// Its name for people.
    pub fn as_str(self) -> &'static str {
        let found = Self::ALL.iter().find(|(kind, _)| *kind == self);
        found.map_or("object", |(_, name)| name)
    }
}

impl fmt::Display for ObjectKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One object that is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Difference {
    /// What it is.
    pub kind: ObjectKind,
    /// What it is called in the schema, such as `posts.title`.
    pub object: String,
    /// Its definition as it should be; nothing when it should not be there.
    pub expected: Option<String>,
    /// Its definition as it is; nothing when it is missing.
    pub found: Option<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = match (&self.expected, &self.found) {
            (Some(_), None) => "is missing",
            (None, Some(_)) => "should not be there",
            _ => "is different",
        };
        write!(f, "{} {} {how}", self.kind, self.object)
    }
}

/// What `found` differs in from `expected`, by kind and name. The order of a table's columns is no
/// difference.
pub(crate) fn differences(expected: &[Object], found: &[Object]) -> Vec<Difference> {
    let (mut expected, mut found) = (by_name(expected), by_name(found));
    expected.retain(|name, definitions| match found.get(name) {
        Some(same) if same == definitions => {
            found.remove(name);
            false
        }
        _ => true,
    });
    let mut names: Vec<_> = expected.keys().chain(found.keys()).copied().collect();
    names.sort_unstable();
    names.dedup();
    let text = |definitions: Option<&Vec<&str>>| definitions.map(|all| all.join("; "));
    names
        .into_iter()
        .map(|name| Difference {
            kind: name.0,
            object: name.1.to_owned(),
            expected: text(expected.get(&name)),
            found: text(found.get(&name)),
        })
        .collect()
}

/// Definitions under their names; what is not described further may have one name twice.
fn by_name(objects: &[Object]) -> BTreeMap<(ObjectKind, &str), Vec<&str>> {
    let mut names: BTreeMap<_, Vec<&str>> = BTreeMap::new();
    for object in objects {
        let definitions = names
            .entry((object.kind, object.name.as_str()))
            .or_default();
        definitions.push(&object.definition);
    }
    for definitions in names.values_mut() {
        definitions.sort_unstable();
    }
    names
}
