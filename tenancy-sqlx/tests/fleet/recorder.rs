//! Resources that write down what is asked of them, and fail where they are told to.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use tenancy_core::{Error, ErrorKind, Tenant, TenantResource};
use tenancy_sqlx::Fleet;
use tokio::sync::Semaphore;

/// What was asked of all resources, and which of it fails.
#[derive(Default)]
pub(crate) struct Journal {
    entries: Mutex<Vec<String>>,
    failing: Mutex<Vec<String>>,
    left: Mutex<Vec<String>>,
}

impl Journal {
    /// What was asked since the last look.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.entries.lock().unwrap())
    }

    /// From now on exactly these fail, such as `purge search`.
    pub(crate) fn fail(&self, failing: &[&str]) {
        *self.failing.lock().unwrap() = failing.iter().map(ToString::to_string).collect();
    }

    /// What `search` has left of every tenant.
    pub(crate) fn leave(&self, left: &[&str]) {
        *self.left.lock().unwrap() = left.iter().map(ToString::to_string).collect();
    }

    fn enter(&self, what: &str, name: &str, about: impl ToString) -> Result<(), Error> {
        let call = format!("{what} {name}");
        let entry = format!("{call} {}", about.to_string());
        self.entries.lock().unwrap().push(entry);
        if self.failing.lock().unwrap().contains(&call) {
            return Err(Error::new(ErrorKind::Unavailable, "the engine is down"));
        }
        Ok(())
    }
}

struct Recorder {
    name: &'static str,
    journal: Arc<Journal>,
    /// What a provision waits for.
    turn: Option<Arc<Semaphore>>,
}

#[async_trait]
impl TenantResource for Recorder {
    fn name(&self) -> &'static str {
        self.name
    }

    async fn provision(&self, tenant: &Tenant) -> Result<(), Error> {
        if let Some(turn) = &self.turn {
            let _ = turn.acquire().await;
            return self.journal.enter("provision", self.name, tenant.status());
        }
        Ok(())
    }

    async fn suspend(&self, tenant: &Tenant) -> Result<(), Error> {
        self.journal.enter("suspend", self.name, tenant.status())
    }

    async fn resume(&self, tenant: &Tenant) -> Result<(), Error> {
        self.journal.enter("resume", self.name, tenant.status())
    }

    async fn rename(&self, before: &Tenant, after: &Tenant) -> Result<(), Error> {
        let about = format!("{} {}", before.slug(), after.slug());
        self.journal.enter("rename", self.name, about)
    }

    async fn purge(&self, tenant: &Tenant) -> Result<(), Error> {
        self.journal.enter("purge", self.name, tenant.status())
    }

    async fn residue(&self, tenant: &Tenant) -> Result<Vec<String>, Error> {
        self.journal.enter("residue", self.name, tenant.status())?;
        Ok(match self.name {
            "search" => self.journal.left.lock().unwrap().clone(),
            _ => Vec::new(),
        })
    }
}

/// The fleet with the resources `files` and `search`.
pub(crate) fn recorded(fleet: Fleet) -> (Fleet, Arc<Journal>) {
    let journal = Arc::new(Journal::default());
    let fleet = ["files", "search"].into_iter().fold(fleet, |fleet, name| {
        fleet.resource(Arc::new(Recorder {
            name,
            journal: journal.clone(),
            turn: None,
        }))
    });
    (fleet, journal)
}

/// The fleet with one resource, which makes each tenant ready when it gets a permit.
pub(crate) fn slow(fleet: Fleet) -> (Fleet, Arc<Journal>, Arc<Semaphore>) {
    let journal = Arc::new(Journal::default());
    let turn = Arc::new(Semaphore::new(0));
    let fleet = fleet.resource(Arc::new(Recorder {
        name: "slow",
        journal: journal.clone(),
        turn: Some(turn.clone()),
    }));
    (fleet, journal, turn)
}
