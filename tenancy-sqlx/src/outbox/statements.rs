//! The statements of the feed. Each is complete in itself and says what time it is by the server's
//! clock, so nothing of it belongs to a session or to a program's clock.

use tenancy_core::sabotaged;

/// Every (topic, tenant) pair that has messages, one step through the index for each: `work` begins
/// behind a tenant of each topic, and each step leads to the first message of the next pair.
///
/// The step orders by both columns, which only the index of both does, so no plan walks through the
/// messages of a tenant; it ends where the next pair is another topic's.
fn work(from: &str) -> String {
    format!(
        "topics (topic) AS (SELECT DISTINCT u.topic FROM pg_catalog.unnest($1::text[]) AS u (topic)), \
         work (topic, tenant_id) AS ( \
            SELECT t.topic, {from}::uuid FROM topics t \
            UNION ALL \
            SELECT n.topic, n.tenant_id FROM work w CROSS JOIN LATERAL ( \
                SELECT o.topic, o.tenant_id FROM tenancy.outbox o \
                WHERE (o.topic, o.tenant_id) > (w.topic, w.tenant_id) \
                ORDER BY o.topic, o.tenant_id LIMIT 1) n \
            WHERE n.topic = w.topic)"
    )
}

/// Below every tenant.
const NOBODY: &str = "'00000000-0000-0000-0000-000000000000'";

/// How many (topic, tenant) pairs that may be leased are looked at for a claim, at most.
const LOOKED_AT: usize = 200;

/// Leases tenants with messages: $1 topics, $2 consumer, $3 seconds, $4 how many, $5 behind which
/// tenant to begin. Tenants and leases are looked up one by one, so those of tenants without messages
/// are not looked at.
///
/// However many tenants have messages, a limited number of those that may be leased are compared;
/// `next` is behind whom the others are. Who waited longest is who has the lowest fence. Rows are locked in the order of their tenants, so
/// that two programs cannot wait for each other. What a lease was when the statement began may have
/// changed since: the condition is asked again once its row is locked, and its new fence is drawn
/// then. A row without a fence says that another program was quicker.
pub(super) fn claim() -> String {
    let (free, work) = (free("l"), work("$5"));
    let active = sabotaged!("outbox.suspended-told", "true", "t.status = 'active'");
    let mut fence = "pg_catalog.nextval('tenancy.outbox_fence')";
    if sabotaged!("outbox.fence-reused") {
        fence = "l.fence";
    }
    if sabotaged!("outbox.fence-drawn-early") {
        fence = "EXCLUDED.fence";
    }
    format!(
        "WITH RECURSIVE {work}, \
         looked (topic, tenant_id, fence) AS MATERIALIZED ( \
            SELECT w.topic, w.tenant_id, l.fence FROM work w \
            CROSS JOIN LATERAL (SELECT FROM tenancy.tenants t \
                WHERE t.id = w.tenant_id AND {active} LIMIT 1) serves \
            LEFT JOIN LATERAL (SELECT own.tenant_id, own.fence, own.held_until, own.not_before \
                FROM tenancy.outbox_leases own \
                WHERE own.consumer = $2 AND own.tenant_id = w.tenant_id LIMIT 1) l ON true \
            WHERE w.tenant_id <> $5 AND (l.tenant_id IS NULL OR ({free})) LIMIT {LOOKED_AT}), \
         due (tenant_id) AS MATERIALIZED ( \
            SELECT s.tenant_id FROM looked s GROUP BY s.tenant_id, s.fence \
            ORDER BY s.fence NULLS FIRST, s.tenant_id LIMIT $4), \
         given AS ( \
            INSERT INTO tenancy.outbox_leases AS l (consumer, tenant_id, fence, held_until) \
            SELECT $2, d.tenant_id, pg_catalog.nextval('tenancy.outbox_fence'), \
                pg_catalog.clock_timestamp() + pg_catalog.make_interval(secs => $3) \
            FROM (SELECT due.tenant_id FROM due ORDER BY due.tenant_id) d \
            ON CONFLICT (consumer, tenant_id) DO UPDATE SET fence = {fence}, \
                held_until = pg_catalog.clock_timestamp() + pg_catalog.make_interval(secs => $3), \
                last_turn = pg_catalog.clock_timestamp() \
            WHERE {free} \
            RETURNING l.tenant_id, l.fence) \
         SELECT due.tenant_id, given.fence, \
            (SELECT last.tenant_id FROM ( \
                SELECT DISTINCT ON (s.topic) s.tenant_id FROM looked s \
                ORDER BY s.topic, s.tenant_id DESC) last \
             WHERE (SELECT pg_catalog.count(*) FROM looked) = {LOOKED_AT} \
             ORDER BY last.tenant_id LIMIT 1) AS next \
         FROM due LEFT JOIN given USING (tenant_id)"
    )
}

/// Nobody has it, and its pause has ended.
fn free(of: &str) -> String {
    if sabotaged!("outbox.held-given") {
        return "true".to_owned();
    }
    format!(
        "({of}.held_until IS NULL OR {of}.held_until <= pg_catalog.clock_timestamp()) \
         AND ({of}.not_before IS NULL OR {of}.not_before <= pg_catalog.clock_timestamp())"
    )
}

/// Leases one tenant: $1 tenant, $2 consumer, $3 seconds.
pub(super) const CLAIM_TENANT: &str = "\
    INSERT INTO tenancy.outbox_leases AS l (consumer, tenant_id, fence, held_until) \
    SELECT $2, t.id, pg_catalog.nextval('tenancy.outbox_fence'), \
        pg_catalog.clock_timestamp() + pg_catalog.make_interval(secs => $3) \
    FROM tenancy.tenants t WHERE t.id = $1 AND t.status = 'active' \
    ON CONFLICT (consumer, tenant_id) DO UPDATE \
    SET fence = pg_catalog.nextval('tenancy.outbox_fence'), \
        held_until = pg_catalog.clock_timestamp() + pg_catalog.make_interval(secs => $3), \
        last_turn = pg_catalog.clock_timestamp() \
    WHERE l.held_until IS NULL OR l.held_until <= pg_catalog.clock_timestamp() \
    RETURNING l.fence";

/// The first messages of a tenant: $1 topics, $2 tenant, $3 how many.
///
/// Of each topic as many are read from where the tenant's begin, and those of the next tenant are
/// left out then. Asked for in this way, with a number that no plan is made for, they are read in the
/// order of the index, whatever the tenant and others have besides and however old the server's
/// statistics are.
pub(super) const MESSAGES: &str = "\
    SELECT m.seq, m.id, m.topic, m.key, m.payload, m.created_at \
    FROM (SELECT DISTINCT u.topic FROM pg_catalog.unnest($1::text[]) AS u (topic)) t \
    CROSS JOIN LATERAL ( \
        SELECT o.seq, o.id, o.tenant_id, o.topic, o.key, o.payload, o.created_at \
        FROM tenancy.outbox o WHERE (o.topic, o.tenant_id, o.seq) >= (t.topic, $2, 0) \
        ORDER BY o.topic, o.tenant_id, o.seq LIMIT (SELECT $3)) m \
    WHERE m.topic = t.topic AND m.tenant_id = $2 \
    ORDER BY m.seq LIMIT $3";

/// Removes messages of a lease that is held: $1 tenant, $2 consumer, $3 fence, $4 numbers.
///
/// The lease's row stays locked to the end, so nobody gets a higher fence before the messages are
/// gone; whoever waited for that row asks again what it says. The tenant is compared in a way that
/// no index serves, so that the messages are found by their numbers.
pub(super) fn done() -> String {
    let held = sabotaged!(
        "outbox.done-any-fence",
        "$3::bigint > 0",
        "l.fence = $3 AND l.held_until > pg_catalog.clock_timestamp()"
    );
    let lock = sabotaged!("outbox.done-unlocked", "", "FOR UPDATE");
    format!(
        "WITH held AS MATERIALIZED ( \
            SELECT l.tenant_id FROM tenancy.outbox_leases l \
            WHERE l.consumer = $2 AND l.tenant_id = $1 AND {held} {lock}), \
         gone AS ( \
            DELETE FROM tenancy.outbox o \
            WHERE o.seq = ANY ($4::bigint[]) AND o.tenant_id IS NOT DISTINCT FROM $1 \
              AND EXISTS (SELECT FROM held)) \
         SELECT pg_catalog.count(*) FROM held"
    )
}

/// Keeps a lease: $1 tenant, $2 consumer, $3 fence, $4 seconds.
pub(super) const RENEW: &str = "\
    UPDATE tenancy.outbox_leases AS l \
    SET held_until = pg_catalog.clock_timestamp() + pg_catalog.make_interval(secs => $4) \
    WHERE l.consumer = $2 AND l.tenant_id = $1 AND l.fence = $3 \
      AND l.held_until > pg_catalog.clock_timestamp() \
      AND EXISTS (SELECT FROM tenancy.tenants t WHERE t.id = $1 AND t.status = 'active')";

/// Gives a lease back: $1 tenant, $2 consumer, $3 fence.
pub(super) const RELEASE: &str = "\
    UPDATE tenancy.outbox_leases AS l \
    SET held_until = NULL, attempts = 0, not_before = NULL, last_error = NULL \
    WHERE l.consumer = $2 AND l.tenant_id = $1 AND l.fence = $3";

/// Gives a lease back after a failure: $1 tenant, $2 consumer, $3 fence, $4 the reason, $5 the
/// seconds of the first pause, $6 of the longest. A pause doubles with each failure in a row, and
/// is up to a quarter shorter, so that those who failed together do not come back together.
pub(super) fn pause() -> String {
    let factor = sabotaged!("outbox.no-pause", "0 * (1 -", "1 * (1 -");
    format!(
        "UPDATE tenancy.outbox_leases AS l \
         SET held_until = NULL, attempts = l.attempts + 1, last_error = $4, \
            not_before = pg_catalog.clock_timestamp() + pg_catalog.make_interval(secs => \
                {factor} 0.25 * pg_catalog.random()) \
                * LEAST($6::float8, $5::float8 * pg_catalog.pow(2, LEAST(l.attempts, 30)))) \
         WHERE l.consumer = $2 AND l.tenant_id = $1 AND l.fence = $3"
    )
}

/// Counts what is left: $1 topics, $2 how many messages and how many tenants at most. The oldest of
/// a tenant is its first.
pub(super) fn backlog() -> String {
    let work = work(NOBODY);
    format!(
        "WITH RECURSIVE {work}, \
         pairs AS (SELECT w.topic, w.tenant_id FROM work w LIMIT $2 + pg_catalog.cardinality($1)), \
         firsts AS ( \
            SELECT m.created_at FROM pairs p CROSS JOIN LATERAL ( \
                SELECT o.topic, o.tenant_id, o.created_at FROM tenancy.outbox o \
                WHERE (o.topic, o.tenant_id, o.seq) >= (p.topic, p.tenant_id, 0) \
                ORDER BY o.topic, o.tenant_id, o.seq LIMIT 1) m \
            WHERE m.topic = p.topic AND m.tenant_id = p.tenant_id) \
         SELECT (SELECT pg_catalog.count(*) FROM (SELECT FROM topics t CROSS JOIN LATERAL ( \
                SELECT o.topic FROM tenancy.outbox o \
                WHERE (o.topic, o.tenant_id) > \
                    (t.topic, '00000000-0000-0000-0000-000000000000'::uuid) \
                ORDER BY o.topic, o.tenant_id, o.seq LIMIT (SELECT $2)) m \
                WHERE m.topic = t.topic LIMIT $2) few) \
                AS messages, \
            (SELECT pg_catalog.count(DISTINCT p.tenant_id) FROM pairs p \
                WHERE p.tenant_id <> '00000000-0000-0000-0000-000000000000'::uuid) AS tenants, \
            (SELECT pg_catalog.min(f.created_at) FROM firsts f) AS oldest"
    )
}
