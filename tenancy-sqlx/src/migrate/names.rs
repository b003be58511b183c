//! Which schemas the names of a migration may lead to.
//!
//! Only names with a schema are looked at, and only where a relation, a routine or a type stands:
//! elsewhere `a.b` is a column of an alias. What is in strings, dollar quotes among them, is not
//! read.

use super::check::Refusal;
use crate::lexer::{Lexer, Token};

/// Whom a migration is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Shared,
    Tenant,
}

/// What happens to what a name leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    Read,
    /// A foreign key to it.
    Reference,
    Write,
}

/// Schemas that every tenant may read.
const READABLE: &[&str] = &["shared", "extensions", "pg_catalog", "information_schema"];

/// Functions whose arguments are separated by words, FROM among them.
const SPELLED: &[&str] = &["EXTRACT", "OVERLAY", "SUBSTRING", "TRIM"];

/// Words between CREATE and what is made.
const MODIFIERS: &[&str] = &[
    "OR",
    "REPLACE",
    "GLOBAL",
    "LOCAL",
    "TEMP",
    "TEMPORARY",
    "UNLOGGED",
    "UNIQUE",
    "MATERIALIZED",
    "RECURSIVE",
    "CONSTRAINT",
    "FOREIGN",
    "EVENT",
];

/// Refuses names in schemas that are not this side's.
pub(super) fn check(sql: &str, side: Side) -> Result<(), Refusal> {
    let mut lexer = Lexer::new(sql);
    let mut tokens = Vec::new();
    // What does not end was refused before.
    while let Ok(Some(token)) = lexer.next() {
        tokens.push((token, lexer.line()));
    }
    let mut scan = Scan {
        tokens: &tokens,
        side,
        head: Head::default(),
        frames: Vec::new(),
    };
    scan.begin(0);
    for (at, &(_, line)) in tokens.iter().enumerate() {
        scan.take(at).map_err(|reason| Refusal { line, reason })?;
    }
    Ok(())
}

/// What is remembered of the statement that is being read.
#[derive(Debug, Default)]
struct Head {
    verb: String,
    kind: String,
    /// Where its first ON is, outside parentheses.
    on: Option<usize>,
}

/// What is remembered of the text between two parentheses.
#[derive(Debug, Default, Clone, Copy)]
struct Frame {
    /// How the names after a comma are used, in a list of relations.
    list: Option<Use>,
    /// Whether these are arguments in which FROM is a separator.
    spelled: bool,
    /// Whether USING is followed by a relation.
    joins: bool,
}

struct Scan<'a> {
    tokens: &'a [(Token<'a>, usize)],
    side: Side,
    head: Head,
    frames: Vec<Frame>,
}

impl Scan<'_> {
    /// Starts over with the statement whose first token is `at`.
    fn begin(&mut self, at: usize) {
        let verb = self.word(at);
        let mut kind = at + 1;
        while MODIFIERS.contains(&self.word(kind).as_str()) {
            kind += 1;
        }
        let kind = self.word(kind);
        self.head = Head {
            verb,
            kind,
            on: None,
        };
        self.frames = vec![Frame::default()];
    }

    fn take(&mut self, at: usize) -> Result<(), String> {
        match self.tokens[at].0 {
            Token::Symbol(';') => self.begin(at + 1),
            Token::Symbol('(') => self.frames.push(Frame {
                spelled: SPELLED.contains(&self.before(at).as_str()),
                ..Frame::default()
            }),
            Token::Symbol(')') if self.frames.len() > 1 => {
                self.frames.pop();
            }
            Token::Word("U" | "u") if self.is(at + 1, '&') && self.is_quoted(at + 2) => {
                return Err(
                    "a name in Unicode escapes hides what it is: write its characters".into(),
                );
            }
            Token::Word(_) if !self.is_part(at) => self.keyword(at)?,
            _ => {}
        }
        if self.name(at).is_some() && !self.is_part(at) && self.is(at + 1, '.') {
            return self.judge(at);
        }
        Ok(())
    }

    /// Follows the clauses, and refuses what no name is needed for.
    fn keyword(&mut self, at: usize) -> Result<(), String> {
        let (word, before) = (self.word(at), self.before(at));
        let starts = at == 0 || self.is(at - 1, ';');
        if self.side == Side::Tenant && starts {
            self.whole()?;
        }
        let moves = self.head.verb == "ALTER" && word == "SCHEMA" && before == "SET";
        if self.side == Side::Tenant && moves && self.name(at + 1).is_some() {
            return Err("a tenant's tables stay in its schema: remove SET SCHEMA".into());
        }
        if word == "ON" && self.frames.len() == 1 {
            self.head.on.get_or_insert(at);
        }
        let Some(frame) = self.frames.last_mut() else {
            return Ok(());
        };
        match &*word {
            "FROM" if frame.spelled || before == "DISTINCT" => {}
            "FROM" if before == "DELETE" => frame.joins = true,
            "FROM" => frame.list = Some(Use::Read),
            "INTO" if before == "MERGE" => frame.joins = true,
            "USING" if frame.joins => frame.list = Some(Use::Read),
            "SELECT" | "WHERE" | "GROUP" | "HAVING" | "ORDER" | "LIMIT" | "OFFSET" | "FETCH"
            | "FOR" | "WINDOW" | "UNION" | "EXCEPT" | "INTERSECT" | "SET" | "RETURNING"
            | "VALUES" => frame.list = None,
            _ => {}
        }
        Ok(())
    }

    /// Refuses a statement that has no place in a tenant's migration, whatever it names.
    fn whole(&self) -> Result<(), String> {
        let reason = match (&*self.head.verb, &*self.head.kind) {
            ("CREATE", "TYPE" | "DOMAIN") => {
                "types are not a tenant's, because connections remember them by name: make it in \
                 migrations/shared as shared.NAME, and write that name in `type_name`"
            }
            ("CREATE" | "DROP", "EXTENSION") => {
                "extensions are the database's: leave them to its owner, in schema extensions"
            }
            ("CREATE" | "ALTER" | "DROP", "SCHEMA") => {
                "a tenant has one schema, which is made for it: remove this"
            }
            _ => return Ok(()),
        };
        Err(reason.to_owned())
    }

    /// Refuses the name that begins here if its schema is not for what is done with it.
    fn judge(&self, at: usize) -> Result<(), String> {
        let (parts, end) = self.parts(at);
        let schema = parts[0].as_str();
        let used = self.used(at, parts.len(), end);
        let name = parts.join(".");
        match (self.side, schema) {
            (Side::Shared, "tenancy") => {
                let readable = matches!(name.as_str(), "tenancy.tenants" | "tenancy.domains");
                if readable && used == Some(Use::Read) {
                    return Ok(());
                }
                Err(format!(
                    "{name} is the framework's: only tenancy.tenants and tenancy.domains can be \
                     read"
                ))
            }
            (Side::Shared, _) | (Side::Tenant, "pg_temp") => Ok(()),
            (Side::Tenant, "tenancy") => Err(format!(
                "{name} is the framework's, and this is run once per tenant: leave it to the \
                 command `tenancy`"
            )),
            (Side::Tenant, "public") if used == Some(Use::Reference) => Ok(()),
            (Side::Tenant, "public") => Err(format!(
                "{name} is no tenant's, and this is run once per tenant: write {rest} if it is \
                 the tenant's own, or make it in migrations/shared, as shared.{rest} if tenants \
                 read it",
                rest = rest(&parts)
            )),
            (Side::Tenant, "shared") if used == Some(Use::Write) => Err(format!(
                "{name} belongs to all tenants, and this is run once per tenant: do it in \
                 migrations/shared"
            )),
            (Side::Tenant, schema) => match used {
                None => Ok(()),
                Some(Use::Read | Use::Reference) if READABLE.contains(&schema) => Ok(()),
                Some(_) => Err(format!(
                    "{name} names a schema: tenant migrations run once per tenant, in its own \
                     schema, so write {}",
                    rest(&parts)
                )),
            },
        }
    }

    /// What happens to what the name from `at` to `end` leads to, as far as that can be told.
    fn used(&self, at: usize, parts: usize, end: usize) -> Option<Use> {
        // `table.column%TYPE`
        if self.is(end, '%') && self.word(end + 1) == "TYPE" {
            return None;
        }
        let mut place = at;
        let mut parens = 0;
        loop {
            let before = self.before(place);
            if matches!(
                &*before,
                "ONLY" | "LATERAL" | "EXISTS" | "NOT" | "IF" | "CONCURRENTLY"
            ) {
                place -= 1;
            } else if place > 0 && self.is(place - 1, '(') && self.frames.len() > parens + 1 {
                parens += 1;
                place -= 1;
            } else {
                break;
            }
        }
        let frame = self.frames[self.frames.len() - 1 - parens];
        let keyword = self.before(place);
        let earlier = place
            .checked_sub(1)
            .map_or(String::new(), |place| self.before(place));
        let used = match &*keyword {
            "FROM" if frame.spelled || earlier == "DISTINCT" => None,
            "FROM" if earlier == "DELETE" => Some(Use::Write),
            "FROM" | "JOIN" => Some(Use::Read),
            "USING" if frame.joins => Some(Use::Read),
            "INHERITS" => Some(Use::Write),
            "LIKE" if self.opens(place - 1) => Some(Use::Read),
            _ if place > 0 && self.is(place - 1, ',') => self.listed(frame, parens),
            _ if parens > 0 => None,
            _ => self.named(&keyword, &earlier, place, parts),
        };
        let typed = at > 1 && self.is(at - 1, ':') && self.is(at - 2, ':');
        let called = self.is(end, '(');
        used.or((typed || called).then_some(Use::Read))
    }

    /// How a name after a comma is used.
    fn listed(&self, frame: Frame, parens: usize) -> Option<Use> {
        let outside = self.frames.len() == parens + 1;
        let lists = matches!(
            &*self.head.verb,
            "DROP" | "TRUNCATE" | "LOCK" | "GRANT" | "REVOKE"
        );
        frame.list.or((outside && lists).then_some(Use::Write))
    }

    /// How the name right after `keyword` is used.
    fn named(&self, keyword: &str, earlier: &str, place: usize, parts: usize) -> Option<Use> {
        let first = place == 1 || place > 1 && self.is(place - 2, ';');
        match keyword {
            "TABLE" if first || self.opens(place - 1) || earlier == "AS" => Some(Use::Read),
            "UPDATE" | "INTO" | "TABLE" | "TRUNCATE" | "LOCK" | "PARTITION" | "INHERIT" => {
                Some(Use::Write)
            }
            "OF" if earlier == "PARTITION" => Some(Use::Write),
            "REFERENCES" => Some(Use::Reference),
            "AS" | "RETURNS" | "SETOF" | "CALL" => Some(Use::Read),
            "FUNCTION" | "PROCEDURE" if earlier == "EXECUTE" => Some(Use::Read),
            // `ALTER COLUMN … TYPE`, and a column that is called like one of these.
            "TYPE" if !matches!(earlier, "CREATE" | "ALTER" | "DROP" | "ON") => Some(Use::Read),
            "VIEW" | "SEQUENCE" | "FUNCTION" | "PROCEDURE" | "ROUTINE" | "AGGREGATE" | "DOMAIN"
            | "INDEX" | "STATISTICS" | "COLLATION" | "TYPE" => {
                let column =
                    self.opens(place - 1) || matches!(earlier, "ADD" | "COLUMN" | "EXISTS");
                Some(if column { Use::Read } else { Use::Write })
            }
            // `COMMENT ON COLUMN schema.table.column`
            "COLUMN" if parts > 2 => Some(Use::Write),
            "ON" if self.places(place - 1) => Some(Use::Write),
            "TO" if self.head.kind == "RULE" => Some(Use::Write),
            _ => None,
        }
    }

    /// Whether the ON at `at` is followed by the statement's table rather than by a condition.
    fn places(&self, at: usize) -> bool {
        match &*self.head.verb {
            "CREATE" | "ALTER" | "DROP" => {
                let has_table = ["INDEX", "TRIGGER", "POLICY", "RULE"].contains(&&*self.head.kind);
                has_table && self.head.on == Some(at)
            }
            verb => matches!(verb, "COMMENT" | "GRANT" | "REVOKE"),
        }
    }

    /// Whether the token at `at` is the first of an entry in a list in parentheses.
    fn opens(&self, at: usize) -> bool {
        at > 0 && (self.is(at - 1, '(') || self.is(at - 1, ','))
    }

    /// The parts of the name that begins at `at`, and the place after it.
    fn parts(&self, at: usize) -> (Vec<String>, usize) {
        let (mut parts, mut place) = (Vec::new(), at);
        while let Some(name) = self.name(place) {
            parts.push(name);
            place += 1;
            if !self.is(place, '.') {
                break;
            }
            place += 1;
        }
        (parts, place)
    }

    /// Whether the token at `at` continues a name.
    fn is_part(&self, at: usize) -> bool {
        at > 0 && self.is(at - 1, '.')
    }

    fn is(&self, at: usize, symbol: char) -> bool {
        self.tokens
            .get(at)
            .is_some_and(|(token, _)| *token == Token::Symbol(symbol))
    }

    fn is_quoted(&self, at: usize) -> bool {
        matches!(self.tokens.get(at), Some((Token::Quoted(_), _)))
    }

    /// The keyword at `at`, upper case, or nothing.
    fn word(&self, at: usize) -> String {
        match self.tokens.get(at) {
            Some((Token::Word(word), _)) => word.to_ascii_uppercase(),
            _ => String::new(),
        }
    }

    /// The keyword before `at`, upper case, or nothing.
    fn before(&self, at: usize) -> String {
        at.checked_sub(1).map_or(String::new(), |at| self.word(at))
    }

    /// The name at `at`, as PostgreSQL keeps it.
    fn name(&self, at: usize) -> Option<String> {
        match self.tokens.get(at)?.0 {
            Token::Word(word) => Some(word.to_lowercase()),
            Token::Quoted(name) => Some(name.replace("\"\"", "\"")),
            _ => None,
        }
    }
}

/// The name without its schema.
fn rest(parts: &[String]) -> String {
    match &parts[1..] {
        [] => "names without a schema".to_owned(),
        rest => rest.join("."),
    }
}

#[cfg(test)]
mod tests;
