//! What a tenant is given of what an engine finds.

use std::time::Duration;

use tenancy_core::testing::context;
use tenancy_core::{ErrorKind, Exposition, Problem, TenantId, TenantResource};
use tenancy_search::{Hit, Kind, MemoryEngine, Query, Search, SearchResource};

use crate::world::{PRODUCTS, World, id};

#[tokio::test]
async fn a_hit_of_another_tenant_is_dropped_and_counted() {
    let world = World::new();
    world.put(&world.acme, 1, "Lamp");
    world.settle().await;
    world.faults.find(Hit {
        tenant: TenantId::generate(),
        id: id(1),
        score: 9.0,
    });
    let index = world.search.of(&world.acme, PRODUCTS).unwrap();
    let found = index.find(&Query::new("lamp")).await.unwrap();
    let tenants: Vec<_> = found.hits.iter().map(|hit| hit.tenant).collect();
    assert_eq!(tenants, [world.acme.id()]);
    assert_eq!(found.total, 1);
    assert_eq!(world.search.figures().foreign, 1);
    let mut out = Exposition::new();
    world.search.figures().expose(&mut out);
    let text = out.into_text();
    assert!(
        text.contains("tenancy_search_foreign_hits_total 1\n"),
        "{text}"
    );
}

#[tokio::test]
async fn an_engine_that_does_not_answer_is_unavailable_and_others_do_not_wait_for_it() {
    let world = World::new();
    world.put(&world.acme, 1, "Lamp");
    world.settle().await;
    world.faults.hang(true);
    let search = world.search.clone().time_limit(Duration::from_millis(50));
    let index = search.at_once(1).of(&world.acme, PRODUCTS).unwrap();
    let lamp = Query::new("lamp");
    let (first, second) = tokio::join!(index.find(&lamp), index.find(&lamp));
    for (answer, words) in [(first, "did not answer"), (second, "too many")] {
        let error = answer.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        assert!(error.to_string().contains(words), "{error}");
        let answer = Problem::from(error).into_response::<String>();
        assert_eq!(answer.status(), 503);
        assert_eq!(answer.headers()["retry-after"], "2");
    }
    assert_eq!(world.search.figures().turned_away, 1);
    world.faults.hang(false);
    let found = index.find(&lamp).await.unwrap();
    assert_eq!(found.total, 1, "it has room again");
}

#[tokio::test]
async fn an_index_that_is_missing_is_unavailable_until_it_is_built() {
    let world = World::new();
    world.fill(&world.acme, 0..10, "lamp");
    let index = world.search.of(&world.acme, PRODUCTS).unwrap();
    for _ in 0..5 {
        let error = index.find(&Query::new("lamp")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    }
    let asked = world.messages.messages_of(world.acme.id());
    assert_eq!(asked.len(), 1, "it is asked for once: {asked:?}");
    world.settle().await;
    assert_eq!(world.find("lamp").await.len(), 10);
    assert_eq!(world.search.figures().missing, 5);
    assert_eq!(world.search.figures().rebuilds, 1);
    world.assert_equal("it was built").await;
}

#[tokio::test]
async fn pages_follow_each_other_and_end() {
    let world = World::new();
    world.fill(&world.acme, 0..45, "lamp");
    world.tell(&world.acme, "*");
    world.settle().await;
    let index = world.search.of(&world.acme, PRODUCTS).unwrap();
    let mut query = Query::new("lamp").with_limit(15);
    let (mut numbers, mut pages) = (Vec::new(), 0);
    loop {
        let found = index.find(&query).await.unwrap();
        assert_eq!(found.total, 45);
        numbers.extend(found.hits.iter().map(|hit| hit.id.as_u128()));
        pages += 1;
        let Some(next) = found.next else { break };
        query = query.with_cursor(next.to_string().parse().unwrap());
    }
    assert_eq!(numbers, (0..45).collect::<Vec<_>>());
    assert_eq!(pages, 3, "the last page says that it is the last");
}

#[tokio::test]
async fn a_tenant_begins_with_empty_indexes_and_leaves_none() {
    const BLOGS: Kind = Kind::new("blogs");
    let search = Search::new(MemoryEngine::new(), [PRODUCTS, BLOGS]);
    let resource = SearchResource::new(search.clone());
    let (acme, other) = (context("acme"), context("acme-x"));
    for tenant in [&acme, &other, &acme] {
        resource.provision(tenant.tenant()).await.unwrap();
    }
    for kind in [PRODUCTS, BLOGS] {
        let index = search.of(&acme, kind).unwrap();
        assert_eq!(index.find(&Query::new("lamp")).await.unwrap().total, 0);
    }
    assert_eq!(resource.residue(acme.tenant()).await.unwrap().len(), 2);
    resource.purge(acme.tenant()).await.unwrap();
    resource.purge(acme.tenant()).await.unwrap();
    assert!(resource.residue(acme.tenant()).await.unwrap().is_empty());
    assert_eq!(resource.residue(other.tenant()).await.unwrap().len(), 2);
    let strange = search.of(&acme, Kind::new("orders")).unwrap_err();
    assert_eq!(strange.kind(), ErrorKind::Configuration);
}
