//! From serde's words to a field error: which field, which rule, what to do.

use tenancy_core::FieldError;

/// The path in `text`, which ends with `<path>: <message>`.
pub(crate) fn path_before(text: &str, message: &str) -> Option<String> {
    let text = text.strip_suffix(message)?.strip_suffix(": ")?;
    // What axum puts in front ends with a colon too, and is all there is for the root.
    let (_, path) = text.split_once(": ")?;
    Some(path.to_owned())
}

/// Makes the error of the field at `path` (`a.b[0]`) from serde's `message`.
pub(crate) fn error(path: &str, message: &str) -> FieldError {
    let mut pointer = pointer(path);
    let code = if let Some(name) = quoted_after(message, "missing field ") {
        pointer.push('/');
        pointer.push_str(&escape(name));
        "required"
    } else if quoted_after(message, "unknown field ").is_some() {
        "unknown_field"
    } else if quoted_after(message, "duplicate field ").is_some() {
        "duplicate_field"
    } else if message.starts_with("unknown variant ") {
        "invalid_choice"
    } else if message.starts_with("invalid type: ") {
        "invalid_type"
    } else if message.starts_with("invalid length ") {
        "invalid_length"
    } else {
        "invalid"
    };
    FieldError {
        pointer,
        code: code.to_owned(),
        detail: message.to_owned(),
    }
}

/// `a.b[0].c` as a JSON pointer in a URI fragment: `#/a/b/0/c`.
fn pointer(path: &str) -> String {
    let mut pointer = "#".to_owned();
    for part in path.split(['.', '[']) {
        let part = part.strip_suffix(']').unwrap_or(part);
        if !part.is_empty() {
            pointer.push('/');
            pointer.push_str(&escape(part));
        }
    }
    pointer
}

/// One member's name in a pointer (RFC 6901) in a fragment (RFC 3986).
fn escape(name: &str) -> String {
    use std::fmt::Write;
    let mut out = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'~' => out.push_str("~0"),
            b'/' => out.push_str("~1"),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'$' | b'@' => {
                out.push(char::from(byte));
            }
            _ => write!(out, "%{byte:02X}").expect("writing to a string cannot fail"),
        }
    }
    out
}

fn quoted_after<'a>(message: &'a str, start: &str) -> Option<&'a str> {
    let (name, _) = message
        .strip_prefix(start)?
        .strip_prefix('`')?
        .split_once('`')?;
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_stands_between_axums_words_and_serdes() {
        let text = "Failed to read: items[1].price: invalid type: map, expected u32";
        let path = path_before(text, "invalid type: map, expected u32");
        assert_eq!(path.as_deref(), Some("items[1].price"));
        let text = "Failed to read: invalid type: map, expected u32";
        assert_eq!(path_before(text, "invalid type: map, expected u32"), None);
    }

    #[test]
    fn fields_are_named_by_pointers_and_rules_by_codes() {
        let cases = [
            (
                "items[1].price",
                "invalid type: map, expected u32",
                "#/items/1/price",
                "invalid_type",
            ),
            ("", "missing field `title`", "#/title", "required"),
            (
                "author",
                "missing field `name`",
                "#/author/name",
                "required",
            ),
            (
                "titel",
                "unknown field `titel`, expected `title`",
                "#/titel",
                "unknown_field",
            ),
            (
                "a/b~c d",
                "invalid length 3",
                "#/a~1b~0c%20d",
                "invalid_length",
            ),
            ("", "trouble", "#", "invalid"),
        ];
        for (path, message, pointer, code) in cases {
            let error = error(path, message);
            assert_eq!(
                (error.pointer.as_str(), error.code.as_str()),
                (pointer, code)
            );
            assert_eq!(error.detail, message);
        }
    }
}
