//! Names of entries: relative, plain, and the same everywhere.

/// Why `path` is not a name that an archive may have, if so.
pub(super) fn fault(path: &str) -> Option<&'static str> {
    if path.is_empty() {
        return Some("it is empty");
    }
    if path.starts_with('/') {
        return Some("it is absolute");
    }
    if path.contains('\\') || path.chars().any(char::is_control) {
        return Some("it has a backslash or a control character");
    }
    if path.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Some("a part of it is empty, . or ..");
    }
    None
}

/// A table's name as part of a path; a number in front keeps two apart.
pub(super) fn plain(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    name.chars()
        .map(|c| if is_plain(c) { c } else { '_' })
        .collect()
}
