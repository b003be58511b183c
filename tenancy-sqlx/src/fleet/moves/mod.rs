//! Tenants that come from elsewhere or go there: adopted, exported, imported.

mod register;

mod adoption;

mod belongings;
mod made;

mod adopt;

#[allow(dead_code, unused_imports)]
mod archive;

pub use adoption::{Adopted, Adoption, AdoptionPlan, Kept};
