//! The isolation kit catches applications that leak on purpose, and lets an honest one pass.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::task::Poll;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use tenancy_core::testing::{
    Ask, IsolationKit, Leaks, Party, Place, Probe, ProbeError, RequestBody, context,
};
use tenancy_core::{Status, Tenant, TenantId};
use tower::service_fn;

/// How the toy leaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Leaking {
    Nothing,
    /// A cache whose keys know no tenant.
    Cache,
    /// The last answer's tag stands in the next one.
    Header,
    /// The name of a header tells.
    HeaderName,
    /// A refusal names somebody else.
    Refusal,
    /// A link holds somebody else's row, encoded.
    Cursor,
    /// Work that was cut off is seen by whoever comes next.
    Interrupted,
    /// A write goes to both.
    Write,
    /// A write of one takes away from the other.
    Theft,
    /// Somebody's rows are shown although it is suspended.
    Suspended,
    /// An unknown host gets the first tenant.
    Default,
    /// The token decides, whatever the host.
    Token,
    /// It fails with what it was working on.
    Failure,
}

/// Notes of each host in memory, one of them leaking.
struct Toy {
    leaking: Leaking,
    parties: Vec<Party>,
    notes: BTreeMap<TenantId, BTreeMap<u32, String>>,
    cache: BTreeMap<String, String>,
    last: String,
    interrupted: bool,
}

type Shared = Arc<Mutex<Toy>>;
type Answer = Result<Response<Full<Bytes>>, std::io::Error>;

fn answer(status: StatusCode, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response
}

/// Lets others go first, as a database would.
async fn wait() {
    let mut waited = 0;
    poll_fn(|context| {
        waited += 1;
        context.waker().wake_by_ref();
        if waited > 3 {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}

async fn handle(toy: Shared, request: Request<RequestBody>) -> Answer {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap_or_else(|never| match never {});
    let body = String::from_utf8_lossy(&body.to_bytes()).into_owned();
    let leaking = toy.lock().unwrap().leaking;
    let owner = {
        let toy = toy.lock().unwrap();
        let token = head.headers.get(header::AUTHORIZATION);
        let by_token = toy.parties.iter().find(|party| {
            token.is_some_and(|token| token.as_bytes() == party.tenant().slug().as_str().as_bytes())
        });
        let host = &head.headers[header::HOST];
        let by_host = toy
            .parties
            .iter()
            .find(|party| host.as_bytes() == party.host().as_bytes());
        let found = match leaking {
            Leaking::Token => by_token.or(by_host),
            Leaking::Default => by_host.or(toy.parties.first()),
            _ => by_host,
        };
        found.map(|party| party.tenant().clone())
    };
    let Some(owner) = owner else {
        return Ok(answer(StatusCode::NOT_FOUND, "nobody is here"));
    };
    if owner.status() != Status::Active && leaking != Leaking::Suspended {
        return Ok(answer(StatusCode::FORBIDDEN, "suspended"));
    }
    if leaking == Leaking::Interrupted {
        let was = std::mem::replace(&mut toy.lock().unwrap().interrupted, true);
        if was {
            toy.lock().unwrap().interrupted = false;
            return Ok(answer(StatusCode::CONFLICT, "somebody is at work"));
        }
    }
    wait().await;
    let mut toy = toy.lock().unwrap();
    toy.interrupted = false;
    let id: u32 = head.uri.path()[1..].parse().unwrap_or_default();
    let others: Vec<TenantId> = toy
        .notes
        .keys()
        .copied()
        .filter(|id| *id != owner.id())
        .collect();
    let first_other = others[0];
    let notes = toy
        .notes
        .get_mut(&owner.id())
        .expect("every party has notes");
    let response = match head.method {
        Method::POST => {
            notes.insert(7, body.clone());
            if leaking == Leaking::Write {
                toy.notes.get_mut(&first_other).unwrap().insert(8, body);
            }
            answer(StatusCode::CREATED, "made")
        }
        Method::DELETE => {
            notes.remove(&id);
            if leaking == Leaking::Theft {
                toy.notes.get_mut(&first_other).unwrap().remove(&id);
            }
            answer(StatusCode::NO_CONTENT, "")
        }
        _ => match notes.get(&id).cloned() {
            Some(note) => {
                let key = head.uri.path().to_owned();
                let note = if leaking == Leaking::Cache {
                    toy.cache.entry(key).or_insert(note).clone()
                } else {
                    note
                };
                let mut response = answer(StatusCode::OK, note.clone());
                if leaking == Leaking::Header {
                    let tag = std::mem::replace(&mut toy.last, note);
                    response
                        .headers_mut()
                        .insert(header::ETAG, tag.parse().unwrap());
                } else if leaking == Leaking::HeaderName {
                    let tag = std::mem::replace(&mut toy.last, note);
                    let name = http::HeaderName::try_from(format!("x-{tag}")).unwrap();
                    response.headers_mut().insert(name, "1".parse().unwrap());
                } else if leaking == Leaking::Cursor {
                    let next: String = toy.notes[&first_other]
                        .values()
                        .flat_map(|note| note.bytes().map(|byte| format!("%{byte:02x}")))
                        .collect();
                    *response.body_mut() = Full::from(format!("{note} ?after={next}"));
                }
                response
            }
            None if leaking == Leaking::Refusal => {
                let text = format!("note {id} is of tenant {first_other}");
                answer(StatusCode::NOT_FOUND, text)
            }
            None if leaking == Leaking::Failure => {
                let text = format!("cannot serve {:?}", toy.notes[&first_other]);
                return Err(std::io::Error::other(text));
            }
            None => answer(StatusCode::NOT_FOUND, "no such note"),
        },
    };
    Ok(response)
}

struct Rows(Shared);

#[async_trait::async_trait]
impl Probe for Rows {
    fn name(&self) -> &'static str {
        "notes"
    }

    async fn dump(&self, tenant: &Tenant) -> Result<Vec<(String, Vec<u8>)>, ProbeError> {
        let toy = self.0.lock().unwrap();
        let notes = toy.notes[&tenant.id()].iter();
        Ok(notes
            .map(|(id, note)| (format!("note {id}"), note.clone().into_bytes()))
            .collect())
    }
}

fn kit(leaking: Leaking) -> IsolationKit {
    crate::support::sabotage();
    let party = |slug: &str| {
        let tenant = context(slug).tenant().clone();
        Party::new(&tenant, format!("{slug}.example"))
    };
    let (a, b) = (party("a").header("authorization", "a"), party("b"));
    let suspended = context("c").tenant().clone().with_status(Status::Suspended);
    let c = Party::new(&suspended, "c.example");
    let parties = vec![a.clone(), b.clone(), c.clone()];
    let notes = parties
        .iter()
        .map(|party| {
            let note = party.canary().to_string();
            (
                party.tenant().id(),
                BTreeMap::from([(1, note.clone()), (2, note)]),
            )
        })
        .collect();
    let toy = Arc::new(Mutex::new(Toy {
        leaking,
        parties,
        notes,
        cache: BTreeMap::new(),
        last: "nothing".to_owned(),
        interrupted: false,
    }));
    let rows = Rows(Arc::clone(&toy));
    let app = service_fn(move |request| handle(Arc::clone(&toy), request));
    IsolationKit::new(app, a, b)
        .suspended(c)
        .stranger("nobody.example")
        .ask(Ask::get("/1"))
        .ask(Ask::get("/9").refused())
        .ask(Ask::post("/").body("{canary} again"))
        .ask(Ask::delete("/2"))
        .probe(rows)
}

async fn leaks(leaking: Leaking) -> Leaks {
    match kit(leaking).check().await {
        Ok(isolated) => panic!("{leaking:?} passed: {isolated}"),
        Err(leaks) => leaks,
    }
}

/// That the leak is found, where, and in which words.
async fn check(leaking: Leaking, asked: &str, place: impl Fn(&Place) -> bool, message: &str) {
    let leaks = leaks(leaking).await;
    let found = leaks.leaks().iter().any(|leak| {
        leak.asked().unwrap_or_default().starts_with(asked)
            && place(leak.place())
            && leak.message().contains(message)
    });
    assert!(found, "{leaking:?} is not told apart: {leaks}");
}

#[tokio::test]
async fn an_application_without_leaks_passes_and_says_how_much_was_asked() {
    for seed in 0..3 {
        let isolated = kit(Leaking::Nothing).seed(seed).check().await.unwrap();
        assert!(isolated.answers() > 100, "{isolated}");
        assert!(isolated.dropped() > 20, "{isolated}");
        assert!(
            isolated.entries() > 20 && isolated.bytes() > 1_000,
            "{isolated}"
        );
    }
}

#[tokio::test]
async fn a_leak_is_found_where_it_stands() {
    let body = |place: &Place| matches!(place, Place::Body(_));
    check(
        Leaking::Cache,
        "GET /1 as tenant b",
        body,
        "the canary of tenant a",
    )
    .await;
    let etag = |place: &Place| *place == Place::Header("etag".to_owned());
    check(
        Leaking::Header,
        "GET /1 as tenant b",
        etag,
        "the canary of tenant a",
    )
    .await;
    let header = |place: &Place| matches!(place, Place::Header(name) if name.starts_with("x-"));
    check(
        Leaking::HeaderName,
        "GET /1 as tenant b",
        header,
        "the canary of",
    )
    .await;
    check(
        Leaking::Refusal,
        "GET /9 as tenant",
        body,
        "the id of tenant",
    )
    .await;
    check(Leaking::Cursor, "GET /1 as tenant", body, "percent-encoded").await;
    check(
        Leaking::Suspended,
        "GET /1 as tenant c",
        body,
        "the canary of tenant c",
    )
    .await;
    check(
        Leaking::Default,
        "GET /1 as a stranger",
        body,
        "the canary of tenant a",
    )
    .await;
    check(
        Leaking::Token,
        "GET /1 as tenant a gone to b",
        body,
        "the canary of tenant a",
    )
    .await;
    let failure = |place: &Place| *place == Place::Failure;
    check(
        Leaking::Failure,
        "GET /9 as tenant",
        failure,
        "the canary of tenant",
    )
    .await;
}

#[tokio::test]
async fn what_a_dropped_request_leaves_behind_is_found_and_named() {
    let status = |place: &Place| *place == Place::Status;
    let message =
        "after GET /1 as tenant a on a.example was dropped after 1 polls: 200 OK became 409";
    check(Leaking::Interrupted, "GET /1 as tenant b", status, message).await;
}

#[tokio::test]
async fn a_write_that_reaches_somebody_elses_store_is_found() {
    let note = |place: &Place| matches!(place, Place::Store { probe, .. } if probe == "notes");
    check(Leaking::Write, "", note, "the canary of tenant").await;
    check(Leaking::Write, "", note, "came while only tenant").await;
    check(Leaking::Theft, "", note, "went while only tenant").await;
}

#[tokio::test]
async fn a_run_that_could_find_nothing_fails() {
    let kit = kit(Leaking::Nothing).ask(Ask::get("/77"));
    let leaks = kit.check().await.unwrap_err();
    assert_eq!(leaks.leaks().len(), 1, "{leaks}");
    assert!(
        leaks
            .to_string()
            .contains("GET /77, the test: everybody was refused"),
        "{leaks}"
    );

    let app = service_fn(async |_: Request<RequestBody>| {
        Ok::<_, Infallible>(answer(StatusCode::OK, "the same to everybody"))
    });
    let [a, b] = ["a", "b"].map(|slug| Party::new(context(slug).tenant(), slug));
    let leaks = IsolationKit::new(app, a, b)
        .ask(Ask::get("/"))
        .check()
        .await
        .unwrap_err();
    assert!(
        leaks
            .to_string()
            .contains("no answer to tenant a held its own canary"),
        "{leaks}"
    );
}

#[tokio::test]
async fn answers_that_cannot_be_looked_into_are_reported() {
    let [a, b] = ["a", "b"].map(|slug| Party::new(context(slug).tenant(), slug));
    let app = service_fn(async |_: Request<RequestBody>| {
        let mut response = answer(StatusCode::OK, "\u{1f}\u{8b}");
        response
            .headers_mut()
            .insert(header::CONTENT_ENCODING, "gzip".parse().unwrap());
        Ok::<_, Infallible>(response)
    });
    let leaks = IsolationKit::new(app, a, b)
        .ask(Ask::get("/"))
        .check()
        .await
        .unwrap_err();
    assert!(
        leaks.to_string().contains("it is compressed (gzip)"),
        "{leaks}"
    );
}

#[tokio::test]
async fn the_report_shows_request_place_and_excerpt() {
    let report = leaks(Leaking::Cache).await.to_string();
    let canary = report.lines().find(|line| line.starts_with("  canary"));
    assert!(
        report.contains("leaks between tenants, with the seed 0\n\nGET /1 as tenant b on b.example, body at byte 0: the canary of tenant a")
            && canary.is_some(),
        "{report}"
    );
}
