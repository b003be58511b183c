//! Rendered statements, so that a hot statement is neither joined nor allocated again.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr};
use tenancy_core::{SchemaName, TenantContext, TenantId, sabotaged};

use crate::statement::AnyStatement;

const SHARDS: usize = 16;

/// How long a text that nobody asks for keeps its place, once or twice.
const GENERATION: Duration = Duration::from_mins(5);

/// The texts of (tenant, statement) pairs, bounded and shared by all connections of a pool.
///
/// As many texts as one connection keeps prepared are marked so; the others are sent unnamed,
/// because naming more than a connection keeps makes it prepare and forget in turns.
#[derive(Debug)]
pub(crate) struct TextCache {
    shards: [Mutex<Shard>; SHARDS],
    hasher: RandomState,
    capacity_per_shard: usize,
    slots: Arc<Slots>,
    edition: AtomicU64,
}

/// A statement as the server gets it.
#[derive(Debug, Clone)]
pub(crate) struct Text {
    pub(crate) sql: Arc<str>,
    /// Whether a connection keeps it prepared under a name.
    pub(crate) named: bool,
}

/// Two generations approximate "least recently used" without a list: what was not asked for while
/// the young one filled up or grew old is forgotten.
#[derive(Debug)]
struct Shard {
    since: Instant,
    young: HashMap<Key, Entry>,
    old: HashMap<Key, Entry>,
}

type Key = (TenantId, u64);

#[derive(Debug)]
struct Entry {
    schema: SchemaName,
    edition: u64,
    /// The migration that the tenant's tables were at.
    migration: i64,
    sql: Arc<str>,
    slot: Option<Slot>,
}

#[derive(Debug)]
struct Slots {
    free: AtomicUsize,
}

/// One of the names that a connection has for statements; given back when the text is forgotten.
#[derive(Debug)]
struct Slot(Arc<Slots>);

impl TextCache {
    /// Keeps about `texts` texts, of which `prepared` may be named at any time.
    pub(crate) fn new(texts: usize, prepared: usize) -> Self {
        Self {
            shards: std::array::from_fn(|_| {
                Mutex::new(Shard {
                    since: Instant::now(),
                    young: HashMap::new(),
                    old: HashMap::new(),
                })
            }),
            hasher: RandomState::new(),
            capacity_per_shard: texts.div_ceil(SHARDS).max(2),
            slots: Arc::new(Slots {
                free: AtomicUsize::new(prepared),
            }),
            edition: AtomicU64::new(0),
        }
    }

    /// Makes every text one that nobody has prepared yet, in any process.
    pub(crate) fn renew(&self) {
        let edition = RandomState::new().hash_one(Instant::now());
        self.edition.store(edition.max(1), Ordering::Relaxed);
    }

    /// A text that is no tenant's as it is to be sent.
    pub(crate) fn shared(&self, text: &'static str) -> SqlStr {
        match self.edition.load(Ordering::Relaxed) {
            0 => text.into_sql_str(),
            edition => AssertSqlSafe(edited(text.to_owned(), edition)).into_sql_str(),
        }
    }

    /// The text of `statement` for the tenant of `context`.
    pub(crate) fn get(&self, context: &TenantContext, statement: &dyn AnyStatement) -> Text {
        self.get_at(Instant::now(), context, statement)
    }

    fn get_at(&self, now: Instant, context: &TenantContext, statement: &dyn AnyStatement) -> Text {
        let mut key = (context.id(), statement.id());
        let anybody = sabotaged!("statement.text-of-anybody");
        if anybody {
            key.0 = TenantId::from_uuid(uuid::Uuid::nil());
        }
        let schema = context.schema();
        let edition = self.edition.load(Ordering::Relaxed);
        let index = usize::try_from(self.hasher.hash_one(key) % SHARDS as u64).unwrap_or(0);
        // Every operation leaves the maps whole, so a panic elsewhere takes nothing away.
        let mut shard = self.shards[index]
            .lock()
            .unwrap_or_else(PoisonError::into_inner);

        let entry = shard.young.remove(&key).or_else(|| shard.old.remove(&key));
        let migration = context.tenant().migration();
        // A tenant keeps its id when its schema is renamed or migrated; its texts do not survive
        // that.
        let kept = anybody || sabotaged!("statement.text-survives-rename");
        let fits = |entry: &Entry| {
            kept || (entry.schema == *schema
                && entry.edition == edition
                && (entry.migration == migration
                    || sabotaged!("statement.text-survives-migration")))
        };
        let mut entry = match entry.filter(fits) {
            Some(entry) => entry,
            None => Entry {
                schema: schema.clone(),
                edition,
                migration,
                sql: edited(at(statement.render(schema), migration), edition).into(),
                slot: None,
            },
        };
        if entry.slot.is_none() {
            entry.slot = Slot::take(&self.slots);
        }
        let text = Text {
            sql: Arc::clone(&entry.sql),
            named: entry.slot.is_some(),
        };
        shard.keep(now, key, entry, self.capacity_per_shard);
        text
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        let count = |shard: &Mutex<Shard>| {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            shard.young.len() + shard.old.len()
        };
        self.shards.iter().map(count).sum()
    }
}

/// `text` as none that was prepared before this edition.
fn edited(text: String, edition: u64) -> String {
    match edition {
        0 => text,
        edition => format!("{text}\n/* {edition:x} */"),
    }
}

/// Makes a text of one migration's own, because the server and the driver keep what they learn
/// when it is prepared by the text.
fn at(mut sql: String, migration: i64) -> String {
    use std::fmt::Write as _;

    if migration != 0 {
        // Writing to a string cannot fail.
        let _ = write!(sql, "\n/* {migration} */");
    }
    sql
}

impl Shard {
    fn keep(&mut self, now: Instant, key: Key, entry: Entry, capacity: usize) {
        let full = self.young.len() >= capacity.div_ceil(2);
        if full || now.saturating_duration_since(self.since) >= GENERATION {
            self.since = now;
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, entry);
    }
}

impl Slot {
    fn take(slots: &Arc<Slots>) -> Option<Self> {
        slots
            .free
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |free| {
                free.checked_sub(1)
            })
            .ok()
            .map(|_| Self(Arc::clone(slots)))
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.free.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use tenancy_core::{Slug, Status, Tenant};

    use super::*;
    use crate::sql::{Read, TenantSql, private::tenant_sql};

    const TITLES: &TenantSql<Read> =
        &tenant_sql(&["SELECT title FROM ", ".blogs"], 1, &[], 0, "", 0);
    const IDS: &TenantSql<Read> = &tenant_sql(&["SELECT id FROM ", ".blogs"], 2, &[], 0, "", 0);

    fn tenant(id: TenantId, schema: &str) -> TenantContext {
        let schema = SchemaName::parse(schema).unwrap();
        let slug = Slug::parse("acme").unwrap();
        let tenant = Tenant::new(id, slug, schema).with_status(Status::Active);
        TenantContext::new(tenant.into(), "test").unwrap()
    }

    fn some_tenant(number: usize) -> TenantContext {
        tenant(TenantId::generate(), &format!("t{number}"))
    }

    #[test]
    fn a_text_is_of_its_tenant_and_its_statement() {
        let cache = TextCache::new(64, 64);
        let (one, two) = (some_tenant(1), some_tenant(2));
        for _ in 0..2 {
            let text = |tenant, statement| cache.get(tenant, statement).sql.to_string();
            assert_eq!(text(&one, TITLES), r#"SELECT title FROM "t1".blogs"#);
            assert_eq!(text(&two, TITLES), r#"SELECT title FROM "t2".blogs"#);
            assert_eq!(text(&one, IDS), r#"SELECT id FROM "t1".blogs"#);
        }
        let first = cache.get(&one, TITLES).sql;
        assert!(Arc::ptr_eq(&first, &cache.get(&one, TITLES).sql));
    }

    #[test]
    fn a_renamed_schema_is_written_anew_for_either_name() {
        let cache = TextCache::new(64, 64);
        let id = TenantId::generate();
        for schema in ["before", "after", "before"] {
            let sql = cache.get(&tenant(id, schema), TITLES).sql;
            assert_eq!(*sql, format!(r#"SELECT title FROM "{schema}".blogs"#));
        }
    }

    #[test]
    fn a_migrated_tenant_has_texts_of_its_own() {
        let cache = TextCache::new(64, 64);
        let before = some_tenant(1);
        let tenant = before.tenant().clone().with_migration(7);
        let after = TenantContext::new(tenant.into(), "test").unwrap();
        for _ in 0..2 {
            let text = |context| cache.get(context, TITLES).sql.to_string();
            assert_eq!(text(&before), r#"SELECT title FROM "t1".blogs"#);
            assert_eq!(text(&after), "SELECT title FROM \"t1\".blogs\n/* 7 */");
        }
    }

    #[test]
    fn the_number_of_texts_is_bounded() {
        let cache = TextCache::new(160, 10);
        for number in 0..5_000 {
            cache.get(&some_tenant(number), TITLES);
        }
        assert!(cache.len() <= 160, "{} texts", cache.len());
    }

    #[test]
    fn as_many_texts_are_named_as_a_connection_keeps() {
        let cache = TextCache::new(1_000, 3);
        let tenants: Vec<_> = (0..10).map(some_tenant).collect();
        for _ in 0..3 {
            let named = tenants.iter().filter(|t| cache.get(t, TITLES).named);
            assert_eq!(named.count(), 3);
        }
    }

    #[test]
    fn a_name_goes_to_another_text_when_nobody_asks_for_its_own() {
        let cache = TextCache::new(1_000, 1);
        let cold = some_tenant(0);
        assert!(cache.get(&cold, TITLES).named);
        let hot: Vec<_> = (1..200).map(some_tenant).collect();
        let start = Instant::now();
        let named_at = |minutes| {
            let now = start + Duration::from_mins(minutes);
            hot.iter()
                .filter(|t| cache.get_at(now, t, TITLES).named)
                .count()
        };
        assert_eq!(named_at(0), 0);
        named_at(6);
        named_at(12);
        assert_eq!(named_at(12), 1);
    }
}
