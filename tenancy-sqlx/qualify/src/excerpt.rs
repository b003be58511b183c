//! The refused text as people are shown it.

use crate::Refusal;

impl Refusal {
    /// The refusal with the line of the statement it is about, and marks under the refused bytes.
    ///
    /// `sql` is the text that was refused.
    ///
    /// ```
    /// let sql = "SELECT id FROM public.blogs";
    /// let refusal = tenancy_qualify::tenant(sql).unwrap_err();
    /// let shown = "  |\n1 | SELECT id FROM public.blogs\n  |                ^^^^^^";
    /// assert!(refusal.explain(sql).ends_with(shown));
    /// ```
    pub fn explain(&self, sql: &str) -> String {
        let span = self.span();
        let before = sql.get(..span.start).unwrap_or_default();
        let number = before.matches('\n').count() + 1;
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        let rest = sql.get(start..).unwrap_or_default();
        let line = rest.lines().next().unwrap_or_default();
        if line.trim().is_empty() {
            return self.to_string();
        }
        let indent = before.get(start..).unwrap_or_default().chars().count();
        let marked = sql.get(span).unwrap_or_default();
        let width = marked
            .lines()
            .next()
            .unwrap_or_default()
            .chars()
            .count()
            .max(1);
        let gutter = " ".repeat(number.to_string().len());
        let (blanks, carets) = (" ".repeat(indent), "^".repeat(width));
        let line = line.replace('\t', " ");
        format!("{self}\n\n{gutter} |\n{number} | {line}\n{gutter} | {blanks}{carets}")
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_excerpt_marks_the_refused_bytes() {
        let sql = "SELECT 'ü',\n\tb.id FROM public.blogs b";
        let refusal = crate::tenant(sql).expect_err("a foreign schema");
        let message = refusal.explain(sql);
        let (_, excerpt) = message.split_once("\n\n").expect("an excerpt");
        assert_eq!(
            excerpt,
            "  |\n2 |  b.id FROM public.blogs b\n  |            ^^^^^^"
        );
    }

    #[test]
    fn an_empty_statement_has_no_excerpt() {
        let refusal = crate::tenant("").expect_err("no statement");
        assert_eq!(refusal.explain(""), "there is no statement; write one");
    }
}
