//! What a server has of a tenant, all told by names.

use serde_json::Value;
use tenancy_core::{Error, ErrorKind, Prefix, TenantId};

use super::failure::Failure;
use super::link::Link;
use super::name::{Door, Generation, Part, beginning, is_of, shared, shared_beginning};
use crate::index::Index;

/// What there is of one index at one moment.
#[derive(Debug, Default)]
pub(super) struct State {
    /// What is searched.
    pub(super) live: Option<Held>,
    /// What is being built.
    pub(super) drafts: Vec<Held>,
    /// Whether the name that is searched is that of an index, while a shared one is provisioned.
    pub(super) placeholder: bool,
    /// Indexes of their own of generations that nobody can write to: they are never searched.
    pub(super) dead: Vec<String>,
}

/// A generation, and the index with its documents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) generation: Generation,
    pub(super) index: String,
}

/// Names as the server tells them.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub(super) indexes: Vec<String>,
    /// Each with the indexes behind it.
    pub(super) aliases: Vec<(String, Vec<String>)>,
}

impl Link {
    /// What there is of `index`.
    pub(super) async fn look(&self, index: &Index) -> Result<State, Error> {
        let names = self.names(&format!("{}*", index.name())).await?;
        let mut state = State::default();
        let mut doors = Vec::new();
        for (alias, indexes) in &names.aliases {
            let Some(part) = Part::read(index, alias) else {
                continue;
            };
            let [target] = indexes.as_slice() else {
                return Err(foreign(alias));
            };
            let own = |generation: Generation| *target == generation.index(index);
            let shared = *target == shared(index.prefix(), index.kind());
            let held = |generation| Held {
                generation,
                index: target.clone(),
            };
            match part {
                Part::Door(generation, door) if shared || own(generation) => {
                    doors.push(target.clone());
                    match door {
                        Door::Live => state.live = Some(held(generation)),
                        Door::Draft => state.drafts.push(held(generation)),
                    }
                }
                Part::Whole
                    if shared || matches!(Part::read(index, target), Some(Part::Generation(_))) => {
                }
                _ => return Err(foreign(alias)),
            }
        }
        for name in names.indexes {
            match Part::read(index, &name) {
                Some(Part::Whole) => state.placeholder = true,
                Some(Part::Generation(_) | Part::Door(..)) if !doors.contains(&name) => {
                    state.dead.push(name);
                }
                _ => {}
            }
        }
        Ok(state)
    }

    /// Everything of a tenant, of every kind.
    pub(super) async fn everything(
        &self,
        prefix: &Prefix,
        tenant: TenantId,
    ) -> Result<Names, Error> {
        let pattern = format!("{}*", beginning(prefix, tenant));
        let mut names = self.names(&pattern).await?;
        // The pattern cannot match another's name, and yet nobody's word is taken for it.
        names.indexes.retain(|name| is_of(prefix, tenant, name));
        names
            .aliases
            .retain(|(name, _)| is_of(prefix, tenant, name));
        Ok(names)
    }

    /// The indexes that small tenants share.
    pub(super) async fn shared_indexes(&self, prefix: &Prefix) -> Result<Vec<String>, Error> {
        let beginning = shared_beginning(prefix);
        let mut names = self.names(&format!("{beginning}*")).await?;
        names.indexes.retain(|name| name.starts_with(&beginning));
        Ok(names.indexes)
    }

    /// Removes an index, if there is one; an alias of this name stays.
    pub(super) async fn remove_index(&self, name: &str) -> Result<(), Error> {
        let path = format!("/{name}?expand_wildcards=none&{}", super::link::PATIENCE);
        match self.delete(&path).await {
            Ok(answer) => acknowledged(&answer),
            Err(Failure::Refused(refusal)) if matches!(refusal.status, 400 | 404) => Ok(()),
            Err(failure) => Err(failure.into()),
        }
    }

    async fn names(&self, pattern: &str) -> Result<Names, Error> {
        let path = format!("/_resolve/index/{pattern}?expand_wildcards=all");
        let answer = match self.get(&path).await {
            Ok(answer) => answer,
            Err(failure) if failure.is_missing() => return Ok(Names::default()),
            Err(failure) => return Err(failure.into()),
        };
        let list = |of: &Value| -> Vec<Value> { of.as_array().cloned().unwrap_or_default() };
        let text = |of: &Value| of.as_str().unwrap_or_default().to_owned();
        let indexes = list(&answer["indices"]);
        let aliases = list(&answer["aliases"]);
        Ok(Names {
            indexes: indexes.iter().map(|index| text(&index["name"])).collect(),
            aliases: aliases
                .iter()
                .map(|alias| {
                    let behind = list(&alias["indices"]);
                    (text(&alias["name"]), behind.iter().map(text).collect())
                })
                .collect(),
        })
    }
}

/// Whether every node knows of a change of names; otherwise one could still see what was.
pub(super) fn acknowledged(answer: &Value) -> Result<(), Error> {
    if answer["acknowledged"] == true {
        return Ok(());
    }
    Err(super::failure::unavailable(
        "not all of elasticsearch's nodes know of the change yet; try again in a while",
    ))
}

fn foreign(alias: &str) -> Error {
    Error::new(
        ErrorKind::Corrupt,
        format!(
            "the alias {alias:?} in elasticsearch leads where none of ours does: purge the index \
             and build it again"
        ),
    )
}
