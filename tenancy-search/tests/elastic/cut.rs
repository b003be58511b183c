//! The connection is lost after every request that the server has done, and before the first one.

use tenancy_core::ErrorKind;
use tenancy_core::outbox::Fence;
use tenancy_search::{ElasticEngine, Engine, Index, Placement};

use crate::proxy::{Cut, Proxy};
use crate::server::{BOTH, PRODUCTS, Server, delete, draft, engine, find, id, is, put, write};

/// Lets so many requests be done, the last one without an answer.
fn cut_after(proxy: &Proxy, done: usize) {
    match done {
        0 => proxy.cut(1, Cut::Before),
        done => proxy.cut(done, Cut::After),
    }
}

/// How many names a tenant's index has when nothing else is left.
fn tidy(placement: Placement) -> usize {
    match placement {
        Placement::Dedicated => 3,
        Placement::Shared => 2,
    }
}

async fn names_of(server: &Server, index: &Index) -> Vec<String> {
    let names = server.names().await;
    let ours = |name: &String| name.starts_with(index.name().as_str());
    names.into_iter().filter(ours).collect()
}

/// How many documents of all are in the shared index, searched or not.
async fn shared_documents(server: &Server) -> u64 {
    let path = format!("/{}_shared_*/_count", server.prefix);
    server.get(&path).await["count"].as_u64().unwrap()
}

#[tokio::test]
async fn a_provisioning_that_is_cut_off_anywhere_ends_well_the_next_time() {
    let Some(server) = Server::find() else {
        return;
    };
    let proxy = Proxy::before(&server.url).await;
    for placement in BOTH {
        for done in 0.. {
            let index = server.index("acme");
            cut_after(&proxy, done);
            let provisioned = engine(&proxy.url).provision(&index, placement).await;
            if !proxy.did_cut() {
                provisioned.unwrap();
                break;
            }
            is(provisioned, ErrorKind::Unavailable);
            let engine = server.engine();
            engine.provision(&index, placement).await.unwrap();
            write(&engine, &index, &[put(1, 1, "lamp")]).await;
            assert_eq!(find(&engine, &index, "lamp").await, [id(1)]);
            assert_eq!(names_of(&server, &index).await.len(), tidy(placement));
        }
    }
    server.end().await;
}

#[tokio::test]
async fn a_provisioning_that_was_given_up_is_purged() {
    let Some(server) = Server::find() else {
        return;
    };
    let proxy = Proxy::before(&server.url).await;
    for placement in BOTH {
        for done in 0.. {
            let index = server.index("acme");
            cut_after(&proxy, done);
            let provisioned = engine(&proxy.url).provision(&index, placement).await;
            let residue = purged(&server.engine(), &index).await;
            assert_eq!(residue, [""; 0], "{done}");
            assert_eq!(names_of(&server, &index).await, [""; 0]);
            if provisioned.is_ok() {
                break;
            }
        }
    }
    server.end().await;
}

async fn purged(engine: &ElasticEngine, index: &Index) -> Vec<String> {
    let (prefix, tenant) = (index.prefix(), index.tenant());
    engine.purge(prefix, tenant, &[PRODUCTS]).await.unwrap();
    engine.residue(prefix, tenant, &[PRODUCTS]).await.unwrap()
}

#[tokio::test]
async fn a_rebuilding_that_is_cut_off_anywhere_leaves_the_old_or_the_new() {
    let Some(server) = Server::find() else {
        return;
    };
    let proxy = Proxy::before(&server.url).await;
    let direct = server.engine();
    let neighbour = server.provisioned("acme-x", Placement::Shared).await;
    write(&direct, &neighbour, &[put(1, 1, "lamp")]).await;
    // Moved there and back.
    let places = [Placement::Shared, Placement::Dedicated];
    let index = server.provisioned("acme", places[1]).await;
    write(&direct, &index, &[put(1, 1, "lamp 0")]).await;
    let mut fence = 0;
    let mut ended = [false; 2];
    for done in 0.. {
        for (turn, to) in places.into_iter().enumerate() {
            fence += 2;
            cut_after(&proxy, done);
            let rebuilt = rebuild(&engine(&proxy.url), &index, to, fence).await;
            ended[turn] = !proxy.did_cut();
            assert_eq!(rebuilt.is_ok(), ended[turn], "{rebuilt:?}");
            assert_eq!(find(&direct, &index, "lamp").await, [id(1)], "{done}");
            assert_eq!(direct.count(&index).await.unwrap(), 1);
            if !ended[turn] {
                // Whoever takes the lease anew does it with a new fence.
                fence += 1;
                rebuild(&direct, &index, to, fence).await.unwrap();
            }
            assert_eq!(find(&direct, &index, &fence.to_string()).await, [id(1)]);
            assert_eq!(names_of(&server, &index).await.len(), tidy(to));
            let kept = if to == Placement::Shared { 2 } else { 1 };
            assert_eq!(shared_documents(&server).await, kept, "{done}");
        }
        if ended == [true; 2] {
            break;
        }
    }
    assert_eq!(purged(&direct, &index).await, [""; 0]);
    assert_eq!(find(&direct, &neighbour, "lamp").await, [id(1)]);
    server.end().await;
}

async fn rebuild(
    engine: &ElasticEngine,
    index: &Index,
    placement: Placement,
    fence: u64,
) -> Result<(), tenancy_core::Error> {
    let draft = engine.draft(index, placement, Fence::new(fence)).await?;
    let name = format!("lamp {fence}");
    let operations = [
        put(1, fence, &name),
        put(2, fence, "desk"),
        delete(2, fence),
    ];
    engine.write_draft(&draft, &operations).await?;
    engine.publish(draft).await
}

#[tokio::test]
async fn publishing_and_discarding_again_end_what_was_cut_off() {
    let Some(server) = Server::find() else {
        return;
    };
    let proxy = Proxy::before(&server.url).await;
    let direct = server.engine();
    for placement in BOTH {
        let index = server.provisioned("acme", placement).await;
        let mut fence = 0;
        for done in 0.. {
            fence += 1;
            let next = draft(&direct, &index, placement, fence, "lamp").await;
            cut_after(&proxy, done);
            let published = engine(&proxy.url).publish(next.clone()).await;
            let ends = !proxy.did_cut();
            assert_eq!(published.is_ok(), ends, "{published:?}");
            direct.publish(next).await.unwrap();
            assert_eq!(names_of(&server, &index).await.len(), tidy(placement));
            if ends {
                break;
            }
        }
        for done in 0.. {
            fence += 1;
            let next = draft(&direct, &index, placement, fence, "desk").await;
            cut_after(&proxy, done);
            let discarded = engine(&proxy.url).discard(next.clone()).await;
            let ends = !proxy.did_cut();
            assert_eq!(discarded.is_ok(), ends, "{discarded:?}");
            direct.discard(next).await.unwrap();
            assert_eq!(names_of(&server, &index).await.len(), tidy(placement));
            if ends {
                break;
            }
        }
        assert_eq!(find(&direct, &index, "lamp").await, [id(1)]);
        assert_eq!(purged(&direct, &index).await, [""; 0]);
    }
    assert_eq!(shared_documents(&server).await, 0);
    server.end().await;
}

#[tokio::test]
async fn a_purge_that_is_cut_off_anywhere_ends_well_the_next_time() {
    let Some(server) = Server::find() else {
        return;
    };
    let proxy = Proxy::before(&server.url).await;
    let direct = server.engine();
    let neighbour = server.provisioned("acme-x", Placement::Shared).await;
    write(&direct, &neighbour, &[put(1, 1, "lamp")]).await;
    for done in 0.. {
        let index = server.provisioned("acme", Placement::Dedicated).await;
        write(&direct, &index, &[put(1, 1, "lamp"), put(2, 1, "desk")]).await;
        draft(&direct, &index, Placement::Shared, 2, "lamp").await;
        cut_after(&proxy, done);
        let kinds = [PRODUCTS];
        let purged_once = engine(&proxy.url);
        let answer = purged_once
            .purge(index.prefix(), index.tenant(), &kinds)
            .await;
        let ends = !proxy.did_cut();
        assert_eq!(answer.is_ok(), ends, "{answer:?}");
        assert_eq!(purged(&direct, &index).await, [""; 0]);
        assert_eq!(names_of(&server, &index).await, [""; 0]);
        assert_eq!(shared_documents(&server).await, 1);
        if ends {
            break;
        }
    }
    assert_eq!(find(&direct, &neighbour, "lamp").await, [id(1)]);
    server.end().await;
}

#[tokio::test]
async fn a_server_that_comes_back_is_used_by_the_same_engine() {
    let Some(server) = Server::find() else {
        return;
    };
    let proxy = Proxy::before(&server.url).await;
    let through = engine(&proxy.url);
    let index = server.provisioned("acme", Placement::Shared).await;
    for turn in 0..3 {
        write(&through, &index, &[put(turn, 1, "lamp")]).await;
        proxy.leave();
        is(through.ping().await, ErrorKind::Unavailable);
        is(through.count(&index).await, ErrorKind::Unavailable);
        is(
            through.write(&index, &[put(turn, 2, "lamp")]).await,
            ErrorKind::Unavailable,
        );
        is(
            through.provision(&index, Placement::Shared).await,
            ErrorKind::Unavailable,
        );
        proxy.come_back();
        through.ping().await.unwrap();
        assert_eq!(
            through.count(&index).await.unwrap(),
            u64::try_from(turn).unwrap() + 1
        );
    }
    server.end().await;
}
