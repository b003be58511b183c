//! Products out of a CSV file: `api.rs` takes the file and leaves a job, `importer.rs` does it in
//! parts, each of which is there with its progress or not at all.

mod csv;
mod table;

mod progress;
mod rows;

mod importer;

mod api;

use serde::{Deserialize, Serialize};
use tenancy_core::job::JobKind;

pub(super) use self::api::ROUTES;
pub(crate) use self::importer::Importer;

/// The job that imports a file.
pub(crate) const IMPORT: JobKind = JobKind::new("catalog.import");

/// What is to be imported, as the job has it.
#[derive(Debug, Serialize, Deserialize)]
struct Order {
    text: String,
    known: Known,
}

/// What becomes of a line whose sku a product has already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Known {
    /// It is reported.
    Reported,
    /// The product is changed to what the line says.
    Updated,
}
