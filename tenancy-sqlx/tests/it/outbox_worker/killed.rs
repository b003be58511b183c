//! Workers that are killed at random, and what is told all the same.

use super::*;

/// Runs two workers in a runtime of its own, again and again, each time killed without a word.
fn killed_again_and_again(
    app: &PgConnectOptions,
    scribe: &Scribe,
    kills: &AtomicUsize,
    end: &AtomicBool,
) {
    let mut pause = 40;
    while !end.load(Ordering::Relaxed) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        for _ in 0..2 {
            let (app, scribe) = (app.clone(), scribe.clone());
            runtime.spawn(async move {
                let database = connect(app).await;
                let short = settings().lease(Duration::from_millis(600)).messages(20);
                OutboxWorker::new(
                    Arc::new(PgOutbox::new(&database)),
                    PgTenantStore::new(&database),
                )
                .settings(short)
                .consumer(Arc::new(scribe))
                .run(std::future::pending())
                .await;
            });
        }
        // Any time will do; that they differ is all.
        pause = (pause * 7 + 31) % 300;
        std::thread::sleep(Duration::from_millis(100 + pause));
        runtime.shutdown_background();
        kills.fetch_add(2, Ordering::Relaxed);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_that_are_killed_tell_everything_and_every_turn_has_a_higher_fence() {
    if crate::topology::leaves_out("killed clients keep the pooler's sessions busy") {
        return;
    }
    let world = World::new().await;
    // Whatever becomes a fence is written down in the order in which leases are given.
    world
        .run(
            "CREATE TABLE public.given (
                 at bigint GENERATED ALWAYS AS IDENTITY, tenant_id uuid, fence bigint);
             CREATE FUNCTION public.give() RETURNS trigger SECURITY DEFINER LANGUAGE plpgsql AS $$
                 BEGIN INSERT INTO public.given (tenant_id, fence) VALUES (NEW.tenant_id, NEW.fence);
                 RETURN NULL; END $$;
             CREATE TRIGGER give_insert AFTER INSERT ON tenancy.outbox_leases
                 FOR EACH ROW EXECUTE FUNCTION public.give();
             CREATE TRIGGER give_update AFTER UPDATE OF fence ON tenancy.outbox_leases
                 FOR EACH ROW EXECUTE FUNCTION public.give();",
        )
        .await;
    let tenants = world.tenants(50).await;
    let scribe = Scribe::default();
    let (kills, end) = (
        Arc::new(AtomicUsize::new(0)),
        Arc::new(AtomicBool::new(false)),
    );
    let killers: Vec<_> = (0..2)
        .map(|_| {
            let (app, scribe) = (world.test.app_options(), scribe.clone());
            let (kills, end) = (Arc::clone(&kills), Arc::clone(&end));
            std::thread::spawn(move || killed_again_and_again(&app, &scribe, &kills, &end))
        })
        .collect();
    for round in 0..10 {
        for tenant in &tenants {
            append(&world.of(tenant), round * 10..(round + 1) * 10).await;
        }
    }
    told(&world).await;
    end.store(true, Ordering::Relaxed);
    for killer in killers {
        tokio::task::spawn_blocking(|| killer.join().unwrap())
            .await
            .unwrap();
    }
    let mut told_twice = 0;
    for tenant in &tenants {
        assert_eq!(scribe.keys(tenant.id()).len(), 100, "all are told");
        let seen = scribe.of(tenant.id());
        let fences: BTreeSet<_> = seen.iter().map(|seen| seen.fence).collect();
        assert_eq!(fences.len(), seen.len(), "no two turns have the same fence");
        told_twice += seen.iter().map(|seen| seen.keys.len()).sum::<usize>() - 100;
    }
    let backwards = "(SELECT fence - lag(fence) OVER (PARTITION BY tenant_id ORDER BY at) AS step
         FROM public.given) steps WHERE step <= 0";
    assert_eq!(world.count(backwards).await, 0, "fences only grow");
    let given = world.count("public.given").await;
    assert!(given >= 250, "20 messages a turn: {given}");
    let kills = kills.load(Ordering::Relaxed);
    eprintln!(
        "5000 messages of 50 tenants, {given} leases, {kills} kills, {told_twice} told again"
    );
}
