//! What is looked for before the program serves.

use tenancy_sqlx::doctor::{Finding, Severity};

use super::installation::Installation;
use crate::cli::Failure;
use crate::settings::Settings;

/// Refuses to serve a database on which one tenant may meet another's rows; says everything else
/// that was found in the log, once.
pub(crate) async fn refuse_critical(
    settings: &Settings,
    installation: &Installation,
) -> Result<(), Failure> {
    let diagnosis = installation.fleet.doctor().examine().await?;
    diagnosis
        .refuse_critical(&settings.doctor_accept)
        .map_err(|error| format!("{error}\n(DOCTOR_ACCEPT=CODE,… accepts a code)"))?;
    for finding in &diagnosis.findings {
        say(finding);
    }
    for (code, more) in &diagnosis.omitted {
        tracing::warn!(target: "saas.doctor", %code, "{more} more like these; `saas doctor` counts them");
    }
    Ok(())
}

fn say(finding: &Finding) {
    let code = finding.code;
    if finding.severity == Severity::Note {
        tracing::info!(target: "saas.doctor", %code, "{finding}");
    } else {
        tracing::warn!(target: "saas.doctor", %code, "{finding}");
    }
}
