//! What texts become before they are kept, asked for or marked: the same on every engine.

mod fold;

mod distance;

mod words;

mod highlight;

pub(crate) use self::distance::Speller;
pub use self::fold::{Token, tokens};
pub use self::highlight::Highlight;
