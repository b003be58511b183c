//! Where a page of hits ended, as clients carry it.

use std::fmt;
use std::str::FromStr;

use tenancy_core::{Error, ErrorKind};
use uuid::Uuid;

use crate::query::After;

/// How many hits can be paged through; who wants more wants other words.
const DEEPEST: u32 = 10_000;

/// Where the next page of hits begins, as text that clients give back unread.
///
/// It is no secret and no right: it says where to go on in hits that are the tenant's own anyway.
///
/// # Example
///
/// ```
/// use tenancy_core::ErrorKind;
/// use tenancy_search::Cursor;
///
/// let error = "' OR 1=1".parse::<Cursor>().unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::InvalidName);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cursor {
    after: After,
    depth: u32,
}

impl Cursor {
    /// The cursor behind `after`, the `depth`th hit; none where paging ends.
    pub(crate) fn behind(after: After, depth: u32) -> Option<Self> {
        (depth < DEEPEST).then_some(Self { after, depth })
    }

    pub(crate) fn after(self) -> After {
        self.after
    }

    pub(crate) fn depth(self) -> u32 {
        self.depth
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let After { score, id } = self.after;
        write!(
            f,
            "{:08x}{}{:04x}",
            score.to_bits(),
            id.simple(),
            self.depth
        )
    }
}

impl FromStr for Cursor {
    type Err = Error;

    /// Takes back what [`Cursor`] wrote.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidName`] for whatever else.
    fn from_str(text: &str) -> Result<Self, Error> {
        read(text).ok_or_else(|| {
            let shown: String = text.chars().take(60).collect();
            Error::new(
                ErrorKind::InvalidName,
                format!("cursor {shown:?} is invalid: give back the one of the page before"),
            )
        })
    }
}

fn read(text: &str) -> Option<Cursor> {
    let is_hex = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if text.len() != 44 || !text.bytes().all(is_hex) {
        return None;
    }
    let score = f32::from_bits(u32::from_str_radix(&text[..8], 16).ok()?);
    let id = Uuid::try_parse(&text[8..40]).ok()?;
    let depth = u32::from_str_radix(&text[40..], 16).ok()?;
    if !score.is_finite() || score.is_sign_negative() {
        return None;
    }
    Cursor::behind(After { score, id }, depth)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn paging_ends_and_impossible_scores_are_refused() {
        let id = Uuid::now_v7();
        let cursor = |score| Cursor::behind(After { score, id }, 20).unwrap().to_string();
        assert!(cursor(1.5).parse::<Cursor>().is_ok());
        for score in [f32::NAN, f32::INFINITY, -1.0, -0.0] {
            assert!(cursor(score).parse::<Cursor>().is_err(), "{score}");
        }
        assert_eq!(Cursor::behind(After { score: 1.0, id }, DEEPEST), None);
        let deep = format!("{}ffff", &cursor(1.0)[..40]);
        assert!(deep.parse::<Cursor>().is_err());
        assert!(cursor(1.0).to_uppercase().parse::<Cursor>().is_err());
    }

    proptest! {
        #[test]
        fn a_cursor_comes_back_as_it_was(score in 0.0_f32..1e9, id: u128, depth in 0..DEEPEST) {
            let id = Uuid::from_u128(id);
            let cursor = Cursor::behind(After { score, id }, depth).unwrap();
            prop_assert_eq!(cursor.to_string().parse::<Cursor>().unwrap(), cursor);
        }

        #[test]
        fn no_text_is_too_odd(text in ".{0,60}|[0-9a-f]{40,48}") {
            if let Ok(cursor) = text.parse::<Cursor>() {
                prop_assert_eq!(cursor.to_string(), text);
            }
        }
    }
}
