//! `saas demo`: two tenants with different content, from nothing, in one command.

use std::io::{IsTerminal, Write};
use std::num::NonZeroUsize;
use std::path::Path;

use tenancy_core::{Domain, Slug};
use tenancy_sqlx::embedded::EmbeddedPg;
use tenancy_sqlx::{NewTenant, Pooler, Selection};

use super::installation::{self, Installation, Purpose};
use super::serve::{self, Running};
use super::worker::Inside;
use super::{banner, doctor, seed};
use crate::cli::Failure;
use crate::settings::Settings;
use crate::state::CacheHeader;

/// What becomes of the data of an earlier demo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reset {
    Keep,
    Ask,
    Now,
}

/// Serves the demo's tenants until Ctrl-C, then leaves nothing running.
pub(crate) async fn run(
    mut settings: Settings,
    data_dir: &Path,
    reset: Reset,
    jobs: Inside,
) -> Result<(), Failure> {
    // The demo brings its own database, whatever the environment names.
    settings.database = None;
    settings.database_direct = None;
    settings.pooler = Pooler::None;
    settings.single_tenant = None;
    let listener = serve::bind(&settings).await?;
    if reset == Reset::Now || (reset == Reset::Ask && agreed(data_dir)?) {
        throw_away(&settings, data_dir).await?;
    }
    let installation = installation::open(&settings, data_dir, Purpose::Serve).await?;
    let domains = seed::TENANTS
        .iter()
        .map(|tenant| tenant.domain(&settings.base_domain))
        .collect::<Result<Vec<_>, _>>()?;
    let running = Running::start(
        &settings,
        &installation,
        domains.clone(),
        CacheHeader::Shown,
        jobs,
    )
    .await?;
    make_tenants(&installation, &running, &domains).await?;
    doctor::refuse_critical(&settings, &installation).await?;
    banner::demo(
        &settings,
        listener.local_addr()?,
        running.metrics_address(),
        &installation.description,
        &domains,
    );
    running.serve(listener, installation).await
}

/// Makes the tenants that are missing and moves all of them to the present migrations.
async fn make_tenants(
    installation: &Installation,
    running: &Running,
    domains: &[Domain],
) -> Result<(), Failure> {
    let fleet = &installation.fleet;
    let mut tenants = Vec::new();
    for (sample, domain) in seed::TENANTS.iter().zip(domains) {
        let slug = Slug::parse(sample.slug)?;
        let tenant = if let Some(tenant) = fleet.tenant(&slug).await? {
            tenant
        } else {
            let new = NewTenant::new(slug)
                .name(sample.name)
                .description(sample.description)
                .domain(domain.clone());
            fleet.create(new, |_| {}).await?
        };
        tenants.push(tenant);
    }
    let report = fleet
        .migrate(Selection::tenants(), NonZeroUsize::MIN, |_| {})
        .await?;
    // A tenant that somebody broke to see what happens is no reason to withhold the others.
    for failure in report.failures() {
        tracing::warn!(target: "saas.demo", %failure, "a tenant could not be migrated");
    }
    for (tenant, sample) in tenants.into_iter().zip(seed::TENANTS) {
        if let Err(error) = seed::fill(&running.database, tenant, sample).await {
            tracing::warn!(target: "saas.demo", %error, "a tenant could not be filled");
        }
    }
    Ok(())
}

#[expect(
    clippy::print_stderr,
    reason = "a question to whoever typed the command"
)]
fn agreed(data_dir: &Path) -> Result<bool, Failure> {
    if !data_dir.exists() || !std::io::stdin().is_terminal() {
        return Ok(true);
    }
    eprint!("Throw away everything in {}? [y/N] ", data_dir.display());
    std::io::stderr().flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// Removes the private server's data; refuses while another process serves it.
async fn throw_away(settings: &Settings, data_dir: &Path) -> Result<(), Failure> {
    EmbeddedPg::erase(installation::private_options(settings, data_dir)).await?;
    Ok(())
}
