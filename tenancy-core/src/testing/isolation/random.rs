//! Choices that come again with the same seed.

use crate::testing::canary::scatter;

/// A sequence of choices that its seed decides.
#[derive(Debug, Clone)]
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// One of the numbers below `limit`, which is not 0.
    pub(super) fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(1);
        let drawn = scatter(scatter(self.0));
        let limit = u64::try_from(limit).unwrap_or(u64::MAX);
        usize::try_from(drawn % limit).expect("less than a usize")
    }

    /// Puts `items` into another order.
    pub(super) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}
