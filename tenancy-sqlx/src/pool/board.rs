//! Who gets which connection: the rules alone, without any connection.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet, VecDeque};
use std::time::{Duration, Instant};

use tenancy_core::{TenantId, sabotaged};

use super::homes::homes;

/// What the rules depend on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    /// How many connections there may be.
    pub(super) places: usize,
    /// How many of them only tenants may take that hold no more than their share.
    pub(super) reserved: usize,
    /// How many requests of one tenant may wait.
    pub(super) waiting: usize,
    /// After how many tenants a connection is old.
    pub(super) tenants: usize,
    /// How much time is between two connections that are closed for that.
    pub(super) interval: Duration,
}

/// The places of a pool with the connections (`C`) in them, and those (`W`) who wait for one.
#[derive(Debug)]
pub(super) struct Board<C, W> {
    rules: Rules,
    places: Vec<Place<C>>,
    /// In the order of arrival.
    queue: VecDeque<Waiter<W>>,
    loads: HashMap<TenantId, Load>,
    tickets: u64,
    last_retired: Option<Instant>,
    closed: bool,
}

#[derive(Debug)]
struct Place<C> {
    state: State<C>,
    /// The tenants that its connection has served.
    touched: HashSet<TenantId>,
}

#[derive(Debug)]
enum State<C> {
    Empty,
    Opening,
    Idle(C),
    Busy,
}

#[derive(Debug)]
struct Waiter<W> {
    ticket: u64,
    tenant: Option<TenantId>,
    /// Whether any connection will do.
    roams: bool,
    hand: W,
}

/// What one tenant has of the pool now.
#[derive(Debug, Default, Clone, Copy)]
struct Load {
    held: usize,
    waiting: usize,
}

/// A connection for somebody, with the place that it belongs to.
#[derive(Debug)]
pub(super) struct Grant<C> {
    pub(super) place: usize,
    pub(super) tenant: Option<TenantId>,
    pub(super) connection: C,
}

#[derive(Debug)]
pub(super) enum Asked<C> {
    Granted(Grant<C>),
    /// Nothing suits now.
    Later,
    /// Too many requests of the tenant wait already.
    Busy,
    Closed,
}

/// How many places are in which state.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) idle: usize,
    pub(super) busy: usize,
    pub(super) opening: usize,
    pub(super) waiting: usize,
    /// Most tenants that one connection has served.
    pub(super) tenants: usize,
}

impl<C, W> Board<C, W> {
    pub(super) fn new(rules: Rules) -> Self {
        let place = || Place {
            state: State::Empty,
            touched: HashSet::new(),
        };
        Self {
            places: (0..rules.places.max(1)).map(|_| place()).collect(),
            rules,
            queue: VecDeque::new(),
            loads: HashMap::new(),
            tickets: 0,
            last_retired: None,
            closed: false,
        }
    }

    /// Gives a connection that suits, if there is one now.
    pub(super) fn ask(&mut self, tenant: Option<TenantId>) -> Asked<C> {
        if self.closed {
            return Asked::Closed;
        }
        match self.find(tenant, false) {
            Some(place) => Asked::Granted(self.grant(place, tenant)),
            None if self.load(tenant).waiting >= self.rules.waiting
                && !sabotaged!("pool.endless-queue") =>
            {
                Asked::Busy
            }
            None => Asked::Later,
        }
    }

    /// Puts somebody in the queue and gives the ticket.
    pub(super) fn wait(&mut self, tenant: Option<TenantId>, hand: W) -> u64 {
        self.tickets += 1;
        if let Some(tenant) = tenant {
            self.loads.entry(tenant).or_default().waiting += 1;
        }
        self.queue.push_back(Waiter {
            ticket: self.tickets,
            tenant,
            roams: false,
            hand,
        });
        self.tickets
    }

    /// From now on any connection will do for the holder of `ticket`.
    pub(super) fn roam(&mut self, ticket: u64) {
        if let Some(waiter) = self.queue.iter_mut().find(|w| w.ticket == ticket) {
            waiter.roams = true;
        }
    }

    /// Takes the holder of `ticket` out of the queue; `false` when nobody with it is there.
    pub(super) fn leave(&mut self, ticket: u64) -> bool {
        let place = self.queue.iter().position(|w| w.ticket == ticket);
        place.is_some_and(|place| self.remove(place).is_some())
    }

    /// Whether there are connections that the tenant may not have beyond its share.
    pub(super) fn is_held_back(&self, tenant: Option<TenantId>) -> bool {
        !self.may_take(tenant)
            && self
                .places
                .iter()
                .any(|place| place.is_idle() || place.is_empty())
    }

    /// Finds a connection for somebody who waits; ask again until there is none.
    pub(super) fn dispatch(&mut self) -> Option<(W, Grant<C>)> {
        if self.queue.is_empty() || !self.places.iter().any(Place::is_idle) {
            return None;
        }
        for at in 0..self.queue.len() {
            let (tenant, roams) = (self.queue[at].tenant, self.queue[at].roams);
            if let Some(place) = self.find(tenant, roams) {
                let waiter = self.remove(at)?;
                return Some((waiter.hand, self.grant(place, tenant)));
            }
        }
        None
    }

    /// Finds a place where a connection should be opened now; ask again until there is none.
    ///
    /// No more are on their way than somebody waits for.
    pub(super) fn wanted(&mut self) -> Option<usize> {
        let opening = self
            .places
            .iter()
            .filter(|place| place.is_opening())
            .count();
        if self.closed || opening >= self.queue.len() {
            return None;
        }
        let place = self.queue.iter().find_map(|waiter| {
            if !self.may_take(waiter.tenant) {
                return None;
            }
            let home = waiter.tenant.and_then(|tenant| {
                let homes = homes(tenant, self.places.len());
                homes.into_iter().find(|home| self.places[*home].is_empty())
            });
            home.or_else(|| self.places.iter().position(Place::is_empty))
        })?;
        self.places[place].state = State::Opening;
        Some(place)
    }

    /// Finds an empty place, to be opened although nobody waits, while fewer than `least` are
    /// open.
    pub(super) fn spare(&mut self, least: usize) -> Option<usize> {
        let empty = self.places.iter().filter(|place| place.is_empty()).count();
        if self.closed || self.places.len() - empty >= least {
            return None;
        }
        let place = self.places.iter().position(Place::is_empty)?;
        self.places[place].state = State::Opening;
        Some(place)
    }

    /// A new connection has come to the place that [`Board::wanted`] gave. It comes back when the
    /// pool was closed meanwhile.
    pub(super) fn opened(&mut self, place: usize, connection: C) -> Option<C> {
        self.places[place].touched.clear();
        if self.closed {
            self.places[place].state = State::Empty;
            return Some(connection);
        }
        self.places[place].state = State::Idle(connection);
        None
    }

    /// A connection comes back in order. It is given out again when it has served enough tenants,
    /// to be closed; not while it is doubtful that another can be opened in its place.
    pub(super) fn put_back(
        &mut self,
        place: usize,
        tenant: Option<TenantId>,
        connection: C,
        now: Instant,
        replaceable: impl FnOnce() -> bool,
    ) -> Option<C> {
        self.free(tenant);
        let due = self
            .last_retired
            .is_none_or(|last| now.saturating_duration_since(last) >= self.rules.interval);
        let old = self.places[place].touched.len() >= self.rules.tenants;
        let replaceable = || replaceable() && !self.places.iter().any(Place::is_opening);
        if old && due && !self.closed && replaceable() && !sabotaged!("pool.never-retires") {
            self.last_retired = Some(now);
            self.empty(place);
            return Some(connection);
        }
        if self.closed {
            self.empty(place);
            return Some(connection);
        }
        self.places[place].state = State::Idle(connection);
        None
    }

    /// A connection that was given out is gone.
    pub(super) fn lost(&mut self, place: usize, tenant: Option<TenantId>) {
        self.free(tenant);
        self.empty(place);
    }

    /// A place has no connection, and none is on its way.
    pub(super) fn empty(&mut self, place: usize) {
        let place = &mut self.places[place];
        place.state = State::Empty;
        place.touched = HashSet::new();
    }

    /// Takes out the idle connections that are `over`, but leaves `least` open.
    pub(super) fn expire(&mut self, least: usize, over: impl Fn(&C) -> bool) -> Vec<C> {
        let mut open = self.places.iter().filter(|place| !place.is_empty()).count();
        let mut expired = Vec::new();
        for place in &mut self.places {
            if open > least && matches!(&place.state, State::Idle(connection) if over(connection)) {
                expired.extend(place.take());
                place.state = State::Empty;
                place.touched = HashSet::new();
                open -= 1;
            }
        }
        expired
    }

    /// Nobody gets a connection any more: gives those that are idle, and those who wait.
    pub(super) fn close(&mut self) -> (Vec<C>, Vec<W>) {
        self.closed = true;
        (self.expire(0, |_| true), self.give_up())
    }

    /// Sends away everybody who waits.
    pub(super) fn give_up(&mut self) -> Vec<W> {
        let mut hands = Vec::new();
        while let Some(waiter) = self.remove(0) {
            hands.push(waiter.hand);
        }
        hands
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    pub(super) fn count(&self) -> Count {
        let mut count = Count {
            waiting: self.queue.len(),
            ..Count::default()
        };
        for place in &self.places {
            count.tenants = count.tenants.max(place.touched.len());
            match place.state {
                State::Empty => {}
                State::Opening => count.opening += 1,
                State::Idle(_) => count.idle += 1,
                State::Busy => count.busy += 1,
            }
        }
        count
    }

    #[cfg(test)]
    pub(super) fn loads(&self) -> usize {
        self.loads.len()
    }

    /// An idle connection that suits: of the tenant's homes, or one that knows it, or one that
    /// has room for another tenant.
    fn find(&self, tenant: Option<TenantId>, roams: bool) -> Option<usize> {
        if !self.may_take(tenant) {
            return None;
        }
        let Some(tenant) = tenant else {
            return self.places.iter().position(Place::is_idle);
        };
        let home = homes(tenant, self.places.len())
            .into_iter()
            .find(|home| self.places[*home].is_idle() && !sabotaged!("pool.no-home"));
        home.or_else(|| {
            self.places.iter().position(|place| {
                place.is_idle()
                    && (roams
                        || sabotaged!("pool.no-home")
                        || place.touched.len() < self.rules.tenants / 2
                        || place.touched.contains(&tenant))
            })
        })
    }

    /// Whether a tenant may hold one more connection: its share at any time, more only while
    /// enough are left for the others.
    fn may_take(&self, tenant: Option<TenantId>) -> bool {
        if tenant.is_none() || self.rules.reserved == 0 || sabotaged!("pool.no-share") {
            return true;
        }
        let free = |place: &&Place<C>| place.is_idle() || place.is_empty();
        self.load(tenant).held < self.share()
            || self.places.iter().filter(free).count() > self.rules.reserved
    }

    fn share(&self) -> usize {
        (self.places.len() / 4).max(1)
    }

    fn load(&self, tenant: Option<TenantId>) -> Load {
        let load = tenant.and_then(|tenant| self.loads.get(&tenant));
        load.copied().unwrap_or_default()
    }

    fn grant(&mut self, place: usize, tenant: Option<TenantId>) -> Grant<C> {
        let at = &mut self.places[place];
        let connection = at.take().expect("only an idle connection is granted");
        at.state = State::Busy;
        if let Some(tenant) = tenant {
            at.touched.insert(tenant);
            self.loads.entry(tenant).or_default().held += 1;
        }
        Grant {
            place,
            tenant,
            connection,
        }
    }

    fn remove(&mut self, at: usize) -> Option<Waiter<W>> {
        let waiter = self.queue.remove(at)?;
        self.relieve(waiter.tenant, |load| load.waiting -= 1);
        Some(waiter)
    }

    fn free(&mut self, tenant: Option<TenantId>) {
        self.relieve(tenant, |load| load.held -= 1);
    }

    /// Takes something off a tenant, and forgets who has nothing.
    fn relieve(&mut self, tenant: Option<TenantId>, less: impl FnOnce(&mut Load)) {
        if let Some(tenant) = tenant
            && let Entry::Occupied(mut load) = self.loads.entry(tenant)
        {
            less(load.get_mut());
            if load.get().held == 0 && load.get().waiting == 0 {
                load.remove();
            }
        }
    }
}

impl<C> Place<C> {
    fn is_idle(&self) -> bool {
        matches!(self.state, State::Idle(_))
    }

    fn is_empty(&self) -> bool {
        matches!(self.state, State::Empty)
    }

    fn is_opening(&self) -> bool {
        matches!(self.state, State::Opening)
    }

    fn take(&mut self) -> Option<C> {
        match std::mem::replace(&mut self.state, State::Empty) {
            State::Idle(connection) => Some(connection),
            other => {
                self.state = other;
                None
            }
        }
    }
}
