//! Which tenant each operation is for.

use std::sync::Arc;

/// How many operations go by before a skewed mix begins anew.
const DRAWN: usize = 1 << 16;

/// Which tenant each operation is for.
#[derive(Debug, Clone)]
pub enum Mix {
    /// Each of so many in turn.
    Uniform(usize),
    /// Few often and many rarely: the tenants as they were drawn.
    Zipf(Arc<[u32]>),
}

impl Mix {
    /// Of `tenants`, the one in place n is asked for half, a third, a quarter … as often as the
    /// first. The same draws each time.
    pub fn zipf(tenants: usize) -> Self {
        let mut sums = Vec::with_capacity(tenants);
        let mut sum = 0.0;
        for place in 1..=tenants {
            #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52 tenants")]
            let weight = 1.0 / place as f64;
            sum += weight;
            sums.push(sum);
        }
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let draws = (0..DRAWN).map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            #[expect(clippy::cast_precision_loss, reason = "53 bits are kept")]
            let part = (state >> 11) as f64 / (1_u64 << 53) as f64;
            let place = sums.partition_point(|&upto| upto <= part * sum);
            u32::try_from(place.min(tenants - 1)).unwrap_or_default()
        });
        Self::Zipf(draws.collect())
    }

    /// The tenant of operation `n`.
    pub(super) fn tenant(&self, n: u64) -> usize {
        let n = usize::try_from(n).unwrap_or_default();
        match self {
            Self::Uniform(tenants) => n % tenants,
            Self::Zipf(draws) => draws[n % draws.len()] as usize,
        }
    }
}
