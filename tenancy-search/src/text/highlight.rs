//! Shows where a query's words are in a text.

use std::ops::Range;

use super::distance::Speller;
use super::fold::{Token, tokens};
use super::words::beginnings;
use crate::query::Query;

/// A text that is not longer is shown whole; fragments are about as long.
const SHORT: usize = 200;

/// What is shown of a long text before and behind a hit.
const AROUND: usize = 70;

/// The most fragments of a text.
const FRAGMENTS: usize = 3;

/// The most words of a text that are looked at.
const LOOKED_AT: usize = 10_000;

/// Marks the words of a text that a query finds; what comes out is safe HTML whatever went in.
///
/// A word is marked that is one of the query's, begins with one, or is one misspelt, by the rule
/// that engines find documents by.
///
/// # Example
///
/// ```
/// use tenancy_search::{Highlight, Query};
///
/// let highlight = Highlight::new(&Query::new("wir keybaord"));
/// assert_eq!(
///     highlight.name("Wireless <Keyboard>").as_deref(),
///     Some("<em>Wireless</em> &lt;<em>Keyboard</em>&gt;"),
/// );
/// assert_eq!(highlight.name("Desk lamp"), None);
/// ```
#[derive(Debug, Clone)]
pub struct Highlight {
    words: Vec<(String, Option<Speller>)>,
}

/// What may be misspelt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Of {
    /// A word, or how it begins.
    Name,
    /// A whole word.
    Text,
}

impl Highlight {
    /// Marks what `query` finds.
    pub fn new(query: &Query) -> Self {
        let words = query.words().iter();
        Self {
            words: words
                .map(|word| (word.clone(), Speller::new(word)))
                .collect(),
        }
    }

    /// The whole of a document's name with its hits in `<em>`, or nothing when it has none.
    pub fn name(&self, name: &str) -> Option<String> {
        let hits = self.hits(name, Of::Name);
        (!hits.is_empty()).then(|| marked(name, 0..name.len(), &hits))
    }

    /// The parts of a document's text around its hits, at most three, with each hit in `<em>` and
    /// an ellipsis where the text goes on; a short text is one part.
    pub fn text(&self, text: &str) -> Vec<String> {
        let hits = self.hits(text, Of::Text);
        if hits.is_empty() {
            return Vec::new();
        }
        if text.len() <= SHORT {
            return vec![marked(text, 0..text.len(), &hits)];
        }
        let parts = parts(text, &hits);
        parts
            .into_iter()
            .map(|part| {
                let mut shown = String::new();
                if part.start > 0 {
                    shown.push('…');
                }
                shown.push_str(&marked(text, part.clone(), &hits));
                if part.end < text.len() {
                    shown.push('…');
                }
                shown
            })
            .collect()
    }

    fn hits(&self, text: &str, of: Of) -> Vec<Range<usize>> {
        let mut hits: Vec<Range<usize>> = Vec::new();
        if self.words.is_empty() {
            return hits;
        }
        for Token { word, range } in tokens(text).take(LOOKED_AT) {
            if !self.finds(&word, of) {
                continue;
            }
            match hits.last_mut() {
                // One character can be two words, such as ½.
                Some(last) if last.end > range.start => last.end = last.end.max(range.end),
                _ => hits.push(range),
            }
        }
        hits
    }

    fn finds(&self, have: &str, of: Of) -> bool {
        self.words.iter().any(|(word, speller)| {
            have.starts_with(word.as_str())
                || speller.as_ref().is_some_and(|speller| {
                    let is_near = |have| speller.distance(have).is_some();
                    is_near(have) || (of == Of::Name && beginnings(have).any(is_near))
                })
        })
    }
}

/// The parts of a long text to show: each around a hit, together with those that are near.
fn parts(text: &str, hits: &[Range<usize>]) -> Vec<Range<usize>> {
    let mut parts: Vec<Range<usize>> = Vec::new();
    for hit in hits {
        let end = end_near(text, hit.end + AROUND);
        let are_all = parts.len() == FRAGMENTS;
        match parts.last_mut() {
            Some(last) if hit.end <= last.end => {}
            Some(last) if hit.start < last.end + AROUND && end - last.start <= 2 * SHORT => {
                last.end = end;
            }
            _ if are_all => break,
            last => {
                let least = last.map_or(0, |last| last.end);
                let start = start_near(text, hit.start.saturating_sub(AROUND)).max(least);
                parts.push(start.min(hit.start)..end);
            }
        }
    }
    // A hit that was begun is shown to its end.
    for part in &mut parts {
        for hit in hits {
            if hit.start < part.end && hit.end > part.end {
                part.end = hit.end;
            }
        }
    }
    parts
}

/// The next gap between words from `at` on, if there is one near; a place between characters.
fn start_near(text: &str, at: usize) -> usize {
    if at == 0 {
        return 0;
    }
    let at = text.floor_char_boundary(at);
    let near = &text[at..text.floor_char_boundary(at + AROUND / 2)];
    near.find(char::is_whitespace).map_or(at, |gap| {
        at + gap + near[gap..].chars().next().map_or(0, char::len_utf8)
    })
}

/// The last gap between words before `at`, if there is one near; a place between characters.
fn end_near(text: &str, at: usize) -> usize {
    if at >= text.len() {
        return text.len();
    }
    let at = text.ceil_char_boundary(at);
    let from = text.floor_char_boundary(at - AROUND / 2);
    text[from..at]
        .rfind(char::is_whitespace)
        .map_or(at, |gap| from + gap)
}

fn marked(text: &str, part: Range<usize>, hits: &[Range<usize>]) -> String {
    let mut shown = String::with_capacity(part.len() + 32);
    let mut at = part.start;
    let inside = |hit: &&Range<usize>| hit.start >= part.start && hit.end <= part.end;
    for hit in hits.iter().filter(inside) {
        escape(&text[at..hit.start], &mut shown);
        shown.push_str("<em>");
        escape(&text[hit.clone()], &mut shown);
        shown.push_str("</em>");
        at = hit.end;
    }
    escape(&text[at..part.end], &mut shown);
    shown
}

fn escape(text: &str, into: &mut String) {
    for character in text.chars() {
        match character {
            '&' => into.push_str("&amp;"),
            '<' => into.push_str("&lt;"),
            '>' => into.push_str("&gt;"),
            '"' => into.push_str("&quot;"),
            '\'' => into.push_str("&#39;"),
            // HTML has no such character.
            '\0' => into.push('\u{fffd}'),
            _ => into.push(character),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn unescape(shown: &str) -> String {
        let plain = shown.replace("<em>", "").replace("</em>", "");
        assert!(!plain.contains(['<', '>', '"', '\'']), "{shown}");
        plain
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&quot;", "\"")
            .replace("&#39;", "'")
            .replace("&amp;", "&")
    }

    #[test]
    fn hits_are_whole_begun_or_misspelt() {
        for (query, name, wanted) in [
            ("wir", "Wireless", Some("<em>Wireless</em>")),
            ("keybaord", "A keyboard", Some("A <em>keyboard</em>")),
            ("kebyo", "Keyboard", Some("<em>Keyboard</em>")),
            ("CAFÉ", "cafe & bar", Some("<em>cafe</em> &amp; bar")),
            ("cafe", "Cafe\u{301}s", Some("<em>Cafe\u{301}s</em>")),
            ("1", "½ <b>", Some("<em>½</em> &lt;b&gt;")),
            ("lamp", "Keyboard", None),
            ("", "Keyboard", None),
        ] {
            let shown = Highlight::new(&Query::new(query)).name(name);
            assert_eq!(shown.as_deref(), wanted, "{query} in {name}");
        }
        let text = Highlight::new(&Query::new("kebyo")).text("a keyboard");
        assert!(
            text.is_empty(),
            "beginnings of a text's words are not spelt"
        );
    }

    #[test]
    fn a_long_text_is_shown_around_its_hits() {
        let filler = "some words that nobody asked for ".repeat(20);
        let text = format!("{filler}a lamp{filler}{filler}two lamps, lamp {filler}");
        let shown = Highlight::new(&Query::new("lamp")).text(&text);
        assert_eq!(shown.len(), 2, "{shown:#?}");
        for part in &shown {
            assert!(part.starts_with('…') && part.ends_with('…'), "{part}");
            assert!(part.len() < 300 && part.contains("<em>lamp"), "{part}");
        }
        assert_eq!(shown[1].matches("<em>").count(), 2);
        let many = Highlight::new(&Query::new("some")).text(&text);
        assert_eq!(many.len(), FRAGMENTS);
        let (one, few) = ("lamp".repeat(500), "é lamp ".repeat(500));
        assert_eq!(Highlight::new(&Query::new("lamp")).text(&one).len(), 1);
        assert!(!Highlight::new(&Query::new("lamp")).text(&few).is_empty());
    }

    proptest! {
        #[test]
        fn nothing_but_em_is_markup_and_the_text_is_all_there(
            query in "[a-c é]{0,8}",
            text in "([abcé<>&\"'😀½\u{301} \n]|&lt;|<em>|</em>){0,400}",
        ) {
            let highlight = Highlight::new(&Query::new(&query));
            let name = highlight.name(&text);
            if let Some(name) = &name {
                prop_assert_eq!(unescape(name), text.clone());
                prop_assert_eq!(name.matches("<em>").count(), name.matches("</em>").count());
            }
            for part in highlight.text(&text) {
                prop_assert!(part.contains("<em>"), "{}", part);
                let plain = unescape(&part);
                let plain = plain.trim_start_matches('…').trim_end_matches('…');
                prop_assert!(text.contains(plain), "{} in {}", plain, text);
                prop_assert!(part.len() < 20 * SHORT);
            }
        }
    }
}
