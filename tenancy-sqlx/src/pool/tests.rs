//! The rules of the board, on numbers instead of connections.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use tenancy_core::TenantId;
use uuid::Uuid;

use super::board::{Asked, Board, Grant, Rules};
use super::homes::homes;

const RULES: Rules = Rules {
    places: 8,
    reserved: 2,
    waiting: 4,
    tenants: 6,
    interval: Duration::ZERO,
};

fn tenant(number: u8) -> TenantId {
    TenantId::from_uuid(Uuid::from_u128(u128::from(number) << 64 | 7))
}

/// A board whose places are all open and idle.
fn ready(rules: Rules) -> Board<u32, u32> {
    let mut board = Board::new(rules);
    for _ in 0..rules.places {
        board.wait(None, 0);
    }
    let mut connection = 0;
    while let Some(place) = board.wanted() {
        connection += 1;
        assert!(board.opened(place, connection).is_none());
    }
    board.give_up();
    assert_eq!(board.count().idle, rules.places);
    board
}

fn granted(asked: Asked<u32>) -> Grant<u32> {
    match asked {
        Asked::Granted(grant) => grant,
        other => panic!("no connection: {other:?}"),
    }
}

#[test]
fn a_tenant_gets_one_of_its_two_homes_while_one_is_free() {
    let mut board = ready(Rules {
        tenants: 100,
        ..RULES
    });
    for number in 0..50 {
        let tenant = tenant(number);
        let grant = granted(board.ask(Some(tenant)));
        assert!(homes(tenant, RULES.places).contains(&grant.place));
        board.put_back(
            grant.place,
            grant.tenant,
            grant.connection,
            Instant::now(),
            || true,
        );
    }
}

#[test]
fn a_connection_that_has_met_many_tenants_is_for_its_own_until_patience_ends() {
    let rules = Rules {
        interval: Duration::MAX,
        reserved: 0,
        ..RULES
    };
    let mut board = ready(rules);
    let now = Instant::now();
    // Fills every place to the brim with tenants of its own.
    for number in 0..=255 {
        let grant = granted(board.ask(Some(tenant(number))));
        if let Some(retired) =
            board.put_back(grant.place, grant.tenant, grant.connection, now, || true)
        {
            assert_eq!(board.spare(rules.places), Some(grant.place));
            board.opened(grant.place, retired);
        }
    }
    assert!(board.count().tenants > rules.tenants);
    let newcomer = TenantId::generate();
    let first = granted(board.ask(Some(newcomer)));
    let second = granted(board.ask(Some(newcomer)));
    assert_ne!(first.place, second.place);
    assert!(matches!(board.ask(Some(newcomer)), Asked::Later));
    let ticket = board.wait(Some(newcomer), 77);
    assert!(board.dispatch().is_none(), "six strange ones are idle");
    board.roam(ticket);
    let (hand, grant) = board.dispatch().unwrap();
    assert_eq!(hand, 77);
    assert!(!homes(newcomer, rules.places).contains(&grant.place));
}

#[test]
fn one_tenant_cannot_take_what_is_kept_for_the_others() {
    let mut board = ready(RULES);
    let greedy = tenant(1);
    let mut held = 0;
    while let Asked::Granted(_) = board.ask(Some(greedy)) {
        held += 1;
    }
    assert_eq!(held, RULES.places - RULES.reserved);
    granted(board.ask(Some(tenant(2))));
    granted(board.ask(None));
    assert!(matches!(board.ask(Some(greedy)), Asked::Later));
}

#[test]
fn the_first_within_its_share_goes_before_those_beyond() {
    let mut board = ready(RULES);
    let greedy = tenant(1);
    let mut grants = Vec::new();
    while let Asked::Granted(grant) = board.ask(Some(greedy)) {
        grants.push(grant);
    }
    let modest = [granted(board.ask(None)), granted(board.ask(None))];
    board.wait(Some(greedy), 1);
    board.wait(Some(tenant(2)), 2);
    let [one, _other] = modest;
    board.put_back(one.place, None, one.connection, Instant::now(), || true);
    let (hand, _) = board.dispatch().unwrap();
    assert_eq!(hand, 2);
    assert!(board.dispatch().is_none());
}

#[test]
fn only_so_many_of_one_tenant_wait() {
    let rules = Rules {
        places: 1,
        reserved: 0,
        ..RULES
    };
    let mut board = ready(rules);
    let _held = granted(board.ask(None));
    for hand in 0..4 {
        assert!(matches!(board.ask(Some(tenant(1))), Asked::Later));
        board.wait(Some(tenant(1)), hand);
    }
    assert!(matches!(board.ask(Some(tenant(1))), Asked::Busy));
    assert!(matches!(board.ask(Some(tenant(2))), Asked::Later));
    assert!(matches!(board.ask(None), Asked::Later));
}

#[test]
fn a_connection_is_retired_after_enough_tenants_but_not_all_at_once() {
    let interval = Duration::from_secs(10);
    let rules = Rules {
        places: 2,
        reserved: 0,
        interval,
        ..RULES
    };
    let mut board = ready(rules);
    let start = Instant::now();
    let mut retired = Vec::new();
    for number in 0..100 {
        let now = start + Duration::from_secs(u64::from(number));
        let grant = granted(board.ask(Some(tenant(number))));
        if board
            .put_back(grant.place, grant.tenant, grant.connection, now, || true)
            .is_some()
        {
            retired.push(now);
            board.wait(None, 0);
            let place = board.wanted().unwrap();
            board.opened(place, 0);
            board.give_up();
        }
    }
    assert!(retired.len() > 5, "{}", retired.len());
    assert!(retired.windows(2).all(|pair| pair[1] - pair[0] >= interval));
}

#[test]
fn no_more_connections_are_opened_than_somebody_waits_for() {
    let mut board: Board<u32, u32> = Board::new(RULES);
    assert_eq!(board.wanted(), None);
    board.wait(None, 1);
    assert!(board.wanted().is_some());
    assert_eq!(board.wanted(), None);
    board.wait(Some(tenant(1)), 2);
    assert!(board.wanted().is_some());
    assert_eq!(board.wanted(), None);
}

/// What may happen to a board.
#[derive(Debug, Clone)]
enum Step {
    Ask(u8),
    Wait(u8),
    Roam(usize),
    Leave(usize),
    PutBack(usize),
    Lose(usize),
    Open(bool),
    Dispatch,
    Expire,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..12_u8).prop_map(Step::Ask),
        3 => (0..12_u8).prop_map(Step::Wait),
        1 => any::<usize>().prop_map(Step::Roam),
        1 => any::<usize>().prop_map(Step::Leave),
        5 => any::<usize>().prop_map(Step::PutBack),
        1 => any::<usize>().prop_map(Step::Lose),
        3 => any::<bool>().prop_map(Step::Open),
        3 => Just(Step::Dispatch),
        1 => Just(Step::Expire),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Whatever happens, no place is given to two, nobody who waits is forgotten or served twice,
    /// nobody beyond the share takes what is kept, and all is free in the end.
    #[test]
    fn the_board_stays_whole(steps in proptest::collection::vec(step(), 1..200)) {
        let mut board: Board<u32, u64> = Board::new(RULES);
        let mut held: Vec<Grant<u32>> = Vec::new();
        let mut opening: Vec<usize> = Vec::new();
        let mut waiting: HashMap<u64, u64> = HashMap::new();
        let (mut connections, mut hands) = (0, 0);
        for step in steps {
            match step {
                Step::Ask(0) => {
                    if let Asked::Granted(grant) = board.ask(None) {
                        held.push(grant);
                    }
                }
                Step::Ask(number) => {
                    if let Asked::Granted(grant) = board.ask(Some(tenant(number))) {
                        held.push(grant);
                    }
                }
                Step::Wait(number) => {
                    let who = (number > 0).then(|| tenant(number));
                    hands += 1;
                    let hand = hands;
                    let ticket = board.wait(who, hand);
                    waiting.insert(ticket, hand);
                }
                Step::Roam(which) => {
                    if let Some(ticket) = nth(&waiting, which) {
                        board.roam(ticket);
                    }
                }
                Step::Leave(which) => {
                    if let Some(ticket) = nth(&waiting, which) {
                        prop_assert!(board.leave(ticket));
                        waiting.remove(&ticket);
                    }
                }
                Step::PutBack(which) if !held.is_empty() => {
                    let grant = held.swap_remove(which % held.len());
                    board.put_back(grant.place, grant.tenant, grant.connection, Instant::now(), || true);
                }
                Step::Lose(which) if !held.is_empty() => {
                    let grant = held.swap_remove(which % held.len());
                    board.lost(grant.place, grant.tenant);
                }
                Step::Open(arrives) => {
                    if let Some(place) = board.wanted() {
                        opening.push(place);
                    } else if let Some(place) = opening.pop() {
                        if arrives {
                            connections += 1;
                            board.opened(place, connections);
                        } else {
                            board.empty(place);
                        }
                    }
                }
                Step::Dispatch => {
                    if let Some((hand, grant)) = board.dispatch() {
                        let before = waiting.len();
                        waiting.retain(|_, waits| *waits != hand);
                        prop_assert!(waiting.len() < before, "nobody waits with {hand}");
                        held.push(grant);
                    }
                }
                Step::Expire => drop(board.expire(1, |_| true)),
                Step::PutBack(_) | Step::Lose(_) => {}
            }
            let places: HashSet<usize> = held.iter().map(|grant| grant.place).collect();
            prop_assert_eq!(places.len(), held.len(), "a place is held twice");
            let lent: HashSet<u32> = held.iter().map(|grant| grant.connection).collect();
            prop_assert_eq!(lent.len(), held.len(), "a connection is held twice");
            let count = board.count();
            prop_assert_eq!(count.busy, held.len());
            prop_assert_eq!(count.opening, opening.len());
            prop_assert_eq!(count.waiting, waiting.len());
            prop_assert!(count.idle + count.busy + count.opening <= RULES.places);
        }
        for place in opening {
            board.empty(place);
        }
        for grant in held {
            board.put_back(grant.place, grant.tenant, grant.connection, Instant::now(), || true);
        }
        board.give_up();
        let count = board.count();
        prop_assert_eq!((count.busy, count.opening, count.waiting), (0, 0, 0));
        prop_assert_eq!(board.loads(), 0, "a load is left");
    }
}

fn nth(waiting: &HashMap<u64, u64>, which: usize) -> Option<u64> {
    let mut tickets: Vec<u64> = waiting.keys().copied().collect();
    tickets.sort_unstable();
    (!tickets.is_empty()).then(|| tickets[which % tickets.len()])
}
