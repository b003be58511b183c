//! One run of the kit, from the first look into every store to the last.

use std::collections::BTreeMap;

use super::actor::Actor;
use super::app::{Outcome, said};
use super::ask::Ask;
use super::findings::{Entries, Findings, Usual};
use super::flight::{End, Flight, fly};
use super::leaks::{Isolated, Leak, Leaks, Place};
use super::party::Party;
use super::random::Random;
use super::{IsolationKit, detect};
use crate::sabotaged;

/// A request that has not ended after so many polls is not dropped any later.
const MOST_POLLS: usize = 200;

/// One request in three is dropped on its way.
const DROPPED: usize = 3;

/// Where a dropped one is dropped, at the latest.
const LATE: usize = 12;

pub(super) struct Run<'a> {
    kit: &'a IsolationKit,
    actors: Vec<Actor<'a>>,
    random: Random,
    findings: Findings,
    /// By request and actor.
    usual: BTreeMap<(usize, usize), Usual>,
    /// Which requests somebody got something for.
    useful: Vec<bool>,
    /// Which of the tenants saw their own canary.
    saw_own: [bool; 2],
    answers: usize,
    dropped: usize,
}

impl<'a> Run<'a> {
    pub(super) fn new(kit: &'a IsolationKit) -> Self {
        Self {
            kit,
            actors: Actor::all(kit),
            random: Random::new(kit.seed),
            findings: Findings::default(),
            usual: BTreeMap::new(),
            useful: vec![false; kit.asks.len()],
            saw_own: [false; 2],
            answers: 0,
            dropped: 0,
        }
    }

    pub(super) async fn whole(mut self) -> Result<Isolated, Leaks> {
        let reads = self.numbers(Ask::is_read);
        let every = self.numbers(|_| true);

        let before = self.everything().await;
        self.learn(&reads).await;
        self.sweep(&[0, 1], &reads, &reads).await;
        self.crowd(&reads, |_, _| true).await;
        self.unchanged(&before, &[0, 1, 2], "while everybody only read")
            .await;

        if every.len() > reads.len() {
            for quiet in [0, 1] {
                let busy = 1 - quiet;
                let before = self.everything().await;
                self.learn_of(&[quiet], &reads).await;
                self.forget(busy);
                for ask in self.numbers(|ask| !ask.is_read()) {
                    // Before anything is dropped, so that each is answered once.
                    let _ = self.send(ask, busy).await;
                }
                self.sweep(&[busy], &every, &reads).await;
                let writes = |ask: &Ask, actor: &Actor<'_>| {
                    ask.is_read() || (actor.tenant != Some(quiet) && !actor.guest)
                };
                self.crowd(&every, writes).await;
                let name = self.kit.tenants[busy].name();
                let during = format!("while only {name} and strangers wrote");
                self.unchanged(&before, &[quiet, 2], &during).await;
            }
        }
        let after = self.everything().await;
        self.look_into(&after);
        self.proves_something();
        self.report()
    }

    fn numbers(&self, wanted: impl Fn(&Ask) -> bool) -> Vec<usize> {
        let asks = self.kit.asks.iter().enumerate();
        asks.filter(|(_, ask)| wanted(ask))
            .map(|(number, _)| number)
            .collect()
    }

    /// Learns how everybody is answered while nobody else is there.
    async fn learn(&mut self, reads: &[usize]) {
        let everybody: Vec<usize> = (0..self.actors.len()).collect();
        self.learn_of(&everybody, reads).await;
    }

    async fn learn_of(&mut self, actors: &[usize], reads: &[usize]) {
        for &ask in reads {
            for &actor in actors {
                self.usual.remove(&(ask, actor));
                let one = self.send(ask, actor).await;
                let again = self.send(ask, actor).await;
                let changing = self.kit.asks[ask].changing;
                let usual = Usual::of(&one, &again, changing);
                self.usual.insert((ask, actor), usual);
            }
        }
    }

    /// Expects nothing of what is read where `busy` writes.
    fn forget(&mut self, busy: usize) {
        let actors = &self.actors;
        self.usual
            .retain(|(_, actor), _| *actor != busy && !actors[*actor].guest);
    }

    /// Drops each of `asks` of each of `actors` after every number of polls, and lets the other
    /// tenant send one of `reads` after each.
    async fn sweep(&mut self, actors: &[usize], asks: &[usize], reads: &[usize]) {
        if sabotaged!("kit.no-drops") {
            return;
        }
        for &actor in actors {
            for &ask in asks {
                for polls in 0..MOST_POLLS {
                    let mut ends = self.send_all(vec![(ask, actor, Some(polls))], "").await;
                    if !matches!(ends.pop(), Some(End::Dropped(_))) {
                        break;
                    }
                    let other = if reads.contains(&ask) {
                        ask
                    } else if reads.is_empty() {
                        continue;
                    } else {
                        reads[self.random.below(reads.len())]
                    };
                    let after = format!(
                        " after {} as {} was dropped after {polls} polls",
                        self.kit.asks[ask], self.actors[actor].name
                    );
                    self.send_all(vec![(other, 1 - actor, None)], &after).await;
                }
            }
        }
    }

    /// Lets everybody send those of `asks` that `may` allows, many at once and in a random order,
    /// and drops some.
    async fn crowd(&mut self, asks: &[usize], may: impl Fn(&Ask, &Actor<'_>) -> bool) {
        for _ in 0..self.kit.rounds {
            let mut crowd = Vec::new();
            for &ask in asks {
                for (actor, whoever) in self.actors.iter().enumerate() {
                    if may(&self.kit.asks[ask], whoever) {
                        crowd.push((ask, actor, None));
                    }
                }
            }
            self.random.shuffle(&mut crowd);
            for (_, _, drop_after) in &mut crowd {
                if self.random.below(DROPPED) == 0 && !sabotaged!("kit.no-drops") {
                    *drop_after = Some(self.random.below(LATE));
                }
            }
            self.send_all(crowd, " while others were served").await;
        }
    }

    async fn send(&mut self, ask: usize, actor: usize) -> Outcome {
        match self.send_all(vec![(ask, actor, None)], "").await.pop() {
            Some(End::Answered(outcome)) => outcome,
            _ => Err("the request was not answered".to_owned()),
        }
    }

    /// Sends requests by their number, whoever sends it, and after how many polls it is dropped.
    async fn send_all(
        &mut self,
        what: Vec<(usize, usize, Option<usize>)>,
        after: &str,
    ) -> Vec<End<Outcome>> {
        let flights = what
            .iter()
            .map(|(ask, actor, drop_after)| Flight {
                future: self
                    .kit
                    .app
                    .send(self.actors[*actor].request(&self.kit.asks[*ask])),
                drop_after: *drop_after,
            })
            .collect();
        let mut landed = Vec::with_capacity(what.len());
        fly(flights, self.kit.width, &mut self.random, |number, end| {
            landed.push((number, end));
        })
        .await;
        let mut ends = Vec::with_capacity(landed.len());
        for (number, end) in landed {
            let (ask, actor, _) = what[number];
            match &end {
                End::Dropped(_) => self.dropped += 1,
                End::Answered(outcome) => self.answered(ask, actor, outcome, after),
            }
            ends.push(end);
        }
        ends
    }

    fn answered(&mut self, ask: usize, actor: usize, outcome: &Outcome, after: &str) {
        self.answers += 1;
        let whoever = &self.actors[actor];
        let request = format!("{} as {}", self.kit.asks[ask], whoever.name);
        self.findings.look_through(whoever, &request, outcome);
        if let Some(usual) = self.usual.get(&(ask, actor)) {
            self.findings.compare(&request, usual, outcome, after);
        }
        let Ok(answer) = outcome else { return };
        self.useful[ask] |= answer.status.is_success() || answer.status.is_redirection();
        if let (Some(own), Some(tenant)) = (whoever.own, whoever.tenant)
            && !self.saw_own[tenant]
        {
            let in_header = |value| detect::find(value, &[own]).is_some();
            self.saw_own[tenant] = in_header(&answer.body)
                || answer
                    .headers
                    .values()
                    .any(|value| in_header(value.as_bytes()));
        }
    }

    fn parties(&self) -> impl Iterator<Item = &'a Party> + use<'a> {
        self.kit.tenants.iter().chain(&self.kit.suspended)
    }

    /// What every tenant has in every store, by tenant and store.
    async fn everything(&mut self) -> Vec<Vec<Entries>> {
        let mut everything = Vec::new();
        for party in self.parties() {
            let mut stores = Vec::new();
            for probe in &self.kit.probes {
                let mut entries = Entries::new();
                match probe.dump(&party.tenant).await {
                    Ok(dump) => {
                        for (key, value) in dump {
                            entries.entry(key).or_default().push(value);
                        }
                    }
                    Err(error) => {
                        let message = format!("{} cannot be read: {}", probe.name(), said(&*error));
                        self.findings.add(Leak::new(Place::Test, message));
                    }
                }
                stores.push(entries);
            }
            everything.push(stores);
        }
        everything
    }

    /// Checks that the stores of some tenants are as they were `before`.
    async fn unchanged(&mut self, before: &[Vec<Entries>], tenants: &[usize], during: &str) {
        let after = self.everything().await;
        for (tenant, party) in self.parties().enumerate() {
            if !tenants.contains(&tenant) {
                continue;
            }
            let stores = before[tenant].iter().zip(&after[tenant]);
            for ((before, after), probe) in stores.zip(&self.kit.probes) {
                let whose = party.name();
                self.findings
                    .compare_entries(probe.name(), &whose, [before, after], during);
            }
        }
        self.look_into(&after);
    }

    fn look_into(&mut self, everything: &[Vec<Entries>]) {
        for ((tenant, party), stores) in self.parties().enumerate().zip(everything) {
            let others: Vec<_> = self
                .parties()
                .enumerate()
                .filter(|(number, _)| *number != tenant)
                .flat_map(|(_, party)| &party.marks)
                .collect();
            for (entries, probe) in stores.iter().zip(&self.kit.probes) {
                let whose = party.name();
                self.findings
                    .look_into(probe.name(), &whose, entries, &others);
            }
        }
    }

    /// Reports what would have let a leak pass.
    fn proves_something(&mut self) {
        for tenant in [0, 1] {
            if !self.saw_own[tenant] {
                let message = format!(
                    "no answer to {} held its own canary {}: put it into a row that one of the \
                     requests shows",
                    self.kit.tenants[tenant].name(),
                    self.kit.tenants[tenant].canary
                );
                self.findings.add(Leak::new(Place::Test, message));
            }
        }
        for (ask, useful) in self.kit.asks.iter().zip(&self.useful) {
            if !useful && !ask.refused {
                let message = "everybody was refused, so it proves nothing: make it one that \
                               somebody gets an answer to, or mark it as refused()";
                self.findings
                    .add(Leak::new(Place::Test, message).request(ask.to_string()));
            }
        }
    }

    fn report(self) -> Result<Isolated, Leaks> {
        if self.findings.leaks.is_empty() {
            return Ok(Isolated {
                answers: self.answers,
                dropped: self.dropped,
                bytes: self.findings.bytes,
                entries: self.findings.entries,
            });
        }
        Err(Leaks {
            seed: self.kit.seed,
            leaks: self.findings.leaks,
        })
    }
}
