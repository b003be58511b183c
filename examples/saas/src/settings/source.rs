//! Where settings come from: what the process was given, and below it `.env` of the folder it
//! runs in.

use std::collections::BTreeMap;
use std::io::ErrorKind;

use super::names;

type Values = BTreeMap<String, String>;

/// The values of both places; those of the process win.
#[derive(Debug, Default)]
pub(super) struct Sources {
    process: Values,
    file: Values,
}

impl Sources {
    /// Reads both places; an `.env` that is not there is an empty one.
    pub(super) fn read() -> Result<Self, String> {
        let file = match std::fs::read_to_string(".env") {
            Ok(text) => dotenvy::from_read_iter(text.as_bytes())
                .collect::<Result<_, _>>()
                // The line may hold a password, so it is not shown.
                .map_err(|_| ".env cannot be read: write NAME=value, with quotes closed")?,
            Err(error) if error.kind() == ErrorKind::NotFound => Values::new(),
            Err(error) => return Err(format!(".env cannot be read: {error}")),
        };
        let mut process = Values::new();
        for (name, value) in std::env::vars_os() {
            // Names and values of other programs need not be text.
            let Ok(name) = name.into_string() else {
                continue;
            };
            match value.into_string() {
                Ok(value) => {
                    process.insert(name, value);
                }
                Err(_) if names::is_known(&name) => return Err(format!("{name} is not UTF-8")),
                Err(_) => {}
            }
        }
        Ok(Self { process, file })
    }

    #[cfg(test)]
    pub(super) fn of(process: &[(&str, &str)], file: &[(&str, &str)]) -> Self {
        let values = |pairs: &[(&str, &str)]| {
            let own = |&(name, value): &(&str, &str)| (name.to_owned(), value.to_owned());
            pairs.iter().map(own).collect()
        };
        Self {
            process: values(process),
            file: values(file),
        }
    }

    /// The value of `name`; a blank one counts as none, and in the process hides the file's.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        given(self.process.get(name).or_else(|| self.file.get(name)))
    }

    /// Whether `name` is there and says nothing.
    pub(super) fn is_blank(&self, name: &str) -> bool {
        let value = self.process.get(name).or_else(|| self.file.get(name));
        value.is_some_and(|value| value.trim().is_empty())
    }

    /// The one of several names for the same thing that counts: of those the process was given
    /// the first, and else the first in the file.
    pub(super) fn first_of(&self, names: &[&'static str]) -> Option<&'static str> {
        let of_process = |name: &str| given(self.process.get(name)).is_some();
        let names = || names.iter().copied();
        names()
            .find(|name| of_process(name))
            .or_else(|| names().find(|name| self.get(name).is_some()))
    }

    /// What the process was given, whether it is a setting or not.
    pub(super) fn process(&self) -> impl Iterator<Item = (&str, &str)> {
        pairs(&self.process)
    }

    /// What stands in the file.
    pub(super) fn file(&self) -> impl Iterator<Item = (&str, &str)> {
        pairs(&self.file)
    }
}

fn given(value: Option<&String>) -> Option<&str> {
    value.map(|value| value.trim()).filter(|v| !v.is_empty())
}

fn pairs(values: &Values) -> impl Iterator<Item = (&str, &str)> {
    values
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
}
