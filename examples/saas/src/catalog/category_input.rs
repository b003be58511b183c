//! What clients may say about a category, and the rules it must keep.

use garde::Validate;
use serde::Deserialize;

use crate::input::not_blank;

/// A whole category, as POST takes it; without a slug it gets one that is made of its name.
#[derive(Debug, Clone, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct CategoryInput {
    #[garde(custom(not_blank), length(chars, max = 100))]
    pub(crate) name: String,
    #[serde(default)]
    #[garde(inner(custom(is_slug)))]
    pub(crate) slug: Option<String>,
}

/// Some fields of a category, as PATCH takes them.
#[derive(Debug, Clone, Default, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct CategoryPatch {
    #[serde(default)]
    #[garde(inner(custom(not_blank), length(chars, max = 100)))]
    pub(crate) name: Option<String>,
    #[serde(default)]
    #[garde(inner(custom(is_slug)))]
    pub(crate) slug: Option<String>,
}

/// As long as one label of a domain.
const LONGEST: usize = 63;

fn is_slug<C>(text: &str, _: &C) -> garde::Result {
    let letters = |word: &str| {
        !word.is_empty()
            && word
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    if text.len() <= LONGEST && text.split('-').all(letters) {
        return Ok(());
    }
    Err(garde::Error::new(
        "must be words of a-z and 0-9 with one - between, 63 characters at the most",
    ))
}

/// The slug that a name makes, such as `cafe-creme` of `Café & Crème`; none when no letter of it
/// can be in one.
pub(super) fn slug_of(name: &str) -> Option<String> {
    let mut slug = String::new();
    for letter in name.chars().flat_map(char::to_lowercase) {
        let plain = match letter {
            'a'..='z' | '0'..='9' => {
                slug.push(letter);
                continue;
            }
            'à' | 'á' | 'â' | 'ã' | 'å' => "a",
            'ä' | 'æ' => "ae",
            'ç' => "c",
            'è' | 'é' | 'ê' | 'ë' => "e",
            'ì' | 'í' | 'î' | 'ï' => "i",
            'ñ' => "n",
            'ò' | 'ó' | 'ô' | 'õ' | 'ø' => "o",
            'ö' | 'œ' => "oe",
            'ù' | 'ú' | 'û' => "u",
            'ü' => "ue",
            'ý' | 'ÿ' => "y",
            'ß' => "ss",
            // An apostrophe is within a word, and a mark above the letter before belongs to it.
            '\'' | '’' | '\u{300}'..='\u{36f}' => "",
            _ if slug.is_empty() || slug.ends_with('-') => "",
            _ => "-",
        };
        slug.push_str(plain);
    }
    slug.truncate(LONGEST);
    let slug = slug.trim_end_matches('-');
    (!slug.is_empty()).then(|| slug.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slug_is_made_of_what_a_name_sounds_like() {
        for (name, slug) in [
            ("Coffee Beans", Some("coffee-beans")),
            ("  Café & Crème!  ", Some("cafe-creme")),
            ("Zubehör", Some("zubehoer")),
            ("Cafe\u{301}", Some("cafe")),
            ("Barista's tools", Some("baristas-tools")),
            ("--- 3D ---", Some("3d")),
            ("コーヒー", None),
            ("&", None),
        ] {
            assert_eq!(slug_of(name).as_deref(), slug, "{name}");
        }
        let long = slug_of(&"ab ".repeat(99)).unwrap();
        assert!(long.len() <= LONGEST && is_slug(&long, &()).is_ok());
    }

    #[test]
    fn what_is_no_slug_is_refused() {
        for text in ["", "-", "a--b", "-a", "a-", "A", "ä", "a b", "a_b"] {
            assert!(is_slug(text, &()).is_err(), "{text}");
        }
        assert!(is_slug("a-1-b", &()).is_ok());
    }
}
