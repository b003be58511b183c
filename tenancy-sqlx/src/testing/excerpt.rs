//! From a place in the text that the server got to the line that somebody wrote.

use tenancy_core::SchemaName;

use super::source::Place;

/// The character of the statement as it was written that character `at` of the text for `schema`
/// comes from.
///
/// A part after the first starts with the dot behind the schema's name: the writer wrote
/// `tenant.` there, or nothing.
pub(super) fn written(
    sql: &str,
    parts: &[String],
    schema: &SchemaName,
    at: usize,
) -> Option<usize> {
    let schema = schema.quoted();
    let (mut in_sql, mut in_text) = (0, 0);
    let mut rest = sql;
    for (number, part) in parts.iter().enumerate() {
        let mut part = part.as_str();
        if number > 0 {
            let schema_ends = in_text + schema.chars().count();
            if at < schema_ends {
                return Some(in_sql);
            }
            in_text = schema_ends;
            match part.strip_prefix('.') {
                Some(bare) if rest.starts_with(bare) => {
                    if at == in_text {
                        return Some(in_sql);
                    }
                    in_text += 1;
                    part = bare;
                }
                _ => {
                    let skipped = rest.find(part)?;
                    in_sql += rest[..skipped].chars().count();
                    rest = &rest[skipped..];
                }
            }
        }
        rest = rest.strip_prefix(part)?;
        let length = part.chars().count();
        if at < in_text + length || number + 1 == parts.len() {
            return Some(in_sql + (at - in_text).min(length));
        }
        in_sql += length;
        in_text += length;
    }
    None
}

/// The line of `source` at `place`, with a mark under the column.
pub(super) fn line(source: &str, place: &Place) -> Option<String> {
    let line = source.lines().nth(place.line.checked_sub(1)?)?;
    let number = place.line.to_string();
    let gutter = " ".repeat(number.len());
    // A tab stays a tab below itself, so the mark stands right in every terminal.
    let indent: String = line
        .chars()
        .take(place.column.saturating_sub(1))
        .map(|c| if c == '\t' { '\t' } else { ' ' })
        .collect();
    Some(format!(
        "{gutter} |\n{number} | {line}\n{gutter} | {indent}^"
    ))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    /// Where each character of the rendered statement comes from.
    fn origins(sql: &str) -> Vec<Option<char>> {
        let statement = tenancy_qualify::tenant(sql).expect("a statement");
        let schema = SchemaName::parse("acme").expect("a name");
        let text = statement.render(&schema.quoted());
        let chars: Vec<char> = sql.chars().collect();
        (0..=text.chars().count())
            .map(|at| {
                let at = written(sql, statement.parts(), &schema, at).expect("a place");
                chars.get(at).copied()
            })
            .collect()
    }

    #[test]
    fn every_character_comes_from_where_it_was_written() {
        for sql in [
            "SELECT b.titel, 'ü' FROM blogs b JOIN tenant.authors a ON a.id = b.author_id",
            "SELECT tenant.id FROM tenant.tenant JOIN tenant ON true",
            "SELECT 1",
        ] {
            let text = tenancy_qualify::tenant(sql)
                .expect("a statement")
                .render("\"acme\"");
            let origins = origins(sql);
            // Outside the names that were put in, a character comes from one like it.
            let mut at = 0;
            for piece in text.split("\"acme\".") {
                for c in piece.chars() {
                    assert_eq!(origins[at], Some(c), "{sql}: {at}");
                    at += 1;
                }
                at += "\"acme\".".len();
            }
            assert_eq!(origins.last(), Some(&None), "{sql}");
        }
    }

    #[test]
    fn the_schema_comes_from_the_name_behind_it() {
        let sql = "SELECT id FROM blogs";
        assert_eq!(origins(sql)[15..22], [Some('b'); 7]);
    }

    #[test]
    fn the_mark_stands_under_the_column() {
        let place = Place {
            file: PathBuf::new(),
            line: 2,
            column: 4,
        };
        let line = line("one\n\ttwo\nthree", &place).expect("a line");
        assert_eq!(line, "  |\n2 | \ttwo\n  | \t  ^");
    }
}
