//! Types in casts, and text search configurations.

use super::{Checked, Raw};
use crate::allow;
use crate::lex::{Class, Token};
use crate::names::{CATALOG, EXTENSIONS};

/// Unreserved words before a string that are no types.
const BEFORE_STRINGS: &[&str] = &[
    "by",
    "content",
    "document",
    "escape",
    "passing",
    "precision",
    "values",
    "varying",
    "version",
    "zone",
];

impl Raw<'_, '_> {
    /// A type's name after `::`, in `CAST(… AS …)` or in a list of columns.
    pub(super) fn type_at(&mut self, at: usize) -> Checked {
        let Some(token) = self.tokens.get(at).copied().filter(Token::is_name) else {
            return self.refuse(
                at,
                "a type is expected here",
                "name one of PostgreSQL's own",
            );
        };
        let name = token.name();
        if !self.mark(at + 1, b'.') {
            return if allow::type_name(&name) {
                self.introduced.insert(at);
                Ok(())
            } else {
                self.no_type(at, &name)
            };
        }
        let second = self.tokens.get(at + 2).copied().filter(Token::is_name);
        let inner = second.map(|token| token.name()).unwrap_or_default();
        let listed = match name.as_str() {
            CATALOG => allow::type_name(&inner),
            EXTENSIONS => self.allowed.type_name(&inner),
            schema => self.side.has_types_in(schema) && second.is_some(),
        };
        if !listed && name == EXTENSIONS {
            return self.refuse(
                at + 2,
                format!("type {inner} is not on the list of types of extensions"),
                allow::TYPE_HELP,
            );
        }
        if !listed || self.mark(at + 3, b'.') {
            return self.no_type(at, &format!("{name}.{inner}"));
        }
        self.types.insert(at);
        if name == EXTENSIONS {
            return self.qualified_operators(at, &inner);
        }
        Ok(())
    }

    /// Refuses an operator without a schema beside a value that is cast to the type of an
    /// extension, whose own operators are out of sight.
    fn qualified_operators(&self, at: usize, name: &str) -> Checked {
        const COMPARES: &[&str] = &["between", "ilike", "in", "like", "similar"];
        let compares = |at: usize| {
            let token = self.tokens.get(at);
            token.is_some_and(|token| token.class == Class::Operator && !self.mark(at + 1, b')'))
                || COMPARES.iter().any(|word| self.word(at, word))
                || self.word(at, "is") && self.word(at + 1, "distinct")
        };
        let behind = at + 3 + usize::from(self.word(at + 3, "not"));
        // `= 'x'::extensions.t`, where the value is one token.
        let before = at.checked_sub(4).filter(|_| self.mark(at - 1, b':'));
        if compares(behind) || before.is_some_and(compares) {
            return self.refuse(
                at,
                format!("the operators of extensions.{name} are not found without their schema"),
                "write OPERATOR(extensions.=) and the like between the values",
            );
        }
        Ok(())
    }

    fn no_type(&self, at: usize, name: &str) -> Checked {
        self.refuse(
            at,
            format!("type {name} is not one of PostgreSQL's own"),
            self.side.type_help(),
        )
    }

    /// A name before a string is a type: `inet '10.0.0.1'`.
    pub(super) fn before_string(&mut self, string: usize) -> Checked {
        let Some(at) = string.checked_sub(1) else {
            return Ok(());
        };
        let token = self.tokens[at];
        if !token.is_name() {
            return Ok(());
        }
        if at > 1 && self.mark(at - 1, b'.') {
            return self.type_at(at - 2);
        }
        let name = token.name();
        let word = token.class == Class::Word
            && (crate::names::is_reserved(&name) || BEFORE_STRINGS.contains(&&*name));
        if word { Ok(()) } else { self.type_at(at) }
    }

    /// The types of `AS r(a int, b text)`, which open at the given token.
    pub(super) fn column_types(&mut self, open: usize) -> Checked {
        let close = self.closing(open)?;
        let mut depth = 0_usize;
        for at in open..close {
            match self.tokens[at].class {
                Class::Mark(b'(') => depth += 1,
                Class::Mark(b')') => depth = depth.saturating_sub(1),
                _ => {}
            }
            let starts = depth == 1 && (at == open || self.mark(at, b','));
            if starts && !self.mark(at + 2, b',') && at + 2 < close {
                self.type_at(at + 2)?;
            }
        }
        Ok(())
    }

    /// The first argument of a function that may name a text search configuration.
    pub(super) fn dictionary(&self, name: usize) -> Checked {
        let function = self.tokens[name].name();
        let (mut open, close) = (name + 1, self.closing(name + 1)?);
        let (mut depth, mut commas, mut comma) = (0_usize, 0, close);
        for at in open + 1..close {
            match self.tokens[at].class {
                Class::Mark(b'(' | b'[') => depth += 1,
                Class::Mark(b')' | b']') => depth = depth.saturating_sub(1),
                Class::Mark(b',') if depth == 0 => {
                    comma = comma.min(at);
                    commas += 1;
                }
                _ => {}
            }
        }
        let Some(rule) = allow::dictionary(&function, commas + 1) else {
            return Ok(());
        };
        while self.mark(open + 1, b'(') && self.closing(open + 1)? + 1 == comma {
            open += 1;
            comma -= 1;
        }
        let first = self.tokens.get(open + 1..comma).unwrap_or_default();
        let (plain, is_untyped) = match first {
            [only] if only.class == Class::Text => {
                let inside = only.text.strip_prefix('\'');
                (inside.and_then(|text| text.strip_suffix('\'')), true)
            }
            [only] => (None, !only.is_name() || only.is_word("null")),
            _ => (None, self.mark(open + 2, b'=') || first.is_empty()),
        };
        if rule.accepts(plain, is_untyped) {
            return Ok(());
        }
        self.refuse(open + 1, rule.reason(&function), rule.help())
    }
}
