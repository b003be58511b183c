//! The eight tables of a tenant, in five migrations, and the columns that are added to them.

use std::path::{Path, PathBuf};

use tenancy_sqlx::{Migration, MigrationSet, Migrations};

use super::ground::signed;
use crate::plan::Failure;

/// Tables of a tenant.
pub(super) const TABLES: i64 = 8;
/// Their indexes.
pub(super) const INDEXES: i64 = 34;

const FILES: [(&str, &str); 5] = [
    (
        "users",
        include_str!("../../fleet/migrations/tenant/1_users.sql"),
    ),
    (
        "catalog",
        include_str!("../../fleet/migrations/tenant/2_catalog.sql"),
    ),
    (
        "blogs",
        include_str!("../../fleet/migrations/tenant/3_blogs.sql"),
    ),
    (
        "tags",
        include_str!("../../fleet/migrations/tenant/4_tags.sql"),
    ),
    (
        "notifications",
        include_str!("../../fleet/migrations/tenant/5_notifications.sql"),
    ),
];

/// The files as they are now: the five, and one for each column that was added.
#[derive(Debug, Clone)]
pub(super) struct Files {
    columns: i64,
    folder: PathBuf,
}

impl Files {
    /// The five files, kept in `folder` for programs that read them.
    pub(super) fn new(folder: PathBuf) -> Result<Self, Failure> {
        let files = Self { columns: 0, folder };
        std::fs::create_dir_all(files.folder.join("tenant"))?;
        std::fs::create_dir_all(files.folder.join("shared"))?;
        for (version, name, sql) in files.list() {
            files.write(version, &name, &sql)?;
        }
        Ok(files)
    }

    /// Adds the file of one more column and gives the column's name.
    pub(super) fn add_column(&mut self) -> Result<String, Failure> {
        self.columns += 1;
        if let Some((version, name, sql)) = self.list().pop() {
            self.write(version, &name, &sql)?;
        }
        Ok(added(self.columns))
    }

    /// How many migrations there are.
    pub(super) fn count(&self) -> i64 {
        signed(FILES.len()) + self.columns
    }

    /// Where they are.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The same for the library.
    pub(super) fn migrations(&self) -> Result<Migrations, Failure> {
        let list = self.list().into_iter();
        Ok(Migrations {
            shared: MigrationSet::default(),
            tenant: MigrationSet::new(
                list.map(|(version, name, sql)| Migration::new(version, name, sql)),
            )?,
        })
    }

    /// Number, name and SQL of each file.
    pub(super) fn list(&self) -> Vec<(i64, String, String)> {
        let files = FILES.map(|(name, sql)| (name.to_owned(), sql.to_owned()));
        let columns = (1..=self.columns).map(|column| {
            let sql = format!("ALTER TABLE products ADD COLUMN {} text;\n", added(column));
            (format!("column_{column}"), sql)
        });
        (1..)
            .zip(files.into_iter().chain(columns))
            .map(|(version, (name, sql))| (version, name, sql))
            .collect()
    }

    fn write(&self, version: i64, name: &str, sql: &str) -> Result<(), Failure> {
        let file = self.folder.join(format!("tenant/{version}_{name}.sql"));
        Ok(std::fs::write(file, sql)?)
    }
}

fn added(column: i64) -> String {
    format!("added_{column}")
}
