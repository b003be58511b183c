//! Changes are found, whatever happens on the way.

use std::time::Duration;

use std::sync::Arc;
use tenancy_core::ErrorKind;
use tenancy_core::outbox::Consumer;
use tenancy_core::testing::context;
use tenancy_search::{Engine, Indexer, MemoryEngine, Placement, Source};

use crate::faults::Fault;
use crate::world::{PRODUCTS, World};

#[tokio::test]
async fn what_changed_is_found_as_it_is_now() {
    let world = World::new();
    world.put(&world.acme, 1, "Wireless keyboard");
    world.put(&world.acme, 2, "Desk lamp");
    world.settle().await;
    assert_eq!(world.find("wirel keyb").await, [1]);
    world.put(&world.acme, 2, "Floor lamp");
    world.delete(&world.acme, 1);
    world.put(&world.acme, 3, "Lampshade");
    world.settle().await;
    assert_eq!(world.find("lamp").await, [2, 3]);
    assert!(world.find("wirel").await.is_empty());
    assert!(world.find("desk").await.is_empty());
    assert_eq!(world.indexer.topics(), ["search.products"]);
    world.assert_equal("all was told").await;
}

#[tokio::test]
async fn messages_that_name_nothing_and_documents_that_are_refused_keep_nothing_up() {
    let world = World::with(MemoryEngine::new().budget(20_000));
    let words: Vec<String> = (0..10_000).map(|word| format!("word{word}")).collect();
    world.put(&world.acme, 1, "Lamp");
    world.settle().await;
    world.tell(&world.acme, "not an id");
    world.put(
        &world.acme,
        2,
        &words[..128]
            .join(" ")
            .repeat(9)
            .replace("word", "verylongwords"),
    );
    world.put(&world.acme, 3, "Lampshade");
    world.settle().await;
    assert_eq!(world.find("lamp").await, [1, 3]);
    let figures = world.search.figures();
    assert_eq!(figures.refused, 2, "{figures:?}");
    assert_eq!(figures.undelivered, 0, "{figures:?}");
    let compared = world.indexer.compare(&world.acme, PRODUCTS).await.unwrap();
    assert_eq!(compared.missing, [crate::world::id(2)]);
}

#[tokio::test]
async fn nothing_is_lost_while_the_engine_is_down() {
    let world = World::new();
    world.put(&world.acme, 1, "Lamp");
    world.settle().await;
    world.put(&world.acme, 1, "Desk");
    world.put(&world.acme, 2, "Lamp");
    world.faults.set(0, Fault::KilledBefore);
    let failed = world.turn(&world.messages).await.unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::Unavailable);
    assert_eq!(world.messages.messages_of(world.acme.id()).len(), 2);
    assert_eq!(world.search.figures().undelivered, 1);
    world.faults.clear();
    world.messages.pass(Duration::from_mins(10));
    world.settle().await;
    assert_eq!(world.find("lamp").await, [2]);
    world.assert_equal("it came back").await;
}

#[tokio::test]
async fn differences_are_found_by_what_they_are() {
    let world = World::new();
    world.fill(&world.acme, 0..1_203, "lamp");
    world.tell(&world.acme, "*");
    world.settle().await;
    world.assert_equal("it was built").await;
    // Changes that nobody tells.
    world.fill(&world.acme, 7..8, "desk");
    world.fill(&world.acme, 1_203..1_205, "lamp");
    world.delete(&world.acme, 501);
    world.delete(&world.acme, 1_100);
    let compared = world.indexer.compare(&world.acme, PRODUCTS).await.unwrap();
    let numbers = |ids: &[uuid::Uuid]| ids.iter().map(uuid::Uuid::as_u128).collect::<Vec<_>>();
    assert_eq!(numbers(&compared.stale), [7]);
    assert_eq!(numbers(&compared.missing), [1_203, 1_204]);
    assert_eq!(numbers(&compared.extra), [501, 1_100]);
    assert_eq!(compared.rows, 1_203);
    let rebuilt = world
        .indexer
        .rebuild(PRODUCTS)
        .run(&world.messages, &world.acme);
    assert_eq!(rebuilt.await.unwrap().documents, 1_203);
    world.assert_equal("it was mended").await;
}

#[tokio::test]
async fn each_kind_has_one_source() {
    let world = World::new();
    let source = || -> Arc<dyn Source> { Arc::new(world.rows.clone()) };
    for sources in [vec![], vec![source(), source()]] {
        let refused = Indexer::new(world.search.clone(), sources).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Configuration);
    }
}

#[tokio::test]
async fn equal_ids_of_tenants_with_like_names_stay_apart() {
    let (mut worlds, acme) = (Vec::new(), World::new());
    for slug in ["acme", "acme-x", "acmex"] {
        let mut world = acme.clone();
        world.acme = context(slug);
        world.put(&world.acme, 1, &format!("lamp {slug}"));
        world.settle().await;
        worlds.push(world);
    }
    worlds[0].delete(&worlds[0].acme, 1);
    worlds[0].settle().await;
    let left = [worlds[0].find("lamp").await, worlds[1].find("lamp").await];
    assert_eq!(left, [vec![], vec![1]]);
    assert_eq!(worlds[2].find("acmex").await, [1]);
    let index = worlds[0].search.of(&worlds[0].acme, PRODUCTS).unwrap();
    let draft = acme.memory.draft(
        index.index(),
        Placement::Shared,
        tenancy_core::outbox::Fence::new(99),
    );
    assert!(draft.await.is_ok());
    assert_eq!(worlds[1].find("lamp").await, [1]);
}
