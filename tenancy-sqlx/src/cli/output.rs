//! How a command answers: text for people, one JSON document for programs, and an exit code.

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use clap::Args;
use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;
use serde_json::{Map, Value, json};

/// The form of JSON documents; it grows only when a field changes its meaning.
const SCHEMA_VERSION: u32 = 1;

/// How results are printed.
#[derive(Debug, Clone, Default, Args)]
pub struct Output {
    /// Print one JSON document instead of text.
    #[arg(long, global = true, display_order = 900)]
    json: bool,
    /// Where documents go instead of to the terminal.
    #[arg(skip)]
    collected: Option<Arc<Mutex<Map<String, Value>>>>,
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Exit {
    /// 0: done.
    Done,
    /// 1: failed.
    Failed,
    /// 2: the words do not fit together.
    Usage,
    /// 3: done for some tenants, failed for others.
    SomeFailed,
    /// 4: something is pending, and the command was asked to check.
    Pending,
    /// 5: the doctor found something critical.
    Critical,
    /// 6: nobody confirmed what cannot be taken back.
    NotConfirmed,
    /// 7: a tenant's tables are not what its migrations make.
    Drifted,
}

impl Exit {
    /// The exit code of the process.
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::SomeFailed => 3,
            Self::Pending => 4,
            Self::Critical => 5,
            Self::NotConfirmed => 6,
            Self::Drifted => 7,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

impl Output {
    /// Prints the result: `value` as JSON under `key`, or the text.
    pub fn result(&self, key: &str, value: &impl Serialize, text: impl FnOnce() -> String) {
        if self.json {
            let value = serde_json::to_value(value).unwrap_or(Value::Null);
            if let Some(collected) = &self.collected {
                let mut collected = collected.lock().unwrap_or_else(PoisonError::into_inner);
                collected.insert(key.to_owned(), value);
                return;
            }
            let mut document = json!({ "schema_version": SCHEMA_VERSION });
            document[key] = value;
            say(format_args!("{document:#}"));
        } else {
            say(format_args!("{}", text().trim_end()));
        }
    }

    /// Prints the result: the fields of `value` as the JSON document, or the text.
    pub(super) fn document(&self, value: &Value, text: impl FnOnce() -> String) {
        if self.json {
            let mut document = json!({ "schema_version": SCHEMA_VERSION });
            for (key, field) in value.as_object().into_iter().flatten() {
                document[key] = field.clone();
            }
            say(format_args!("{document:#}"));
        } else {
            say(format_args!("{}", text().trim_end()));
        }
    }

    /// Tells why a command failed: programs on standard output, people on standard error.
    pub fn failure(&self, error: &(dyn std::error::Error + 'static)) {
        if self.json {
            let document =
                json!({ "schema_version": SCHEMA_VERSION, "error": Self::failure_value(error) });
            say(format_args!("{document:#}"));
        } else {
            eprintln!("{}", Chain(error));
        }
    }

    /// Says why words do not fit together: programs on standard output, people on standard error.
    pub(super) fn refuse(&self, why: impl Into<String>) {
        self.failure(&std::io::Error::other(why.into()));
    }

    /// Says on standard error what goes on; programs that read JSON need not hear it.
    pub fn note(&self, text: impl std::fmt::Display) {
        if !self.json {
            eprintln!("{text}");
        }
    }

    /// Runs one of several commands whose answers make one document: it gets an output of its own,
    /// and what that would have printed is given back beside its end.
    pub(super) async fn part<T>(
        &self,
        command: impl AsyncFnOnce(&Self) -> T,
    ) -> (T, Map<String, Value>) {
        let collected = Arc::new(Mutex::new(Map::new()));
        let part = Self {
            json: self.json,
            collected: Some(Arc::clone(&collected)),
        };
        let end = command(&part).await;
        let mut collected = collected.lock().unwrap_or_else(PoisonError::into_inner);
        (end, std::mem::take(&mut *collected))
    }

    /// Why a command failed, as a document tells it.
    pub(super) fn failure_value(error: &(dyn std::error::Error + 'static)) -> Value {
        json!({ "message": Chain(error).to_string() })
    }

    /// Whether a program reads the answer.
    pub fn is_json(&self) -> bool {
        self.json
    }
}

/// An error with what it came from, a line each, without repeating itself.
struct Chain<'a>(&'a (dyn std::error::Error + 'static));

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut said = self.0.to_string();
        f.write_str(&said)?;
        let mut next = self.0.source();
        while let Some(error) = next {
            let text = error.to_string();
            if !said.contains(&text) {
                write!(f, "\n  because: {text}")?;
                said.push_str(&text);
            }
            next = error.source();
        }
        Ok(())
    }
}

/// Prints a line; a reader that left, such as `head`, has what it wanted.
fn say(line: std::fmt::Arguments<'_>) {
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

/// A number and what it counts: `1 table`, `2 tables`.
pub(super) fn count(number: impl TryInto<u64>, what: &str) -> String {
    match number.try_into() {
        Ok(1) => format!("1 {what}"),
        Ok(number) => format!("{number} {what}s"),
        Err(_) => format!("many {what}s"),
    }
}

/// Prints a text that ends with a line break of its own.
pub(super) fn print(text: &[u8]) {
    let _ = std::io::stdout().lock().write_all(text);
}

/// Rows under headings, as wide as the terminal lets them be.
pub(super) fn table<const N: usize>(
    heads: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(heads);
    for row in rows {
        table.add_row(row);
    }
    table.trim_fmt()
}
