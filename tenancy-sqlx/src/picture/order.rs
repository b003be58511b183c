//! The order in which the objects of a schema can be made.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::postgres::PgConnection;
use sqlx::postgres::types::Oid;
use sqlx::{AssertSqlSafe, Row};
use tenancy_core::SchemaName;

use super::{Object, ObjectKind, Phase};
use crate::error::{Error, ErrorKind};
use crate::fleet::transaction;
use crate::search_path;

/// The objects in order, and what they name that is closed to them.
pub(super) struct Order {
    pub(super) objects: Vec<Object>,
    pub(super) foreign: Vec<String>,
}

/// What objects depend on, by their numbers in the catalog.
#[derive(Debug, Default)]
struct Edges {
    needs: BTreeMap<u32, BTreeSet<u32>>,
    /// What needs a key.
    late: BTreeSet<u32>,
    foreign: Vec<String>,
}

/// Puts `objects` of `schema` in order and completes the statements of tables.
pub(super) async fn sort(
    connection: &mut PgConnection,
    schema: &SchemaName,
    objects: Vec<Object>,
) -> Result<Order, Error> {
    let edges = edges(connection, schema).await?;
    let mut objects = with_columns(objects);
    postpone(&mut objects, &edges)?;
    let ranks = ranks(&objects, &edges.needs)?;
    let depths = depths(&objects, &edges.needs);
    objects.sort_by_cached_key(|object| {
        let rank = object.node.and_then(|node| ranks.get(&node)).copied();
        // A constraint that an heir has of its own is there before its parent's is merged into it.
        let depth = object.part_of.and_then(|table| depths.get(&table)).copied();
        let depth = if object.phase == Phase::Checks {
            depth
        } else {
            None
        };
        (
            object.phase,
            rank,
            std::cmp::Reverse(depth),
            object.place,
            object.name.clone(),
        )
    });
    Ok(Order {
        objects,
        foreign: edges.foreign,
    })
}

async fn edges(connection: &mut PgConnection, schema: &SchemaName) -> Result<Edges, Error> {
    super::rows::scope_to_catalog(connection).await?;
    let rows = sqlx::query(AssertSqlSafe(include_str!("edges.sql")))
        .bind(schema.as_str())
        .fetch_all(&mut *connection)
        .await?;
    transaction::send(connection, search_path::set_local(schema)).await?;
    let mut edges = Edges::default();
    for row in rows {
        let node: Oid = row.try_get("node")?;
        if row.try_get("late")? {
            edges.late.insert(node.0);
        }
        if let Some(on) = row.try_get::<Option<Oid>, _>("on_node")? {
            edges.needs.entry(node.0).or_default().insert(on.0);
        }
        if let Some(subject) = row.try_get::<Option<&str>, _>("subject")? {
            let name: &str = row.try_get("foreign_name")?;
            edges.foreign.push(format!("{subject} names {name}"));
        }
    }
    edges.foreign.sort();
    edges.foreign.dedup();
    Ok(edges)
}

/// Writes the columns into the statements of their tables.
fn with_columns(objects: Vec<Object>) -> Vec<Object> {
    let mut columns: BTreeMap<u32, Vec<(i32, String)>> = BTreeMap::new();
    for object in &objects {
        if let (ObjectKind::Column, Some(table)) = (object.kind, object.part_of) {
            let part = (object.place, object.sql.clone());
            columns.entry(table).or_default().push(part);
        }
    }
    let complete = |mut object: Object| {
        if object.phase == Phase::Part {
            object.sql.clear();
        }
        if object.kind == ObjectKind::Table && object.node.is_some() {
            let mut parts = object
                .node
                .and_then(|node| columns.get(&node).cloned())
                .unwrap_or_default();
            parts.sort();
            let (mut inline, mut extra) = (Vec::new(), String::new());
            for (_, part) in &parts {
                let (words, actions) = part.split_once('\u{1}').unwrap_or((part, ""));
                if !words.is_empty() {
                    inline.push(words);
                }
                if !actions.is_empty() {
                    extra.push_str(";\n");
                    extra.push_str(actions);
                }
            }
            let inline = if inline.is_empty() {
                "()".to_owned()
            } else {
                format!("(\n    {}\n)", inline.join(",\n    "))
            };
            let tail = std::mem::take(&mut object.sql);
            let head = object
                .definition
                .strip_suffix(&tail)
                .unwrap_or(&object.definition);
            object.sql = format!("{head} {inline}{tail}{extra}");
        }
        object
    };
    objects.into_iter().map(complete).collect()
}

/// Lets routines come after views, or keys, when they need them.
fn postpone(objects: &mut [Object], edges: &Edges) -> Result<(), Error> {
    let mut late: BTreeSet<u32> = edges.late.clone();
    let views = objects.iter().filter(|object| object.phase == Phase::Views);
    late.extend(views.filter_map(|object| object.node));
    loop {
        let more: Vec<u32> = edges
            .needs
            .iter()
            .filter(|(node, on)| !late.contains(node) && !on.is_disjoint(&late))
            .map(|(&node, _)| node)
            .collect();
        if more.is_empty() {
            break;
        }
        late.extend(more);
    }
    for object in objects {
        if object.phase == Phase::Structure && object.node.is_some_and(|node| late.contains(&node))
        {
            if object.kind != ObjectKind::Routine {
                return Err(Error::new(
                    ErrorKind::Conflict,
                    format!(
                        "{} {} needs a view or a key to be made: let it need tables only",
                        object.kind, object.name
                    ),
                ));
            }
            object.phase = Phase::Views;
        }
    }
    Ok(())
}

/// Numbers the nodes so that each comes after what it needs; the order is otherwise that of
/// `objects`.
fn ranks(
    objects: &[Object],
    needs: &BTreeMap<u32, BTreeSet<u32>>,
) -> Result<BTreeMap<u32, usize>, Error> {
    let names: BTreeMap<u32, &Object> = objects
        .iter()
        .filter_map(|object| Some((object.node?, object)))
        .collect();
    let mut ranks = BTreeMap::new();
    // Nodes whose needs are being numbered.
    let mut open = BTreeSet::new();
    let mut stack: Vec<(u32, bool)> = objects
        .iter()
        .rev()
        .filter_map(|object| Some((object.node?, false)))
        .collect();
    while let Some((node, is_done)) = stack.pop() {
        if is_done {
            open.remove(&node);
            let rank = ranks.len();
            ranks.entry(node).or_insert(rank);
            continue;
        }
        if ranks.contains_key(&node) {
            continue;
        }
        if !open.insert(node) {
            let name = names.get(&node).map_or("something", |object| &object.name);
            return Err(Error::new(
                ErrorKind::Conflict,
                format!("{name} needs itself to be made: break the circle"),
            ));
        }
        stack.push((node, true));
        let on = needs.get(&node).into_iter().flatten();
        stack.extend(
            on.filter(|on| !ranks.contains_key(on))
                .map(|&on| (on, false)),
        );
    }
    Ok(ranks)
}

/// How many tables each table inherits through.
fn depths(objects: &[Object], needs: &BTreeMap<u32, BTreeSet<u32>>) -> BTreeMap<u32, usize> {
    let tables: BTreeSet<u32> = objects
        .iter()
        .filter(|object| object.kind == ObjectKind::Table)
        .filter_map(|object| object.node)
        .collect();
    let mut depths: BTreeMap<u32, usize> = BTreeMap::new();
    // Chains of inheritance are short, and end.
    for _ in 0..tables.len() {
        let mut changed = false;
        for &table in &tables {
            let on = needs.get(&table).into_iter().flatten();
            let depth = on
                .filter(|on| tables.contains(on))
                .map(|on| depths.get(on).map_or(1, |depth| depth + 1))
                .max()
                .unwrap_or(0);
            if depth > 0 && depths.insert(table, depth) != Some(depth) {
                changed = true;
            }
        }
        if !changed {
            break;
        }
    }
    depths
}
