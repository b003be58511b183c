//! Whether there is room for more, and whether somebody should be warned.

use super::name::LimitName;
use crate::error::{Error, ErrorKind};

/// How full a limit is when its tenant should be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Threshold {
    /// 80 of 100 are used.
    Most,
    /// There is no room for another one.
    All,
}

/// What was let in under a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admission {
    limit: Option<u64>,
    used: u64,
    crossed: Option<Threshold>,
}

impl Threshold {
    /// The share of the limit, in hundredths.
    pub const fn percent(self) -> u64 {
        match self {
            Self::Most => 80,
            Self::All => 100,
        }
    }

    /// Whether `used` of `limit` is at least this share.
    const fn is_reached(self, used: u64, limit: u64) -> bool {
        used as u128 * 100 >= limit as u128 * self.percent() as u128
    }
}

impl Admission {
    /// Under no limit nothing is counted.
    pub const UNLIMITED: Self = Self {
        limit: None,
        used: 0,
        crossed: None,
    };

    /// Lets `more` in where `used` of `limit` are there.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::LimitReached`] when they do not fit.
    ///
    /// # Example
    ///
    /// ```
    /// use tenancy_core::{Admission, ErrorKind, LimitName, Threshold};
    ///
    /// const PRODUCTS: LimitName = LimitName::new("products");
    /// let admission = Admission::decide(&PRODUCTS, 50, 39, 1)?;
    /// assert_eq!(admission.used(), 40);
    /// assert_eq!(admission.crossed(), Some(Threshold::Most));
    ///
    /// let error = Admission::decide(&PRODUCTS, 50, 50, 1).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::LimitReached { limit: 50, used: 50 });
    /// # Ok::<(), tenancy_core::Error>(())
    /// ```
    pub fn decide(name: &LimitName, limit: u64, used: u64, more: u64) -> Result<Self, Error> {
        let then = used.saturating_add(more);
        if then > limit {
            return Err(Error::new(
                ErrorKind::LimitReached { limit, used },
                format!(
                    "the limit of {limit} {name} does not admit {more} more, {used} are used: \
                     remove some, or get a larger plan"
                ),
            ));
        }
        let crosses = |threshold: &Threshold| {
            threshold.is_reached(then, limit) && !threshold.is_reached(used, limit)
        };
        Ok(Self {
            limit: Some(limit),
            used: then,
            crossed: [Threshold::All, Threshold::Most].into_iter().find(crosses),
        })
    }

    /// The limit; nothing when it is unlimited.
    pub fn limit(&self) -> Option<u64> {
        self.limit
    }

    /// How many there are with those let in; zero when it is unlimited, because nobody counted.
    pub fn used(&self) -> u64 {
        self.used
    }

    /// The highest threshold that is reached with those let in and was not without them.
    ///
    /// Tell it when the transaction is committed: before, it may come to nothing.
    pub fn crossed(&self) -> Option<Threshold> {
        self.crossed
    }
}
