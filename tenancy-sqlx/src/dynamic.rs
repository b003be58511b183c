//! Tenant SQL that is composed at run time, from texts of the program alone.

use std::collections::HashMap;
use std::fmt;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use sqlx::postgres::{PgArguments, Postgres};
use sqlx::{Arguments, Encode, Type};
use tenancy_core::{SchemaName, sabotaged};
use tenancy_qualify::{Allowed, Kind as Checked, Statement};

use crate::error::{Error, ErrorKind, Place};
use crate::sql::{Kind, Read, Write};
use crate::statement::{AnyStatement, Form, TenantStatement, sealed};

/// One tenant statement that is put together from parts of the program and values of the caller.
///
/// Every part is `&'static str`, so no text from outside gets into it; values are bound. The whole
/// is read by the checker of `tenant_sql!` before it is sent the first time, and the answer is
/// kept per text. A statement with access [`Write`] may be anything, one with [`Read`]
/// ([`DynSql::read`]) only reads and so also runs where only reading is granted.
///
/// ```
/// use tenancy_sqlx::{DynSql, Error, TenantDb};
///
/// async fn titles(
///     db: TenantDb,
///     author: Option<i64>,
///     sort: &str,
/// ) -> Result<Vec<String>, Error> {
///     let mut sql = DynSql::new("SELECT title FROM blogs WHERE true");
///     if let Some(author) = author {
///         sql.push(" AND author_id = ").bind(author);
///     }
///     sql.order_by(sort, &[("title", "title, id"), ("new", "created_at DESC, id")]);
///     sql.push(" LIMIT ").bind(20_i64);
///     db.query_scalar::<String>(sql).fetch_all().await
/// }
/// ```
///
/// A text that was made at run time is none:
///
/// ```compile_fail
/// let table = std::env::args().nth(1).unwrap();
/// let sql = tenancy_sqlx::DynSql::new(&format!("SELECT id FROM {table}"));
/// ```
///
/// # Errors
///
/// A statement with a fault is not sent. The fetch fails with
/// [`ErrorKind::InvalidInput`] when the caller's choice is not one of
/// [`DynSql::order_by`] or a value cannot be encoded, and with [`ErrorKind::Configuration`] when
/// the composed text is refused, which is the program's own fault; the message has the reason.
#[must_use = "nothing is sent before it is given to a query"]
pub struct DynSql<K = Write> {
    text: String,
    arguments: PgArguments,
    fault: Option<Error>,
    kind: PhantomData<fn() -> K>,
}

impl DynSql<Write> {
    /// Begins a statement of any kind.
    pub fn new(part: &'static str) -> Self {
        Self::begin(part)
    }
}

impl DynSql<Read> {
    /// Begins a statement that only reads.
    pub fn read(part: &'static str) -> Self {
        Self::begin(part)
    }
}

impl<K: Kind> DynSql<K> {
    fn begin(part: &'static str) -> Self {
        Self {
            text: part.to_owned(),
            arguments: PgArguments::default(),
            fault: None,
            kind: PhantomData,
        }
    }

    /// Appends a part of the program's text.
    pub fn push(&mut self, part: &'static str) -> &mut Self {
        self.text.push_str(part);
        self
    }

    /// Appends the next parameter and gives it its value.
    pub fn bind<'v, V>(&mut self, value: V) -> &mut Self
    where
        V: Encode<'v, Postgres> + Type<Postgres>,
    {
        let place = self.arguments.len() + 1;
        if let Err(error) = self.arguments.add(value) {
            self.refuse(Error::new(
                ErrorKind::InvalidInput,
                format!("the value bound to ${place} cannot be sent: {error}"),
            ));
        }
        // A parameter never grows into the word or number before it.
        self.text.push_str(" $");
        self.text.push_str(&place.to_string());
        self
    }

    /// Appends ` ORDER BY ` and the text that stands beside `choice` in `offered`.
    ///
    /// A choice that is not offered is the caller's fault, and the fetch fails with
    /// [`ErrorKind::InvalidInput`], naming what is.
    pub fn order_by(
        &mut self,
        choice: impl AsRef<str>,
        offered: &[(&str, &'static str)],
    ) -> &mut Self {
        let choice = choice.as_ref();
        if let Some((_, order)) = offered.iter().find(|(name, _)| *name == choice) {
            self.text.push_str(" ORDER BY ");
            self.text.push_str(order);
        } else {
            let names: Vec<_> = offered.iter().map(|(name, _)| *name).collect();
            let names = names.join(" or ");
            self.refuse(Error::new(
                ErrorKind::InvalidInput,
                format!("order {choice:?} is not offered: use {names}"),
            ));
        }
        self
    }

    /// The text as it is so far.
    pub fn text(&self) -> &str {
        &self.text
    }

    fn refuse(&mut self, fault: Error) {
        // The first one is the cause of what follows.
        self.fault.get_or_insert(fault);
    }
}

/// A composed text on its way to the checker.
#[derive(Debug)]
pub(crate) struct Composed {
    text: String,
    read_only: bool,
    fault: Option<Error>,
}

impl Composed {
    /// The checked statement, from `texts` if it was asked for before.
    pub(crate) fn check(&mut self, texts: &DynamicTexts) -> Result<Arc<Statement>, Error> {
        if let Some(fault) = self.fault.take() {
            return Err(fault);
        }
        let statement = texts.get(&self.text)?;
        let writes = statement.kind() != Checked::Read;
        if self.read_only && writes && !sabotaged!("statement.read-that-writes") {
            return Err(Error::new(
                ErrorKind::Configuration,
                "the composed statement is made to read and writes: begin it with `DynSql::new`",
            ));
        }
        Ok(statement)
    }
}

impl<K: Kind> sealed::Erase for DynSql<K> {
    fn erase(self) -> sealed::Erased {
        let composed = Composed {
            text: self.text,
            read_only: K::READ_ONLY,
            fault: self.fault,
        };
        sealed::Erased::with(Form::Composed(composed), self.arguments)
    }
}

impl<K: Kind> TenantStatement<Write> for DynSql<K> {}

impl TenantStatement<Read> for DynSql<Read> {}

impl<K> fmt::Debug for DynSql<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DynSql")
            .field("text", &self.text)
            .field("values", &self.arguments.len())
            .finish_non_exhaustive()
    }
}

impl AnyStatement for Statement {
    fn render(&self, schema: &SchemaName) -> String {
        Self::render(self, &schema.quoted())
    }

    fn id(&self) -> u64 {
        Self::id(self)
    }

    fn tables(&self) -> String {
        Self::tables(self).join(", ")
    }

    fn parameters(&self) -> u16 {
        Self::parameters(self)
    }

    fn reads(&self) -> bool {
        self.kind() == Checked::Read
    }

    fn calls(&self) -> bool {
        Self::calls(self)
    }

    fn place(&self) -> Option<Place> {
        None
    }
}

/// The composed texts that were checked, each once; what was refused is checked anew.
#[derive(Debug)]
pub(crate) struct DynamicTexts {
    generations: Mutex<Generations>,
    capacity: usize,
    allowed: OnceLock<&'static Allowed>,
}

/// Two generations approximate "least recently used" without a list.
#[derive(Debug, Default)]
struct Generations {
    young: HashMap<Arc<str>, Arc<Statement>>,
    old: HashMap<Arc<str>, Arc<Statement>>,
}

impl DynamicTexts {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            generations: Mutex::default(),
            capacity: capacity.max(2),
            allowed: OnceLock::new(),
        }
    }

    /// Adds to what texts may name; the first call counts.
    pub(crate) fn allow(&self, allowed: &'static Allowed) {
        self.allowed.get_or_init(|| allowed);
    }

    fn get(&self, text: &str) -> Result<Arc<Statement>, Error> {
        // Every operation leaves the maps whole, so a panic elsewhere takes nothing away.
        let lock = || {
            let generations = self.generations.lock();
            generations.unwrap_or_else(PoisonError::into_inner)
        };
        let known = {
            let generations = &mut *lock();
            match generations.young.get(text) {
                Some(statement) => return Ok(Arc::clone(statement)),
                None => generations.old.remove_entry(text),
            }
        };
        let (text, statement) = match known {
            Some(known) => known,
            None => (text.into(), Arc::new(self.read(text)?)),
        };
        let generations = &mut *lock();
        if generations.young.len() >= self.capacity / 2 {
            generations.old = std::mem::take(&mut generations.young);
        }
        generations.young.insert(text, Arc::clone(&statement));
        Ok(statement)
    }

    fn read(&self, text: &str) -> Result<Statement, Error> {
        let read = match self.allowed.get() {
            Some(allowed) => allowed.tenant(text),
            None => tenancy_qualify::tenant(text),
        };
        read.map_err(|refusal| {
            Error::new(
                ErrorKind::Configuration,
                format!("the composed statement `{text}` is refused: {refusal}"),
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_read_once_while_it_is_asked_for() {
        let texts = DynamicTexts::new(4);
        let first = texts.get("SELECT id FROM blogs").unwrap();
        for other in ["SELECT 1", "SELECT 2", "SELECT 3"] {
            texts.get(other).unwrap();
            let again = texts.get("SELECT id FROM blogs").unwrap();
            assert!(Arc::ptr_eq(&first, &again));
        }
    }

    #[test]
    fn the_number_of_texts_is_bounded() {
        let texts = DynamicTexts::new(8);
        for number in 0..100 {
            texts.get(&format!("SELECT {number}")).unwrap();
        }
        let generations = texts.generations.lock().unwrap();
        assert!(generations.young.len() + generations.old.len() <= 8);
    }

    #[test]
    fn parameters_are_numbered_in_the_order_of_their_values() {
        let mut sql = DynSql::new("SELECT id FROM blogs WHERE a =");
        sql.bind(1_i64).push(" AND b =").bind("x");
        assert_eq!(sql.text(), "SELECT id FROM blogs WHERE a = $1 AND b = $2");
    }

    #[test]
    fn the_first_fault_is_kept_and_names_what_is_offered() {
        let mut sql = DynSql::read("SELECT id FROM blogs");
        sql.order_by("drop", &[("id", "id"), ("new", "created_at DESC")]);
        let mut composed = Composed {
            text: sql.text.clone(),
            read_only: true,
            fault: sql.fault,
        };
        let fault = composed.check(&DynamicTexts::new(8)).unwrap_err();
        assert_eq!(fault.kind(), ErrorKind::InvalidInput);
        assert_eq!(
            fault.to_string(),
            "order \"drop\" is not offered: use id or new"
        );
    }
}
