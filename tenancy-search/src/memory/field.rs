//! Which documents have which words in one field.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use crate::text::Speller;

/// How many of the words near a misspelt one are tried.
const EXPANSIONS: usize = 50;

/// What a word costs besides its letters.
const TERM_BYTES: usize = 96;

/// What a document costs in the list of one word, with the document's own list of words.
const POSTING_BYTES: usize = 24;

/// The words of one field, with the numbers of the documents that have them, in order.
#[derive(Debug, Default)]
pub(super) struct Field(BTreeMap<Arc<str>, Vec<u32>>);

impl Field {
    /// Adds words of a document; answers with them, each once, and with what they cost.
    pub(super) fn add(&mut self, number: u32, words: &[String]) -> (Vec<Arc<str>>, usize) {
        let mut kept = Vec::with_capacity(words.len());
        let mut bytes = 0;
        for word in words {
            let known = self.0.get_key_value(word.as_str());
            let term = known.map_or_else(
                || {
                    bytes += word.len() + TERM_BYTES;
                    word.as_str().into()
                },
                |(term, _)| Arc::clone(term),
            );
            let numbers = self.0.entry(Arc::clone(&term)).or_default();
            if let Err(at) = numbers.binary_search(&number) {
                numbers.insert(at, number);
                bytes += POSTING_BYTES;
                kept.push(term);
            }
        }
        (kept, bytes)
    }

    /// Removes words that [`Field::add`] answered with; answers with what they cost.
    pub(super) fn remove(&mut self, number: u32, terms: &[Arc<str>]) -> usize {
        let mut bytes = 0;
        for term in terms {
            let Some(numbers) = self.0.get_mut(term) else {
                continue;
            };
            if let Ok(at) = numbers.binary_search(&number) {
                numbers.remove(at);
                bytes += POSTING_BYTES;
            }
            if numbers.is_empty() {
                self.0.remove(term);
                bytes += term.len() + TERM_BYTES;
            }
        }
        bytes
    }

    /// Who has exactly this word.
    pub(super) fn exact(&self, word: &str) -> &[u32] {
        self.0.get(word).map_or(&[], Vec::as_slice)
    }

    /// Who has words that begin so.
    pub(super) fn begun<'a>(&'a self, word: &'a str) -> impl Iterator<Item = &'a [u32]> {
        self.from(word)
            .take_while(move |(term, _)| term.starts_with(word))
            .map(|(_, numbers)| numbers.as_slice())
    }

    /// Who has the words that are nearest to a misspelt one.
    pub(super) fn near(&self, word: &str, speller: &Speller) -> impl Iterator<Item = &[u32]> {
        let first = word.chars().next().map_or(0, char::len_utf8);
        let first = &word[..first];
        let mut near: Vec<(usize, &[u32])> = self
            .from(first)
            .take_while(|(term, _)| term.starts_with(first))
            .filter_map(|(term, numbers)| Some((speller.distance(term)?, numbers.as_slice())))
            .collect();
        // Those of equal distance stay in their order.
        near.sort_by_key(|(slips, _)| *slips);
        near.into_iter()
            .take(EXPANSIONS)
            .map(|(_, numbers)| numbers)
    }

    fn from(&self, word: &str) -> impl Iterator<Item = (&Arc<str>, &Vec<u32>)> {
        self.0
            .range::<str, _>((Bound::Included(word), Bound::Unbounded))
    }
}
