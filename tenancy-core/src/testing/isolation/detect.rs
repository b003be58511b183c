//! Finds a text in bytes, also when it was encoded on the way.

use crate::sabotaged;

use super::party::Mark;

/// A mark that stands where it must not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hit {
    /// Which mark it is, such as `the canary`.
    pub(super) what: &'static str,
    /// Whose it is.
    pub(super) whose: String,
    /// How it is encoded; empty when it stands there as it is.
    pub(super) encoded: String,
    /// Where it begins, in what was decoded.
    pub(super) offset: usize,
    /// The text around it.
    pub(super) excerpt: String,
}

/// One encoding over another is as deep as anybody hides something by accident.
const DEPTH: usize = 2;

/// Runs shorter than this hold no mark.
const SHORTEST_RUN: usize = 12;

type Decoder = fn(&[u8]) -> Vec<Vec<u8>>;

const DECODERS: [(&str, Decoder); 5] = [
    ("percent-encoded", percent),
    ("escaped for JSON", json),
    ("escaped for HTML", html),
    ("in base64", base64),
    ("in hexadecimal", hexadecimal),
];

/// The first of `marks` in `bytes`, as they are or decoded; the plainest form is looked for first.
pub(super) fn find(bytes: &[u8], marks: &[&Mark]) -> Option<Hit> {
    if let Some(hit) = plain(bytes, marks, "") {
        return Some(hit);
    }
    let mut forms = vec![(String::new(), bytes.to_vec())];
    for _ in 0..DEPTH {
        if sabotaged!("kit.no-decoding") {
            break;
        }
        let mut inner = Vec::new();
        for (outer, bytes) in &forms {
            for (name, decode) in DECODERS {
                for decoded in decode(bytes) {
                    let encoded = match &**outer {
                        "" => name.to_owned(),
                        outer => format!("{outer}, {name}"),
                    };
                    if let Some(hit) = plain(&decoded, marks, &encoded) {
                        return Some(hit);
                    }
                    inner.push((encoded, decoded));
                }
            }
        }
        forms = inner;
    }
    None
}

fn plain(bytes: &[u8], marks: &[&Mark], encoded: &str) -> Option<Hit> {
    let text = String::from_utf8_lossy(bytes).to_lowercase();
    marks.iter().find_map(|mark| {
        let offset = text.find(&mark.text)?;
        Some(Hit {
            what: mark.what,
            whose: mark.whose.clone(),
            encoded: encoded.to_owned(),
            offset,
            excerpt: excerpt(&text, offset, mark.text.len()),
        })
    })
}

/// Some characters to either side, in one line.
fn excerpt(text: &str, offset: usize, length: usize) -> String {
    const AROUND: usize = 40;
    let mut start = offset.saturating_sub(AROUND);
    let mut end = (offset + length + AROUND).min(text.len());
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    while !text.is_char_boundary(end) {
        end += 1;
    }
    let before = if start > 0 { "…" } else { "" };
    let after = if end < text.len() { "…" } else { "" };
    format!("{before}{}{after}", shown(&text[start..end]))
}

/// `text` without what would break a line or colour a terminal.
pub(super) fn shown(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            let escaped = c.is_control().then(|| c.escape_default());
            let plain = (!c.is_control()).then_some(c);
            escaped.into_iter().flatten().chain(plain)
        })
        .collect()
}

/// `bytes` with every `%41` replaced.
fn percent(bytes: &[u8]) -> Vec<Vec<u8>> {
    replaced(bytes, |rest| match rest {
        [b'%', high, low, ..] => Some((3, vec![pair(*high, *low)?])),
        _ => None,
    })
}

/// `bytes` with every `\u0041`, `\x41` and other escape replaced.
fn json(bytes: &[u8]) -> Vec<Vec<u8>> {
    replaced(bytes, |rest| match rest {
        [b'\\', b'u', digits @ ..] => {
            let (character, digits) = braced(digits).or_else(|| fixed(digits, 4))?;
            Some((2 + digits, character))
        }
        [b'\\', b'x', digits @ ..] => {
            let (character, digits) = fixed(digits, 2)?;
            Some((2 + digits, character))
        }
        [b'\\', other, ..] => Some((2, vec![*other])),
        _ => None,
    })
}

/// `bytes` with every `&#65;` and `&#x41;` replaced.
fn html(bytes: &[u8]) -> Vec<Vec<u8>> {
    replaced(bytes, |rest| {
        let digits = rest.strip_prefix(b"&#")?;
        let (digits, radix, prefix) = match digits {
            [b'x' | b'X', digits @ ..] => (digits, 16, 3),
            digits => (digits, 10, 2),
        };
        let end = digits.iter().take(9).position(|byte| *byte == b';')?;
        let text = str::from_utf8(&digits[..end]).ok()?;
        let code = u32::from_str_radix(text, radix).ok()?;
        Some((prefix + end + 1, utf8(code)?))
    })
}

/// What every run of base64 characters may mean, from each of the places it may begin at.
fn base64(bytes: &[u8]) -> Vec<Vec<u8>> {
    let value = |byte: u8| match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' | b'-' => Some(62),
        b'/' | b'_' => Some(63),
        _ => None,
    };
    let mut decoded = Vec::new();
    // Bodies of mail are wrapped, so the ends of lines do not end a run.
    let unwrapped: Vec<u8> = bytes
        .iter()
        .copied()
        .filter(|byte| !matches!(byte, b'\r' | b'\n'))
        .collect();
    for run in runs(&unwrapped, |byte| value(byte).is_some()) {
        for start in 0..4 {
            let mut out = Vec::with_capacity(run.len());
            let (mut bits, mut count) = (0_u32, 0);
            for sextet in run[start..].iter().filter_map(|byte| value(*byte)) {
                bits = (bits << 6 | u32::from(sextet)) & 0xFFFF;
                count += 6;
                if count >= 8 {
                    count -= 8;
                    out.push(u8::try_from(bits >> count & 0xFF).expect("one byte"));
                }
            }
            decoded.push(out);
        }
    }
    decoded
}

/// What every run of hexadecimal digits may mean.
fn hexadecimal(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut decoded = Vec::new();
    for run in runs(bytes, |byte| byte.is_ascii_hexdigit()) {
        for start in 0..2 {
            let pairs = run[start..].chunks_exact(2);
            decoded.push(pairs.filter_map(|two| pair(two[0], two[1])).collect());
        }
    }
    decoded
}

/// `bytes` with everything replaced that `replace` knows: how many bytes, and by what. Nothing
/// when it knows none.
fn replaced(bytes: &[u8], replace: impl Fn(&[u8]) -> Option<(usize, Vec<u8>)>) -> Vec<Vec<u8>> {
    let mut out = Vec::with_capacity(bytes.len());
    let (mut rest, mut changed) = (bytes, false);
    while let Some((first, tail)) = rest.split_first() {
        if let Some((length, by)) = replace(rest) {
            out.extend(by);
            rest = &rest[length..];
            changed = true;
        } else {
            out.push(*first);
            rest = tail;
        }
    }
    if changed { vec![out] } else { Vec::new() }
}

/// The longest runs of bytes that `belongs` accepts.
fn runs(bytes: &[u8], belongs: impl Fn(u8) -> bool) -> impl Iterator<Item = &[u8]> {
    bytes
        .split(move |byte| !belongs(*byte))
        .filter(|run| run.len() >= SHORTEST_RUN)
}

fn pair(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

/// `0041` of so many digits, as UTF-8.
fn fixed(digits: &[u8], count: usize) -> Option<(Vec<u8>, usize)> {
    let text = str::from_utf8(digits.get(..count)?).ok()?;
    let code = u32::from_str_radix(text, 16).ok()?;
    Some((utf8(code)?, count))
}

/// `{41}`, as UTF-8.
fn braced(digits: &[u8]) -> Option<(Vec<u8>, usize)> {
    let digits = digits.strip_prefix(b"{")?;
    let end = digits.iter().take(7).position(|byte| *byte == b'}')?;
    let (character, _) = fixed(digits, end)?;
    Some((character, end + 2))
}

fn utf8(code: u32) -> Option<Vec<u8>> {
    // Half of a pair stands for itself: no mark has one.
    let character = char::from_u32(code)?;
    Some(character.to_string().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORD: &str = "canaryqwertyuiopasdfgh";

    fn check(haystack: &str, encoded: Option<&str>) {
        let mark = Mark {
            what: "the canary",
            whose: "tenant A".to_owned(),
            text: WORD.to_owned(),
        };
        let found = find(haystack.as_bytes(), &[&mark]);
        assert_eq!(
            found.as_ref().map(|hit| hit.encoded.as_str()),
            encoded,
            "{haystack}"
        );
    }

    #[test]
    fn a_word_is_found_however_it_is_written() {
        let every = |form: fn(u8) -> String| WORD.bytes().map(form).collect::<String>();
        check(&format!("a {WORD} b"), Some(""));
        check(&WORD.to_uppercase(), Some(""));
        check(
            &every(|byte| format!("%{byte:02X}")),
            Some("percent-encoded"),
        );
        check("q=%63anaryqwertyuiop%61sdfgh", Some("percent-encoded"));
        check(
            &every(|byte| format!("\\u{byte:04x}")),
            Some("escaped for JSON"),
        );
        check(
            &every(|byte| format!("\\u{{{byte:x}}}")),
            Some("escaped for JSON"),
        );
        check("canary\\qwertyuiop\\x61sdfgh", Some("escaped for JSON"));
        check(
            &every(|byte| format!("&#{byte};")),
            Some("escaped for HTML"),
        );
        check("canary&#x71;wertyuiopasdfgh", Some("escaped for HTML"));
        check(&every(|byte| format!("{byte:02x}")), Some("in hexadecimal"));
    }

    #[test]
    fn base64_is_read_at_every_offset_and_in_both_alphabets() {
        for (text, encoded) in [
            ("", "Y2FuYXJ5cXdlcnR5dWlvcGFzZGZnaA=="),
            ("?", "P2NhbmFyeXF3ZXJ0eXVpb3Bhc2RmZ2g="),
            ("??", "Pz9jYW5hcnlxd2VydHl1aW9wYXNkZmdo"),
            ("???", "Pz8_Y2FuYXJ5cXdlcnR5dWlvcGFzZGZnaA"),
        ] {
            check(encoded, Some("in base64"));
            check(
                &format!("{{\"page\":\"{encoded}\"}} {text}"),
                Some("in base64"),
            );
        }
        check("Y2FuYXJ5cXdl\r\ncnR5dWlvcGFzZGZnaA==", Some("in base64"));
    }

    #[test]
    fn one_encoding_in_another_is_seen_through() {
        check("Y2FuYXJ5cXdlcnR5dWlvcGFzZGZnaA==\\u0041", Some("in base64"));
        check(
            "%59%32FuYXJ5cXdlcnR5dWlvcGFzZGZnaA%3D%3D",
            Some("percent-encoded, in base64"),
        );
    }

    #[test]
    fn what_is_not_the_word_is_not_found() {
        for text in [
            "",
            "canary",
            "canaryqwertyuiopasdfg",
            "%6",
            "%zz\\u12\\",
            "&#;&#x;&#xFFFFFFFF;&#55555555555;",
            "\\u{}\\u{110000}\\ud800",
            "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "0123456789abcdef0123456789abcdef0",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn an_excerpt_is_one_line_of_whole_characters() {
        let mark = Mark {
            what: "the canary",
            whose: "tenant A".to_owned(),
            text: WORD.to_owned(),
        };
        let text = format!("{}\n{WORD}\u{1b}[31m{}", "é".repeat(50), "ü".repeat(50));
        let hit = find(text.as_bytes(), &[&mark]).expect("the word is there");
        assert!(hit.excerpt.contains(WORD) && hit.excerpt.contains("\\n"));
        assert!(!hit.excerpt.contains('\u{1b}') && hit.excerpt.len() < 200);
    }
}
