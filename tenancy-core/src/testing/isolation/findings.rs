//! Looks through whatever comes back, and remembers what it has seen.

use std::collections::{BTreeMap, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use http::{HeaderMap, HeaderName, header};

use super::actor::Actor;
use super::app::{Answer, Outcome};
use super::detect::{self, find};
use super::leaks::{Leak, Place};
use super::party::Mark;
use crate::sabotaged;

/// Headers that are another one each time.
const VOLATILE: [HeaderName; 3] = [
    header::DATE,
    header::AGE,
    HeaderName::from_static("server-timing"),
];

/// Everything that was found so far.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) leaks: Vec<Leak>,
    pub(super) bytes: usize,
    pub(super) entries: usize,
    /// What was looked through in vain; most answers come again and again.
    clean: HashSet<u64>,
}

/// An answer when nobody else was there, and what of it can be relied on.
#[derive(Debug)]
pub(super) struct Usual {
    outcome: Outcome,
    /// Headers and the body that differ from one time to the next.
    body_changes: bool,
    changing_headers: Vec<HeaderName>,
}

/// Everything that one tenant has in one store.
pub(super) type Entries = BTreeMap<String, Vec<Vec<u8>>>;

impl Findings {
    /// Notes `leak`, or that it came once more.
    pub(super) fn add(&mut self, leak: Leak) {
        match self.leaks.iter_mut().find(|known| known.is_same(&leak)) {
            Some(known) => known.times += 1,
            None => self.leaks.push(leak),
        }
    }

    /// Looks for marks of others in an answer to `actor`.
    pub(super) fn look_through(&mut self, actor: &Actor<'_>, request: &str, outcome: &Outcome) {
        let answer = match outcome {
            Ok(answer) => answer,
            Err(failure) => {
                let found = self.find(failure.as_bytes(), actor);
                self.note(request, found.map(|hit| (Place::Failure, hit)));
                return;
            }
        };
        for (map, trailer) in [(&answer.headers, false), (&answer.trailers, true)] {
            if sabotaged!("kit.blind-headers") {
                continue;
            }
            for (name, value) in map {
                let whole = [name.as_str().as_bytes(), b": ", value.as_bytes()].concat();
                let found = self.find(&whole, actor);
                let name = name.as_str().to_owned();
                let place = if trailer {
                    Place::Trailer(name)
                } else {
                    Place::Header(name)
                };
                self.note(request, found.map(|hit| (place, hit)));
            }
        }
        if let Some(encoding) = answer.headers.get(header::CONTENT_ENCODING)
            && encoding != "identity"
            && !answer.body.is_empty()
        {
            let encoding = encoding.to_str().unwrap_or("unknown");
            let message = format!(
                "cannot be looked into, because it is compressed ({encoding}) though the request \
                 asks for identity"
            );
            self.add(Leak::new(Place::Test, message).request(request.to_owned()));
        }
        if !sabotaged!("kit.blind-body") {
            let found = self.find(&answer.body, actor);
            self.note(request, found.map(|hit| (Place::Body(hit.offset), hit)));
        }
    }

    fn find(&mut self, bytes: &[u8], actor: &Actor<'_>) -> Option<detect::Hit> {
        self.bytes += bytes.len();
        let mut hasher = DefaultHasher::new();
        (bytes, &actor.name).hash(&mut hasher);
        let key = hasher.finish();
        if self.clean.contains(&key) {
            return None;
        }
        let found = find(bytes, &actor.foreign);
        if found.is_none() {
            self.clean.insert(key);
        }
        found
    }

    fn note(&mut self, request: &str, found: Option<(Place, detect::Hit)>) {
        if let Some((place, hit)) = found {
            self.add(
                Leak::new(place, said(&hit))
                    .request(request.to_owned())
                    .excerpt(hit.excerpt),
            );
        }
    }

    /// Compares an answer with the usual one; `after` says what happened before.
    pub(super) fn compare(&mut self, request: &str, usual: &Usual, now: &Outcome, after: &str) {
        let Some((place, difference)) = usual.difference(now) else {
            return;
        };
        let message = format!("the answer is not the usual one{after}: {difference}");
        self.add(Leak::new(place, message).request(request.to_owned()));
    }

    /// Looks for `marks` of others in what `whose` has in the store `probe`.
    pub(super) fn look_into(
        &mut self,
        probe: &str,
        whose: &str,
        entries: &Entries,
        marks: &[&Mark],
    ) {
        for (key, values) in entries {
            for value in values {
                self.entries += 1;
                let whole = [key.as_bytes(), b" ", value].concat();
                if !sabotaged!("kit.blind-probes")
                    && let Some(hit) = find(&whole, marks)
                {
                    let place = Place::Store {
                        probe: probe.to_owned(),
                        key: key.clone(),
                    };
                    let message = format!("{} in what is {whose}'s", said(&hit));
                    self.add(Leak::new(place, message).excerpt(hit.excerpt));
                }
            }
        }
    }

    /// Compares what `whose` had in the store `probe` with what it has; `during` says what
    /// happened in between.
    pub(super) fn compare_entries(
        &mut self,
        probe: &str,
        whose: &str,
        [before, after]: [&Entries; 2],
        during: &str,
    ) {
        let keys: std::collections::BTreeSet<_> = before.keys().chain(after.keys()).collect();
        for key in keys {
            let (old, new) = (before.get(key), after.get(key));
            if old == new || sabotaged!("kit.blind-probes") {
                continue;
            }
            let what = match (old, new) {
                (None, _) => "came",
                (_, None) => "went",
                _ => "changed",
            };
            let place = Place::Store {
                probe: probe.to_owned(),
                key: key.clone(),
            };
            let message = format!("what is {whose}'s {what} {during}");
            let mut leak = Leak::new(place, message);
            if let Some(value) = new.or(old).and_then(|values| values.last()) {
                let text: String = String::from_utf8_lossy(value).chars().take(120).collect();
                leak = leak.excerpt(detect::shown(&text));
            }
            self.add(leak);
        }
    }
}

impl Usual {
    /// What two undisturbed answers have in common.
    pub(super) fn of(one: &Outcome, again: &Outcome, changing: bool) -> Self {
        let (body_changes, changing_headers) = match (one, again) {
            (Ok(one), Ok(again)) => (
                one.body != again.body,
                names(&one.headers, &again.headers)
                    .into_iter()
                    .filter(|name| !same(&one.headers, &again.headers, name))
                    .collect(),
            ),
            _ => (true, Vec::new()),
        };
        Self {
            outcome: again.clone(),
            body_changes: body_changes || changing,
            changing_headers,
        }
    }

    fn difference(&self, now: &Outcome) -> Option<(Place, String)> {
        let (usual, now) = match (&self.outcome, now) {
            (Ok(usual), Ok(now)) => (usual, now),
            (Err(_), Err(_)) => return None,
            (Ok(usual), Err(failure)) => {
                let difference = format!("{} became the failure {failure}", usual.status);
                return Some((Place::Failure, difference));
            }
            (Err(failure), Ok(now)) => {
                let difference = format!("the failure {failure} became {}", now.status);
                return Some((Place::Status, difference));
            }
        };
        if sabotaged!("kit.blind-to-changes") {
            return None;
        }
        if usual.status != now.status {
            let difference = format!("{} became {}", usual.status, now.status);
            return Some((Place::Status, difference));
        }
        if !self.body_changes && usual.body != now.body {
            let at = usual.body.iter().zip(&now.body).take_while(|(a, b)| a == b);
            let at = at.count();
            let shown = |answer: &Answer| {
                let part = &answer.body[at..answer.body.len().min(at + 60)];
                detect::shown(&String::from_utf8_lossy(part))
            };
            let difference = format!("{:?} became {:?}", shown(usual), shown(now));
            return Some((Place::Body(at), difference));
        }
        names(&usual.headers, &now.headers)
            .into_iter()
            .filter(|name| !VOLATILE.contains(name) && !self.changing_headers.contains(name))
            // It follows from the body.
            .filter(|name| !(self.body_changes && *name == header::CONTENT_LENGTH))
            .find(|name| !same(&usual.headers, &now.headers, name))
            .map(|name| {
                let shown = |map: &HeaderMap| {
                    map.get(&name).map_or_else(
                        || "nothing".to_owned(),
                        |value| format!("{:?}", String::from_utf8_lossy(value.as_bytes())),
                    )
                };
                let difference =
                    format!("{} became {}", shown(&usual.headers), shown(&now.headers));
                (Place::Header(name.to_string()), difference)
            })
    }
}

/// The names of headers in either.
fn names(one: &HeaderMap, other: &HeaderMap) -> Vec<HeaderName> {
    let mut names: Vec<_> = one.keys().chain(other.keys()).cloned().collect();
    names.sort_unstable_by(|a, b| a.as_str().cmp(b.as_str()));
    names.dedup();
    names
}

fn same(one: &HeaderMap, other: &HeaderMap, name: &HeaderName) -> bool {
    one.get_all(name).iter().eq(other.get_all(name))
}

fn said(hit: &detect::Hit) -> String {
    let encoded = match &*hit.encoded {
        "" => String::new(),
        encoded => format!(", {encoded}"),
    };
    format!("{} of {}{encoded}", hit.what, hit.whose)
}
