//! The migrations a program was built with, ordered and checked.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use sqlx::migrate::{MigrationType, Migrator};

use super::check::{self, Refusal};
use super::migration::Migration;
use super::names::{self, Side};
use super::outside;
use crate::error::{Error, ErrorKind};

/// Migrations with unique versions, in order, none of which touches the transaction, the path or
/// the session it runs in.
///
/// Cloning copies a pointer.
///
/// # Example
///
/// ```
/// use tenancy_sqlx::{ErrorKind, Migration, MigrationSet};
///
/// let notes = "CREATE TABLE notes (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY)";
/// let set = MigrationSet::new([Migration::new(1, "notes", notes)])?;
/// assert_eq!(set.versions(), [1]);
///
/// let error = MigrationSet::new([Migration::new(1, "notes", "DROP TABLE a; COMMIT")]).unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Configuration);
/// # Ok::<(), tenancy_sqlx::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct MigrationSet {
    migrations: Arc<[Migration]>,
}

impl MigrationSet {
    /// Makes a set of `migrations` in any order.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`] when two have one version, a version is below one, the SQL of
    /// one controls the transaction, sets the path or changes the session, or one that opts out of
    /// its transaction has a statement that may not be repeated; the message names the file and
    /// the line.
    pub fn new(migrations: impl IntoIterator<Item = Migration>) -> Result<Self, Error> {
        let mut migrations: Vec<_> = migrations.into_iter().collect();
        migrations.sort_by_key(Migration::version);
        for pair in migrations.windows(2) {
            if pair[0].version() == pair[1].version() {
                return Err(Error::new(
                    ErrorKind::Configuration,
                    format!(
                        "migrations {} and {} have the same version: give one another number",
                        pair[0].file_name(),
                        pair[1].file_name()
                    ),
                ));
            }
        }
        for migration in &migrations {
            if migration.version() < 1 {
                return Err(Error::new(
                    ErrorKind::Configuration,
                    format!(
                        "migration {} is invalid: versions start at 1",
                        migration.file_name()
                    ),
                ));
            }
        }
        let set = Self {
            migrations: migrations.into(),
        };
        set.each_text(|text, sql| match text {
            Text::Up if outside::is_marked(sql) => outside::check(sql),
            Text::Down if outside::is_marked(sql) => Err(Refusal {
                line: 1,
                reason: "a down file runs in a transaction: remove this line, and CONCURRENTLY"
                    .into(),
            }),
            _ => check::check(sql),
        })?;
        Ok(set)
    }

    /// Refuses the first text that `check` refuses, up or down.
    fn each_text(&self, check: impl Fn(Text, &str) -> Result<(), Refusal>) -> Result<(), Error> {
        for migration in self {
            let up = (Text::Up, migration.file_name(), migration.sql());
            let down = migration
                .down()
                .map(|sql| (Text::Down, migration.down_file_name(), sql));
            for (text, file, sql) in std::iter::once(up).chain(down) {
                check(text, sql).map_err(|Refusal { line, reason }| {
                    Error::new(
                        ErrorKind::Configuration,
                        format!("migration {file}, line {line}: {reason}"),
                    )
                })?;
            }
        }
        Ok(())
    }

    /// Takes the migrations that `sqlx::migrate!` embedded.
    ///
    /// # Errors
    ///
    /// As [`MigrationSet::new`].
    pub fn embedded(migrator: &Migrator) -> Result<Self, Error> {
        let mut parts = Parts::default();
        for migration in migrator.iter() {
            let name = migration.description.replace(' ', "_");
            let sql = migration.sql.as_str().to_owned();
            let up = Migration::new(migration.version, name, sql);
            parts.add(up, migration.migration_type)?;
        }
        parts.into_set()
    }

    /// Reads the `N_name.sql` (or `N_name.up.sql` and `N_name.down.sql`) files of a folder.
    ///
    /// # Errors
    ///
    /// As [`MigrationSet::new`]; also when the folder or a file cannot be read.
    pub fn read(folder: impl AsRef<Path>) -> Result<Self, Error> {
        let folder = folder.as_ref();
        let unreadable = |error: std::io::Error, path: &Path| {
            Error::new(
                ErrorKind::Configuration,
                format!("migrations at {} cannot be read: {error}", path.display()),
            )
            .with_source(error)
        };
        let mut parts = Parts::default();
        for entry in std::fs::read_dir(folder).map_err(|error| unreadable(error, folder))? {
            let path = entry.map_err(|error| unreadable(error, folder))?.path();
            let file = path.file_name().unwrap_or_default().to_string_lossy();
            let Some((number, rest)) = file.split_once('_') else {
                continue;
            };
            let kind = MigrationType::from_filename(rest);
            let (Some(name), true) = (rest.strip_suffix(kind.suffix()), path.is_file()) else {
                continue;
            };
            let version = number.parse().map_err(|error| {
                Error::new(
                    ErrorKind::Configuration,
                    format!("migration {file} is invalid: start its name with a number"),
                )
                .with_source(Box::<dyn std::error::Error + Send + Sync>::from(
                    error as std::num::ParseIntError,
                ))
            })?;
            let sql = std::fs::read_to_string(&path).map_err(|error| unreadable(error, &path))?;
            let read = Migration::new(version, name.to_owned(), sql);
            parts.add(read.in_file(file.into_owned()), kind)?;
        }
        parts.into_set()
    }

    /// The migrations in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Migration> {
        self.migrations.iter()
    }

    /// The migration of `version`.
    pub fn get(&self, version: i64) -> Option<&Migration> {
        self.migrations
            .binary_search_by_key(&version, Migration::version)
            .ok()
            .map(|index| &self.migrations[index])
    }

    /// The versions in order.
    pub fn versions(&self) -> Vec<i64> {
        self.iter().map(Migration::version).collect()
    }

    /// The newest version.
    pub fn head(&self) -> Option<i64> {
        self.migrations.last().map(Migration::version)
    }

    /// The migrations of these versions, in order.
    pub(crate) fn select(&self, versions: &[i64]) -> Vec<&Migration> {
        let chosen = |migration: &&Migration| versions.contains(&migration.version());
        self.iter().filter(chosen).collect()
    }

    pub(crate) fn checksums(&self) -> Vec<&[u8]> {
        self.iter().map(Migration::checksum).collect()
    }
}

impl<'a> IntoIterator for &'a MigrationSet {
    type Item = &'a Migration;
    type IntoIter = std::slice::Iter<'a, Migration>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// What a program brings to a database: one set for what all share, one for every tenant.
#[derive(Debug, Clone, Default)]
pub struct Migrations {
    /// Run once, in `public`; what is published to all tenants is qualified with `shared`.
    pub shared: MigrationSet,
    /// Run in the schema of each tenant.
    pub tenant: MigrationSet,
}

impl Migrations {
    /// Reads the folders `shared` and `tenant` below `root`; one that is missing holds nothing.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`] when neither is there, when a file names a schema that is not
    /// its side's, and those of [`MigrationSet::read`].
    ///
    /// # Example
    ///
    /// ```
    /// use tenancy_sqlx::{ErrorKind, Migrations};
    ///
    /// let nowhere = Migrations::read("no/such/folder").unwrap_err();
    /// assert_eq!(nowhere.kind(), ErrorKind::Configuration);
    /// ```
    pub fn read(root: impl AsRef<Path>) -> Result<Self, Error> {
        let root = root.as_ref();
        let [shared, tenant] = ["shared", "tenant"].map(|name| root.join(name));
        if !shared.is_dir() && !tenant.is_dir() {
            return Err(Error::new(
                ErrorKind::Configuration,
                format!(
                    "{} has no migrations: put files N_name.sql into its folders shared and tenant",
                    root.display()
                ),
            ));
        }
        let read = |folder: &Path| {
            if folder.is_dir() {
                MigrationSet::read(folder)
            } else {
                Ok(MigrationSet::default())
            }
        };
        let migrations = Self {
            shared: read(&shared)?,
            tenant: read(&tenant)?,
        };
        migrations.check()?;
        Ok(migrations)
    }

    /// Refuses what names a schema that is not its side's.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let sides = [(&self.shared, Side::Shared), (&self.tenant, Side::Tenant)];
        for (set, side) in sides {
            set.each_text(|_, sql| names::check(sql, side))?;
        }
        Ok(())
    }
}

/// Which text of a migration is looked at.
#[derive(Debug, Clone, Copy)]
enum Text {
    Up,
    Down,
}

/// Ups and downs of the same version, in whatever order they are found.
#[derive(Default)]
struct Parts {
    ups: Vec<Migration>,
    downs: BTreeMap<i64, String>,
}

impl Parts {
    fn add(&mut self, read: Migration, kind: MigrationType) -> Result<(), Error> {
        let version = read.version();
        if kind.is_up_migration() {
            self.ups.push(read);
        } else if self.downs.insert(version, read.sql().to_owned()).is_some() {
            return Err(Error::new(
                ErrorKind::Configuration,
                format!("migration {version} has two down files: keep one"),
            ));
        }
        Ok(())
    }

    fn into_set(mut self) -> Result<MigrationSet, Error> {
        for up in &mut self.ups {
            if let Some(down) = self.downs.remove(&up.version()) {
                *up = up.clone().with_down(down);
            }
        }
        if let Some(version) = self.downs.keys().next() {
            return Err(Error::new(
                ErrorKind::Configuration,
                format!("migration {version} has a down file and no other: add its up file"),
            ));
        }
        MigrationSet::new(self.ups)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_ordered_and_its_versions_are_unique() {
        let set = MigrationSet::new([
            Migration::new(2, "b", "SELECT 2"),
            Migration::new(1, "a", "SELECT 1"),
        ])
        .unwrap();
        assert_eq!(set.versions(), [1, 2]);
        assert_eq!(set.head(), Some(2));

        let error = MigrationSet::new([
            Migration::new(1, "a", "SELECT 1"),
            Migration::new(1, "b", "SELECT 2"),
        ])
        .unwrap_err();
        assert!(error.to_string().contains("1_a.sql and 1_b.sql"), "{error}");
        assert!(MigrationSet::new([Migration::new(0, "a", "SELECT 1")]).is_err());
    }

    #[test]
    fn a_folder_and_sqlx_agree_on_names_and_checksums() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, sql: &str| std::fs::write(folder.path().join(name), sql).unwrap();
        write("1_first_step.sql", "SELECT 1");
        write("2_second.up.sql", "SELECT 2");
        write("2_second.down.sql", "SELECT -2");
        write("README.md", "not SQL");
        let read = MigrationSet::read(folder.path()).unwrap();
        assert_eq!(read.versions(), [1, 2]);
        assert_eq!(read.get(2).unwrap().down(), Some("SELECT -2"));

        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let migrator = runtime.block_on(Migrator::new(folder.path())).unwrap();
        let embedded = MigrationSet::embedded(&migrator).unwrap();
        assert!(read.iter().eq(embedded.iter()));
        let sqlx: Vec<_> = migrator
            .iter()
            .filter(|m| m.migration_type.is_up_migration())
            .map(|m| m.checksum.to_vec())
            .collect();
        assert_eq!(read.checksums(), sqlx);
    }

    #[test]
    fn a_file_that_cannot_be_run_is_named_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("7_bad.sql"), "SELECT 1;\nCOMMIT;").unwrap();
        let error = MigrationSet::read(folder.path()).unwrap_err();
        assert!(error.to_string().contains("7_bad.sql, line 2"), "{error}");

        std::fs::rename(
            folder.path().join("7_bad.sql"),
            folder.path().join("0007_bad.up.sql"),
        )
        .unwrap();
        let error = MigrationSet::read(folder.path()).unwrap_err();
        assert!(error.to_string().contains(" 0007_bad.up.sql"), "{error}");
        std::fs::write(folder.path().join("0007_bad.up.sql"), "SELECT 1").unwrap();
        std::fs::write(folder.path().join("0007_bad.down.sql"), "COMMIT").unwrap();
        let error = MigrationSet::read(folder.path()).unwrap_err();
        assert!(error.to_string().contains(" 0007_bad.down.sql"), "{error}");

        std::fs::write(
            folder.path().join("0007_bad.down.sql"),
            "-- no-transaction\n",
        )
        .unwrap();
        let error = MigrationSet::read(folder.path()).unwrap_err();
        assert!(
            error.to_string().contains("0007_bad.down.sql, line 1"),
            "{error}"
        );
        let outside = "-- no-transaction\nCREATE INDEX CONCURRENTLY IF NOT EXISTS a ON b (c);\n\
                       CREATE INDEX CONCURRENTLY d ON b (c)";
        std::fs::write(folder.path().join("0007_bad.down.sql"), "").unwrap();
        std::fs::write(folder.path().join("0007_bad.up.sql"), outside).unwrap();
        let error = MigrationSet::read(folder.path()).unwrap_err();
        assert!(
            error.to_string().contains("0007_bad.up.sql, line 3"),
            "{error}"
        );
        assert!(MigrationSet::read(folder.path().join("nothing")).is_err());
    }
}
