//! Small tenants in one index.

use serde_json::json;
use tenancy_core::ErrorKind;
use tenancy_search::{Engine, Placement};

use crate::server::{PRODUCTS, Server, delete, draft, find, id, is, put, stray, write};

#[tokio::test]
async fn three_tenants_share_an_index_and_see_only_their_own() {
    let Some(server) = Server::find() else {
        return;
    };
    let engine = server.engine();
    let mut tenants = Vec::new();
    for (slug, word) in [
        ("acme", "harbour"),
        ("acme-x", "northwind"),
        ("acmex", "orchard"),
    ] {
        let index = server.provisioned(slug, Placement::Shared).await;
        write(
            &engine,
            &index,
            &[put(1, 1, &format!("lamp {word}")), put(2, 1, "desk")],
        )
        .await;
        tenants.push((word, index));
    }
    let shared = format!("{}_shared_products-000001", server.prefix);
    let indexes = server
        .get(&format!("/_cat/indices/{}_*?format=json", server.prefix))
        .await;
    assert_eq!(indexes.as_array().unwrap().len(), 1, "{indexes}");
    for (word, index) in &tenants {
        assert_eq!(find(&engine, index, "lamp").await, [id(1)]);
        assert_eq!(engine.count(index).await.unwrap(), 2);
        for (other, _) in &tenants {
            let found = find(&engine, index, &format!("lamp {other}")).await;
            assert_eq!(!found.is_empty(), word == other);
        }
        // The alias itself leads nowhere else, whoever asks it.
        let all = server.get(&format!("/{}/_search", index.name())).await;
        assert_eq!(all["hits"]["total"]["value"], 2, "{all}");
        let aliases = server.get(&format!("/_alias/{}", index.name())).await;
        let alias = &aliases[&shared]["aliases"][index.name().as_str()];
        let tenant = *index.tenant().as_uuid();
        assert_eq!(
            alias["filter"]["bool"]["filter"][0],
            json!({"term": {"tenant": tenant}})
        );
        assert_eq!(alias["search_routing"], json!(tenant.simple().to_string()));
    }

    let (_, gone) = &tenants[0];
    engine
        .purge(&server.prefix, gone.tenant(), &[PRODUCTS])
        .await
        .unwrap();
    let residue = engine.residue(&server.prefix, gone.tenant(), &[PRODUCTS]);
    assert_eq!(residue.await.unwrap(), [""; 0]);
    let left = server.get(&format!("/{shared}/_count")).await;
    assert_eq!(
        left["count"], 4,
        "a purge removes one tenant's documents: {left}"
    );
    for (_, index) in &tenants[1..] {
        assert_eq!(find(&engine, index, "lamp").await, [id(1)]);
    }
    server.end().await;
}

#[tokio::test]
async fn a_document_of_another_is_not_found_wherever_it_was_put() {
    let Some(server) = Server::find() else {
        return;
    };
    let engine = server.engine();
    let other = uuid::Uuid::new_v4().to_string();
    for placement in crate::server::BOTH {
        let index = server.provisioned("acme", placement).await;
        write(&engine, &index, &[put(1, 1, "lamp")]).await;
        let door = server
            .names()
            .await
            .into_iter()
            .find(|name| name.starts_with(index.name().as_str()) && name.ends_with("-live"));
        let door = door.unwrap();
        let generation = &door[index.name().as_str().len() + 1..door.len() - "-live".len()];
        // On the same shard, in the same generation.
        let path = format!("/{door}/_doc/stray?refresh=true");
        server.put(&path, &stray(&other, generation, "lamp")).await;
        assert_eq!(find(&engine, &index, "lamp").await, [id(1)]);
        assert_eq!(engine.count(&index).await.unwrap(), 1);
        assert_eq!(engine.ids(&index, None, 10).await.unwrap(), [id(1)]);
    }
    server.end().await;
}

#[tokio::test]
async fn equal_documents_fences_and_drafts_of_two_tenants_do_not_meet() {
    let Some(server) = Server::find() else {
        return;
    };
    let engine = server.engine();
    let (ours, theirs) = (server.index("acme"), server.index("acme-x"));
    let first = draft(&engine, &ours, Placement::Shared, 5, "lamp").await;
    let second = draft(&engine, &theirs, Placement::Shared, 5, "desk").await;
    engine.publish(first).await.unwrap();
    engine.publish(second).await.unwrap();
    assert_eq!(find(&engine, &ours, "lamp").await, [id(1)]);
    assert_eq!(find(&engine, &theirs, "desk").await, [id(1)]);
    write(&engine, &theirs, &[delete(1, 9)]).await;
    write(&engine, &ours, &[put(1, 8, "shelf")]).await;
    assert_eq!(find(&engine, &ours, "shelf").await, [id(1)]);
    assert_eq!(engine.count(&theirs).await.unwrap(), 0);
    server.end().await;
}

#[tokio::test]
async fn an_alias_that_leads_to_another_tenants_index_shows_and_harms_nothing_of_it() {
    let Some(server) = Server::find() else {
        return;
    };
    let engine = server.engine();
    let theirs = server.provisioned("acme", Placement::Dedicated).await;
    write(&engine, &theirs, &[put(1, 1, "lamp")]).await;
    let index = server.names().await.into_iter().find(|name| {
        name.starts_with(theirs.name().as_str())
            && name != theirs.name().as_str()
            && !name.ends_with("-live")
    });
    let index = index.unwrap();
    let ours = server.index("acme-x");
    for name in [
        ours.name().to_string(),
        format!("{}-{:020}-live", ours.name(), 3),
    ] {
        server
            .put(&format!("/{index}/_alias/{name}"), &json!({}))
            .await;
        is(
            engine.write(&ours, &[put(2, 2, "desk")]).await,
            ErrorKind::Corrupt,
        );
        is(
            engine.provision(&ours, Placement::Shared).await,
            ErrorKind::Corrupt,
        );
        if name == ours.name().as_str() {
            assert_eq!(find(&engine, &ours, "lamp").await, [] as [uuid::Uuid; 0]);
            assert_eq!(engine.count(&ours).await.unwrap(), 0);
        }
        engine
            .purge(ours.prefix(), ours.tenant(), &[PRODUCTS])
            .await
            .unwrap();
        is(engine.count(&ours).await, ErrorKind::NotFound);
        assert_eq!(find(&engine, &theirs, "lamp").await, [id(1)]);
    }
    engine.provision(&ours, Placement::Shared).await.unwrap();
    server.end().await;
}

#[tokio::test]
async fn nothing_of_an_old_generation_stays_when_a_tenant_moves() {
    let Some(server) = Server::find() else {
        return;
    };
    let engine = server.engine();
    let neighbour = server.provisioned("acme-x", Placement::Shared).await;
    write(&engine, &neighbour, &[put(1, 1, "lamp")]).await;
    let index = server.provisioned("acme", Placement::Shared).await;
    write(
        &engine,
        &index,
        &(0..1_500).map(|n| put(n, 1, "lamp")).collect::<Vec<_>>(),
    )
    .await;
    let counted = async || {
        let path = format!("/{}_shared_products-000001/_count", server.prefix);
        server.get(&path).await["count"].as_u64().unwrap()
    };
    for (fence, placement, left) in [
        (2, Placement::Shared, 2),
        (3, Placement::Dedicated, 1),
        (4, Placement::Dedicated, 1),
        (5, Placement::Shared, 2),
    ] {
        let draft = draft(&engine, &index, placement, fence, &format!("lamp {fence}")).await;
        engine.publish(draft.clone()).await.unwrap();
        assert_eq!(find(&engine, &index, &fence.to_string()).await, [id(1)]);
        engine.refresh(&neighbour).await.unwrap();
        assert_eq!(counted().await, left, "after {fence}");
        let of_tenant = |names: Vec<String>| {
            let whole = index.name().as_str();
            names
                .into_iter()
                .filter(|name| name.starts_with(whole))
                .count()
        };
        let expected = if placement == Placement::Shared { 2 } else { 3 };
        assert_eq!(of_tenant(server.names().await), expected);
        engine.publish(draft).await.unwrap();
    }
    assert_eq!(find(&engine, &neighbour, "lamp").await, [id(1)]);
    server.end().await;
}
