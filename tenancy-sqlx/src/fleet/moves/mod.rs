//! Tenants that come from elsewhere or go there: adopted, exported, imported.

mod register;

mod adoption;

mod belongings;
mod made;

mod adopt;

mod archive;
mod event;
pub(super) mod structure;

mod dump;
mod export;

mod info;

mod definition;
mod half;
mod load;

mod import;

pub use adoption::{Adopted, Adoption, AdoptionPlan, Kept};
pub use event::{ExportSummary, MoveEvent, TableRows};
pub use export::ExportFormat;
pub use info::ArchiveInfo;
