//! The words of a document.

use std::collections::BTreeSet;

use super::fold::tokens;
use crate::operation::Words;

/// How many characters of a name's word are kept as its beginnings.
const PREFIX_CHARS: usize = 12;

/// The most words of a name.
const NAME_WORDS: usize = 128;

/// The most words of a name and a text.
const TEXT_WORDS: usize = 10_000;

impl Words {
    /// Folds a document's name and text; of a name the first 128 words count, of both together the
    /// first 10,000.
    ///
    /// # Example
    ///
    /// ```
    /// use tenancy_search::Words;
    ///
    /// let words = Words::of("Café", "For early birds");
    /// assert_eq!(words.name, ["cafe"]);
    /// assert_eq!(words.text, ["cafe", "for", "early", "birds"]);
    /// assert_eq!(words.prefixes, ["c", "ca", "caf", "cafe"]);
    /// ```
    pub fn of(name: &str, text: &str) -> Self {
        let name: Vec<String> = tokens(name)
            .take(NAME_WORDS)
            .map(|token| token.word)
            .collect();
        let left = TEXT_WORDS - name.len();
        let text = tokens(text).take(left).map(|token| token.word);
        let text = name.iter().cloned().chain(text).collect();
        let prefixes: BTreeSet<&str> = name.iter().flat_map(|word| beginnings(word)).collect();
        let prefixes = prefixes.into_iter().map(str::to_owned).collect();
        Self {
            name,
            text,
            prefixes,
        }
    }

    /// A number that equal words share and others, but for rare luck, do not; the same in every
    /// program and at all times.
    pub fn fingerprint(&self) -> u64 {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        let mut take = |byte: u8| {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        };
        for field in [&self.name, &self.text, &self.prefixes] {
            for word in field {
                word.bytes().for_each(&mut take);
                // No word has these bytes.
                take(0xfe);
            }
            take(0xff);
        }
        hash
    }
}

/// The beginnings of a word, from one character to twelve.
pub(super) fn beginnings(word: &str) -> impl Iterator<Item = &str> {
    word.char_indices()
        .take(PREFIX_CHARS)
        .map(|(at, character)| &word[..at + character.len_utf8()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_bounded_whatever_a_document_says() {
        let words = Words::of(&"name ".repeat(5_000), &"text ".repeat(50_000));
        assert_eq!(words.name.len(), NAME_WORDS);
        assert_eq!(words.text.len(), TEXT_WORDS);
        assert_eq!(words.prefixes, ["n", "na", "nam", "name"]);
        assert_eq!(Words::of("", "  \0"), Words::default());
    }

    #[test]
    fn beginnings_end_at_twelve_characters() {
        let words = Words::of("überraschungsgast", "");
        assert_eq!(words.prefixes.len(), PREFIX_CHARS);
        assert_eq!(words.prefixes.last().unwrap(), "uberraschung");
        assert_eq!(beginnings("日本").collect::<Vec<_>>(), ["日", "日本"]);
    }

    #[test]
    fn a_fingerprint_tells_words_apart_and_stays() {
        let words = Words::of("Desk lamp", "bright");
        assert_eq!(
            words.fingerprint(),
            Words::of("DESK lamp", "Bright!").fingerprint()
        );
        for other in [
            Words::of("Desk", "lamp bright"),
            Words::of("Desk lamp bright", ""),
            Words::of("Desklamp", "bright"),
        ] {
            assert_ne!(words.fingerprint(), other.fingerprint(), "{other:?}");
        }
        assert_eq!(
            Words::default().fingerprint(),
            0xf998_341b_e47b_ae14,
            "FNV-1a of three ends"
        );
    }
}
