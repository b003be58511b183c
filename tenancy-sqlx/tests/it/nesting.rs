//! Savepoints within savepoints, ended in any way, against a model of a few lines.

use futures_util::future::BoxFuture;
use tenancy_sqlx::{ErrorKind, Read, TenantSql, TenantTx, tenant_sql};

use crate::server::{Lots, TENANTS, World};
use crate::statements::*;

const NESTINGS: i64 = 1_000;
const DEEPEST: u64 = 5;

const SINCE: &TenantSql<Read> = tenant_sql!("SELECT id FROM blogs WHERE id >= $1 ORDER BY id");

/// One transaction: what its present level sees of the ids from `first` on.
struct Model {
    lots: Lots,
    first: i64,
    next: i64,
    visible: Vec<i64>,
}

/// Does something at one level and those within; `false` when the level has failed.
fn level<'a>(tx: &'a mut TenantTx<'_>, model: &'a mut Model, depth: u64) -> BoxFuture<'a, bool> {
    Box::pin(async move {
        for _ in 0..=model.lots.below(4) {
            match model.lots.below(10) {
                0..4 => {
                    let id = model.next;
                    model.next += 1;
                    tx.execute(INSERT).bind(id).bind("nested").await.unwrap();
                    model.visible.push(id);
                }
                4 => {
                    let twice = tx.execute(INSERT).bind(1_i64).bind("twice").await;
                    assert_eq!(twice.unwrap_err().kind(), ErrorKind::Conflict);
                    return false;
                }
                5 | 6 => {
                    let seen = tx.query_scalar::<i64>(SINCE).bind(model.first);
                    assert_eq!(seen.fetch_all().await.unwrap(), model.visible);
                }
                _ if depth < DEEPEST => within(tx, model, depth + 1).await,
                _ => {}
            }
        }
        true
    })
}

/// A savepoint that is kept, undone or left.
async fn within(tx: &mut TenantTx<'_>, model: &mut Model, depth: u64) {
    let before = model.visible.clone();
    let mut savepoint = tx.begin().await.unwrap();
    let healthy = level(&mut savepoint, model, depth).await;
    match model.lots.below(3) {
        0 => {
            let kept = savepoint.commit().await;
            assert_eq!(kept.is_ok(), healthy);
            if healthy {
                return;
            }
        }
        1 => savepoint.rollback().await.unwrap(),
        _ => drop(savepoint),
    }
    model.visible = before;
}

#[tokio::test]
async fn a_thousand_nestings_keep_exactly_what_every_level_kept() {
    let world = World::new().await;
    let database = world.database(1).await;
    let mut lots = Lots::new(17);
    let (mut kept, mut undone) = (0, 0);
    for number in 0..NESTINGS {
        let name = lots.tenant();
        let db = world.tenant(&database, name);
        let first = 1_000 + number * 1_000;
        let mut model = Model {
            lots: Lots::new(1_000 + number.unsigned_abs()),
            first,
            next: first,
            visible: Vec::new(),
        };
        let mut tx = db.begin().await.unwrap();
        let healthy = level(&mut tx, &mut model, 0).await;
        match model.lots.below(4) {
            0 => {
                tx.rollback().await.unwrap();
                model.visible.clear();
            }
            1 => {
                drop(tx);
                model.visible.clear();
            }
            _ => {
                let committed = tx.commit().await;
                assert_eq!(committed.is_ok(), healthy, "nesting {number}");
                if !healthy {
                    model.visible.clear();
                }
            }
        }
        for other in TENANTS {
            let db = world.tenant(&database, other);
            let ids = db.query_scalar::<i64>(SINCE).bind(first).fetch_all().await;
            let expected = if other == name {
                &model.visible[..]
            } else {
                &[]
            };
            assert_eq!(
                ids.unwrap(),
                expected,
                "nesting {number} of {name}, in {other}"
            );
        }
        kept += model.visible.len();
        undone += usize::try_from(model.next - first).unwrap() - model.visible.len();
    }
    assert!(kept > 300 && undone > 300, "{kept} kept, {undone} undone");
}
