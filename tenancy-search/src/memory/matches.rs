//! Which documents a query finds, and how well they fit.

use std::cmp::Ordering;

use tenancy_core::TenantId;

use super::store::Store;
use crate::engine::{Hit, Hits};
use crate::query::{After, Query};
use crate::text::Speller;

/// What it counts that a word is one of the name, begins one of the name or one of the text, or is
/// misspelt in the name, in the beginning of one of the name, or in the text.
const WEIGHTS: [f32; 6] = [6.0, 3.0, 1.0, 0.8, 0.5, 0.3];

/// What everything but the best of them counts.
const TIE: f32 = 0.1;

/// How far hits are counted.
const COUNTED: usize = 10_000;

impl Store {
    /// The documents that have all words of `query`, the best first.
    pub(super) fn search(&self, tenant: TenantId, query: &Query) -> Hits {
        if query.words().is_empty() {
            return Hits::default();
        }
        let scores = scores();
        let mut totals = vec![0.0_f32; self.numbers()];
        let mut found: Vec<u32> = Vec::new();
        let mut how = vec![0_u8; self.numbers()];
        for (at, word) in query.words().iter().enumerate() {
            how.fill(0);
            self.mark(word, &mut how);
            if at == 0 {
                found.extend(
                    (0_u32..)
                        .zip(&how)
                        .filter(|(_, how)| **how > 0)
                        .map(|(n, _)| n),
                );
            } else {
                found.retain(|number| how[*number as usize] > 0);
            }
            for number in &found {
                let number = *number as usize;
                totals[number] += scores[usize::from(how[number])];
            }
        }
        let total = found.len().min(COUNTED) as u64;
        let mut hits: Vec<Hit> = found
            .into_iter()
            .filter_map(|number| {
                Some(Hit {
                    tenant,
                    id: self.id(number)?,
                    score: totals[number as usize],
                })
            })
            .filter(|hit| query.after().is_none_or(|after| is_behind(hit, after)))
            .collect();
        if hits.len() > query.limit() {
            hits.select_nth_unstable_by(query.limit(), order);
            hits.truncate(query.limit());
        }
        hits.sort_unstable_by(order);
        Hits { hits, total }
    }

    /// Marks in `how` in which ways each document has the word.
    fn mark(&self, word: &str, how: &mut [u8]) {
        let mut mark = |way: usize, numbers: &[u32]| {
            for number in numbers {
                how[*number as usize] |= 1 << way;
            }
        };
        mark(0, self.name.exact(word));
        mark(1, self.prefixes.exact(word));
        self.text.begun(word).for_each(|numbers| mark(2, numbers));
        if let Some(speller) = Speller::new(word) {
            for (way, field) in [(3, &self.name), (4, &self.prefixes), (5, &self.text)] {
                let near = field.near(word, &speller);
                near.for_each(|numbers| mark(way, numbers));
            }
        }
    }
}

/// What each set of ways counts.
fn scores() -> [f32; 64] {
    std::array::from_fn(|how| {
        let ways = WEIGHTS.iter().enumerate();
        let ways = ways.filter(|(way, _)| how & (1 << way) != 0);
        let (best, sum) = ways.fold((0.0_f32, 0.0_f32), |(best, sum), (_, weight)| {
            (best.max(*weight), sum + weight)
        });
        best + TIE * (sum - best)
    })
}

fn order(one: &Hit, other: &Hit) -> Ordering {
    let by_score = other.score.total_cmp(&one.score);
    by_score.then_with(|| one.id.cmp(&other.id))
}

fn is_behind(hit: &Hit, after: After) -> bool {
    match hit.score.total_cmp(&after.score) {
        Ordering::Less => true,
        Ordering::Equal => hit.id > after.id,
        Ordering::Greater => false,
    }
}
