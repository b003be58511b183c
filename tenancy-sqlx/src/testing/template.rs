//! Databases with the migrations applied, in which tests have their tenants.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;

use super::argument::Needs;
use super::database::TestDatabase;
use crate::{Error, Fleet, Migrations};

/// A database in which tests have tenants.
#[derive(Debug)]
pub(super) struct Home {
    pub(super) test: TestDatabase,
    pub(super) fleet: Fleet,
    /// How many tenants were made here.
    made: AtomicU32,
}

/// A database that nobody is connected to, so that it can be copied.
#[derive(Debug)]
struct Template {
    home: Home,
    /// The copy for tests that need no database of their own.
    shared: OnceCell<Arc<Home>>,
}

type Templates = Mutex<BTreeMap<&'static str, Arc<OnceCell<Template>>>>;

/// One for each folder of migrations, for as long as the process lives.
static TEMPLATES: Templates = Mutex::new(BTreeMap::new());

impl Home {
    /// A database with the migrations of `folder`; the first test that asks applies them.
    pub(super) async fn get(folder: &'static str, needs: Needs) -> Arc<Self> {
        let cell = {
            let mut templates = TEMPLATES.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(templates.entry(folder).or_default())
        };
        let template = cell.get_or_init(|| Template::make(folder)).await;
        let copy = async || Arc::new(template.home.copy().await);
        match needs {
            Needs::Database => copy().await,
            Needs::Tenants => Arc::clone(template.shared.get_or_init(copy).await),
        }
    }

    /// The number of the next tenant.
    pub(super) fn next(&self) -> u32 {
        self.made.fetch_add(1, Ordering::Relaxed) + 1
    }

    async fn copy(&self) -> Self {
        let test = self.test.copy().await;
        let mut fleet = self.fleet.clone();
        fleet.owner = test.owner_options();
        Self::of(test, fleet)
    }

    fn of(test: TestDatabase, fleet: Fleet) -> Self {
        Self {
            test,
            fleet,
            made: AtomicU32::new(0),
        }
    }
}

impl Template {
    async fn make(folder: &str) -> Self {
        Self::try_make(folder).await.unwrap_or_else(|error| {
            panic!("cannot apply the migrations of {folder} for the tests: {error:?}")
        })
    }

    async fn try_make(folder: &str) -> Result<Self, Error> {
        let migrations = Migrations::read(folder)?;
        let test = TestDatabase::new().await;
        let fleet =
            Fleet::connect(test.owner_options(), Some(test.app_login()), migrations).await?;
        fleet.prepare().await?;
        Ok(Self {
            home: Home::of(test, fleet),
            shared: OnceCell::new(),
        })
    }
}
