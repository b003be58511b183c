//! Every statement of a crate, prepared by the server against one tenant's tables.

use std::collections::BTreeSet;
use std::fmt::{self, Write as _};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sqlx::postgres::{PgConnection, PgDatabaseError, PgErrorPosition};
use sqlx::{AssertSqlSafe, Executor as _, SqlSafeStr as _};
use tenancy_core::SchemaName;
use tenancy_qualify::{Allowed, Refusal};

use super::excerpt;
use super::fault::{StatementFault, StatementFaults};
use super::source::{self, Door, Form, Found, Place, Unseen};
use crate::TenantDb;

/// The statements that stand in a crate's source, to be checked against real tables.
///
/// The source is read, not the program: every `tenant_sql!` and `shared_sql!` with a text is
/// found, in whatever module, function or macro it stands, whether it is compiled or not. Three
/// things cannot be seen, and [`Checked::unseen`] lists where they are: a text that another
/// macro writes into the statement (`tenant_sql!($text)`), one that is composed at run time
/// (`DynSql`, which is checked when it runs), and a macro that was given another name. SQL that
/// is no tenant statement, such as what runs in a `ScopedTx`, is not looked at: sqlx's `query!`
/// checks that with the URL of `tenancy dev-schema`.
///
/// ```no_run
/// # use tenancy_sqlx::{TenantDb, testing::{StatementFaults, Statements}};
/// # async fn test(acme: TenantDb) -> Result<(), StatementFaults> {
/// let checked = Statements::in_crate(env!("CARGO_MANIFEST_DIR"))
///     .folder("examples")
///     .check(&acme)
///     .await?;
/// assert!(checked.unseen().is_empty(), "{checked}");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use = "nothing is checked before `check`"]
pub struct Statements {
    root: PathBuf,
    folders: Vec<PathBuf>,
    without: Vec<PathBuf>,
}

/// What a check without faults has seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    statements: usize,
    files: usize,
    unseen: Vec<Unseen>,
}

impl Statements {
    /// Takes the statements in `src/` of the crate at `root`, which is
    /// `env!("CARGO_MANIFEST_DIR")` in a test of that crate.
    pub fn in_crate(root: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            folders: vec!["src".into()],
            without: Vec::new(),
        }
    }

    /// Takes those in another folder of the crate too, such as `examples` or `tests`.
    pub fn folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folders.push(folder.into());
        self
    }

    /// Leaves out a file or folder, such as one whose statements are for other tables.
    pub fn without(mut self, path: impl Into<PathBuf>) -> Self {
        self.without.push(path.into());
        self
    }

    /// Lets the server prepare every statement for the tenant of `db`, and says what fits not.
    ///
    /// Each statement is qualified as the macro does it and prepared over a connection of the
    /// application's, under its login and its empty path; none is run. So tables, columns,
    /// functions, types and parameters are checked. What only running shows is not: rights on
    /// tables, constraints, and the Rust types that rows are read into.
    ///
    /// # Errors
    ///
    /// All faults at once, with file, line and column. Finding no statement is a fault, because
    /// such a test could never fail; so is a path that is not there.
    pub async fn check(&self, db: &TenantDb) -> Result<Checked, StatementFaults> {
        let mut checked = Checked {
            statements: 0,
            files: 0,
            unseen: Vec::new(),
        };
        let mut faults = Vec::new();
        let stopped = |error: crate::Error| {
            let message = format!("the database does not answer: {error}");
            StatementFaults::nothing(&self.root, message)
        };
        let cannot = |message| StatementFaults::nothing(&self.root, message);
        let files = self.files().map_err(cannot)?;
        let allowed = self.allowed().map_err(cannot)?;
        let mut guard = db.source().checkout().await.map_err(stopped)?;
        for file in files {
            let (source, contents) = match self.read(&file) {
                Ok(read) => read,
                Err(fault) => {
                    faults.push(*fault);
                    continue;
                }
            };
            checked.files += usize::from(!contents.found.is_empty());
            checked.statements += contents.found.len();
            checked.unseen.extend(contents.unseen);
            for found in contents.found {
                let schema = db.context().schema();
                match prepare(guard.begin_work(), &found, &allowed, schema).await {
                    Ok(()) => {}
                    Err(Failure::Fault(fault)) => faults.push(fault.shown_in(&source)),
                    Err(Failure::Connection(error)) => {
                        guard.failed(&error);
                        return Err(stopped(error.into()));
                    }
                }
            }
        }
        guard
            .forget_statements()
            .await
            .map_err(|error| stopped(error.into()))?;
        guard.finished();

        if faults.is_empty() && checked.statements == 0 {
            let folders: Vec<_> = self.folders.iter().map(|dir| dir.display()).collect();
            let mut message = format!("there is no tenant_sql! or shared_sql! in {folders:?}");
            for unseen in &checked.unseen {
                // Writing to a string cannot fail.
                let _ = write!(message, "\n{unseen}");
            }
            return Err(StatementFaults::nothing(&self.root, message));
        }
        if faults.is_empty() {
            return Ok(checked);
        }
        faults.sort_by(|a, b| a.place().cmp(&b.place()));
        let heading = format!(
            "{} of {} do not fit the tables of schema {}",
            faults.len(),
            counted(checked.statements, "statement"),
            db.context().schema()
        );
        Err(StatementFaults { heading, faults })
    }

    /// The files to read, relative to the root, sorted.
    fn files(&self) -> Result<BTreeSet<PathBuf>, String> {
        let mut files = BTreeSet::new();
        let unreadable = |path: &Path, error: io::Error| format!("{}: {error}", path.display());
        for path in &self.without {
            fs::metadata(self.root.join(path)).map_err(|error| unreadable(path, error))?;
        }
        let mut folders = self.folders.clone();
        while let Some(folder) = folders.pop() {
            let entries = fs::read_dir(self.root.join(&folder))
                .map_err(|error| unreadable(&folder, error))?;
            for entry in entries {
                let entry = entry.map_err(|error| unreadable(&folder, error))?;
                let path = folder.join(entry.file_name());
                if self.without.contains(&path) {
                    continue;
                }
                // A link to a folder may lead back up; one to a file is read as the file.
                let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
                if is_folder {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    files.insert(path);
                }
            }
        }
        Ok(files)
    }

    /// What the crate adds to the macros' lists.
    fn allowed(&self) -> Result<Allowed, String> {
        match fs::read_to_string(self.root.join("tenancy.toml")) {
            Ok(text) => Allowed::parse(&text).map_err(|error| error.to_string()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Allowed::none()),
            Err(error) => Err(format!("tenancy.toml: {error}")),
        }
    }

    fn read(&self, file: &Path) -> Result<(String, source::Contents), Box<StatementFault>> {
        let source = fs::read_to_string(self.root.join(file)).map_err(|error| {
            let message = format!("{}: {error}", file.display());
            Box::new(StatementFault::new(None, message))
        })?;
        // As the compiler reads it.
        let source = source.trim_start_matches('\u{feff}').replace("\r\n", "\n");
        let tokens = if source.starts_with("#!") && !source.starts_with("#![") {
            format!("//{source}")
        } else {
            source.clone()
        };
        match source::read(file, &tokens) {
            Ok(contents) => Ok((source, contents)),
            Err(place) => {
                let fault = StatementFault::new(Some(place), "the file is not Rust from here on");
                Err(Box::new(fault.shown_in(&source)))
            }
        }
    }
}

/// Why a statement was not prepared.
enum Failure {
    Fault(StatementFault),
    Connection(sqlx::Error),
}

async fn prepare(
    connection: &mut PgConnection,
    found: &Found,
    allowed: &Allowed,
    schema: &SchemaName,
) -> Result<(), Failure> {
    let sql = &found.text.value;
    let parts =
        parts(found, allowed).map_err(|refusal| Failure::Fault(refused(found, &refusal)))?;
    let text = parts.join(&schema.quoted());
    let Err(error) = connection.prepare(AssertSqlSafe(text).into_sql_str()).await else {
        return Ok(());
    };
    if error.as_database_error().is_none() {
        return Err(Failure::Connection(error));
    }
    let at = position(&error)
        .and_then(|at| excerpt::written(sql, &parts, schema, at))
        .and_then(|at| place(found, at));
    let place = at.unwrap_or_else(|| found.place.clone());
    Err(Failure::Fault(StatementFault::server(place, &error)))
}

/// Reads the statement as its macro does; the schema goes between the parts.
fn parts(found: &Found, allowed: &Allowed) -> Result<Vec<String>, Refusal> {
    let sql = &found.text.value;
    let statement = match (found.door, found.form) {
        (Door::Tenant, Form::Parsed) => allowed.tenant(sql)?,
        (Door::Tenant, Form::Raw) => allowed.tenant_raw(sql)?,
        (Door::Shared, Form::Parsed) => allowed.shared(sql)?,
        (Door::Shared, Form::Raw) => allowed.shared_raw(sql)?,
    };
    Ok(statement.parts().to_vec())
}

/// A statement that does not compile stands where nothing compiles it.
fn refused(found: &Found, refusal: &Refusal) -> StatementFault {
    let before = found.text.value.get(..refusal.span().start);
    let place = before
        .and_then(|before| place(found, before.chars().count()))
        .unwrap_or_else(|| found.place.clone());
    StatementFault::new(Some(place), refusal.reason()).hint(refusal.help())
}

/// The place in the file of the character of the statement that `before` others precede.
fn place(found: &Found, before: usize) -> Option<Place> {
    let (line, column) = found.text.place(before)?;
    Some(Place {
        file: found.place.file.clone(),
        line,
        column,
    })
}

/// How many characters precede the one that the server complains about.
fn position(error: &sqlx::Error) -> Option<usize> {
    let error = error.as_database_error()?;
    match error.try_downcast_ref::<PgDatabaseError>()?.position()? {
        PgErrorPosition::Original(position) => position.checked_sub(1),
        PgErrorPosition::Internal { .. } => None,
    }
}

fn counted(number: usize, noun: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{s}")
}

impl Checked {
    /// How many statements were prepared.
    pub fn statements(&self) -> usize {
        self.statements
    }

    /// How many files they stand in.
    pub fn files(&self) -> usize {
        self.files
    }

    /// Where SQL is that could not be seen, and so was not checked.
    pub fn unseen(&self) -> &[Unseen] {
        &self.unseen
    }
}

impl fmt::Display for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let statements = counted(self.statements, "statement");
        write!(f, "{statements} in {} fit", counted(self.files, "file"))?;
        if !self.unseen.is_empty() {
            write!(f, "; {} could not be seen:", self.unseen.len())?;
        }
        self.unseen
            .iter()
            .try_for_each(|unseen| write!(f, "\n{unseen}"))
    }
}
