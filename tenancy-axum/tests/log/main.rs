//! The log has one span and one closing event per request, and no secrets.
//!
//! A program has one log, so these tests are one of their own and take turns.

#![allow(clippy::unwrap_used, reason = "an unexpected error fails the test")]

#[path = "../it/app.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    reason = "the other tests use the rest of it"
)]
mod app;

use std::fmt::{Debug, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex};

use http::Method;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use app::app;

/// Writes every span, record and event down as a line.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>, Arc<AtomicU64>);

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, " {}={value:?}", field.name()).unwrap();
    }
}

impl Lines {
    fn write(&self, start: String, record: impl FnOnce(&mut Line)) {
        let mut line = Line(start);
        record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "tenancy.http"
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        self.write("span".to_owned(), |line| span.record(line));
        Id::from_u64(self.1.fetch_add(1, Ordering::Relaxed) + 1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        self.write("record".to_owned(), |line| values.record(line));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let start = format!("{} in={:?}", event.metadata().level(), event.parent());
        self.write(start, |line| event.record(line));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// The program's log, empty, for one test at a time.
async fn log() -> (Lines, tokio::sync::MutexGuard<'static, ()>) {
    static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
    static LINES: LazyLock<Lines> = LazyLock::new(|| {
        let lines = Lines::default();
        tracing::subscriber::set_global_default(lines.clone()).unwrap();
        lines
    });
    let turn = TURN.lock().await;
    LINES.take();
    (LINES.clone(), turn)
}

#[tokio::test]
async fn a_request_is_one_span_and_one_event_and_its_secrets_stay_out() {
    let (lines, _alone) = log().await;
    let client = app()
        .host("tenant1.localhost")
        .header("x-request-id", "abc")
        .bearer("hush-token")
        .header("cookie", "hush-cookie");
    client
        .send(Method::POST, "/api/echo?ticket=hush-query", "hush-body")
        .await;
    let log = lines.take();
    let all = log.join("\n");
    assert!(!all.contains("hush"), "{all}");
    let spans: Vec<_> = log.iter().filter(|line| line.starts_with("span")).collect();
    assert_eq!(spans.len(), 1, "{all}");
    for field in [
        "method=POST",
        "path=\"/api/echo\"",
        "host=\"tenant1.localhost\"",
        "request_id=\"abc\"",
    ] {
        assert!(spans[0].contains(field), "{all}");
    }
    for record in [
        "tenant=\"tenant1\"",
        "tenant_id=",
        "status=200",
        "latency_ms=",
    ] {
        assert!(all.contains(&format!("record {record}")), "{record}: {all}");
    }
    let events: Vec<_> = log.iter().filter(|line| line.contains(" in=")).collect();
    assert_eq!(events.len(), 1, "{all}");
    assert!(events[0].starts_with("INFO in=Some"), "{all}");
}

#[tokio::test]
async fn failures_of_ours_are_errors_with_their_cause_and_panics_with_their_message() {
    let (lines, _alone) = log().await;
    let client = app()
        .host("tenant1.localhost")
        .header("x-request-id", "abc");
    client.get("/api/fail").await;
    let log = lines.take().join("\n");
    assert!(log.contains("cause=password=hunter2"), "{log}");
    assert!(log.contains("ERROR in=Some"), "{log}");
    client.get("/api/panic").await;
    let log = lines.take().join("\n");
    assert!(log.contains("panic=\"the secret plan of abc\""), "{log}");
}

#[tokio::test]
async fn a_request_whose_client_left_is_closed_too() {
    let (lines, _alone) = log().await;
    let client = app().host("tenant1.localhost");
    // Polled once and dropped, as the server does when the connection ends.
    assert!(futures_util::FutureExt::now_or_never(client.get("/api/slow")).is_none());
    let log = lines.take().join("\n");
    assert!(log.contains("request cancelled"), "{log}");
}
