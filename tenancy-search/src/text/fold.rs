//! Cuts a text into folded words that know where they stand.

use std::iter;
use std::ops::Range;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// The most characters of a word that count: two words that begin with the same ones are one.
pub(super) const WORD_CHARS: usize = 64;

/// One folded word of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// The word in lower case, without marks, with at most 64 characters.
    pub word: String,
    /// Where it stands in the text, in bytes: between characters, and never between a letter and
    /// its marks.
    pub range: Range<usize>,
}

/// The folded words of a text, in order; whatever is no letter or digit parts them.
///
/// # Example
///
/// ```
/// let text = "Le CAFÉ, naïf";
/// let words: Vec<_> = tenancy_search::tokens(text).map(|token| token.word).collect();
/// assert_eq!(words, ["le", "cafe", "naif"]);
/// assert_eq!(&text[tenancy_search::tokens(text).nth(1).unwrap().range], "CAFÉ");
/// ```
pub fn tokens(text: &str) -> impl Iterator<Item = Token> + '_ {
    let mut pieces = text.char_indices().flat_map(|(at, original)| {
        let range = at..at + original.len_utf8();
        fold(original).map(move |piece| (piece, range.clone()))
    });
    let mut begun: Option<Token> = None;
    let mut length = 0;
    iter::from_fn(move || {
        loop {
            let Some((piece, range)) = pieces.next() else {
                return begun.take();
            };
            match (piece, &mut begun) {
                (Piece::Letter(letter), None) => {
                    length = 1;
                    begun = Some(Token {
                        word: letter.to_string(),
                        range,
                    });
                }
                (Piece::Letter(letter), Some(token)) => {
                    if length < WORD_CHARS {
                        length += 1;
                        token.word.push(letter);
                    }
                    token.range.end = range.end;
                }
                (Piece::Silent, Some(token)) => token.range.end = range.end,
                (Piece::Gap, Some(_)) => return begun.take(),
                (Piece::Silent | Piece::Gap, None) => {}
            }
        }
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece {
    /// Part of a word.
    Letter(char),
    /// Belongs to what stands before it, and counts for nothing.
    Silent,
    /// Parts words.
    Gap,
}

fn fold(original: char) -> impl Iterator<Item = Piece> {
    iter::once(original)
        .nfkd()
        .flat_map(char::to_lowercase)
        // What becomes lower case may have a form of its own again.
        .nfkd()
        .map(|folded| match folded {
            _ if is_combining_mark(folded) => Piece::Silent,
            // A soft hyphen and what joins or parts glyphs without being seen.
            '\u{ad}' | '\u{200c}' | '\u{200d}' | '\u{2060}' | '\u{feff}' => Piece::Silent,
            // At the end of a Greek word stands another sigma.
            'ς' => Piece::Letter('σ'),
            _ if folded.is_alphanumeric() => Piece::Letter(folded),
            _ => Piece::Gap,
        })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words(text: &str) -> Vec<String> {
        tokens(text).map(|token| token.word).collect()
    }

    #[test]
    fn case_marks_and_forms_make_no_difference() {
        for (text, wanted) in [
            (
                "Wireless-Keyboard 2.0",
                &["wireless", "keyboard", "2", "0"][..],
            ),
            ("CAFÉ cafe\u{301} ＣＡＦＥ", &["cafe", "cafe", "cafe"]),
            ("İstanbul ISTANBUL", &["istanbul", "istanbul"]),
            ("Ὀδυσσεύς ΟΔΥΣΣΕΥΣ", &["οδυσσευσ", "οδυσσευσ"]),
            ("ﬁn ½ ① x²", &["fin", "1", "2", "1", "x2"]),
            (
                "soft\u{ad}ware zero\u{200d}width",
                &["software", "zerowidth"],
            ),
            ("don't a_b a\0b", &["don", "t", "a", "b", "a", "b"]),
            ("\u{301} 😀 * ? \" ( ) \u{202e}", &[]),
        ] {
            assert_eq!(words(text), wanted, "{text:?}");
        }
    }

    #[test]
    fn a_long_word_is_cut_and_its_range_is_not() {
        let text = "é".repeat(1_000);
        let found: Vec<_> = tokens(&text).collect();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].word, "e".repeat(WORD_CHARS));
        assert_eq!(found[0].range, 0..text.len());
    }

    proptest! {
        #[test]
        fn words_are_folded_already_and_stand_where_they_say(text in "\\PC{0,60}|.{0,60}") {
            let mut end = 0;
            for token in tokens(&text) {
                prop_assert!(token.word.chars().count() <= WORD_CHARS);
                prop_assert_eq!(words(&token.word), vec![token.word.clone()]);
                prop_assert!(text.get(token.range.clone()).is_some(), "inside a character");
                prop_assert!(token.range.end >= end, "in order");
                end = token.range.end;
            }
        }
    }
}
