//! A proxy before the server that loses requests and answers.

use std::sync::{Arc, Mutex};

use tokio::sync::Notify;

use crate::http::{Request, serve};

/// What happens to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// The server never gets it.
    Before,
    /// The server does it, and nobody hears of that.
    After,
}

pub(crate) struct Proxy {
    pub(crate) url: String,
    plan: Arc<Mutex<Plan>>,
}

#[derive(Default)]
struct Plan {
    seen: Vec<String>,
    /// Which request, counted from one.
    cut: Option<(usize, Cut)>,
    away: bool,
    hold: Option<(String, Arc<Hold>)>,
}

/// One request that waits.
#[derive(Default)]
pub(crate) struct Hold {
    reached: Notify,
    released: Notify,
}

impl Hold {
    pub(crate) async fn reached(&self) {
        self.reached.notified().await;
    }

    pub(crate) fn release(&self) {
        self.released.notify_one();
    }
}

impl Proxy {
    pub(crate) async fn before(upstream: &str) -> Self {
        let plan = Arc::new(Mutex::new(Plan::default()));
        let http = reqwest::Client::new();
        let (upstream, plans) = (upstream.to_owned(), Arc::clone(&plan));
        let url = serve(move |request| {
            let (fate, hold) = plans.lock().unwrap().next(&request);
            let (http, upstream) = (http.clone(), upstream.clone());
            async move {
                if let Some(hold) = hold {
                    hold.reached.notify_one();
                    hold.released.notified().await;
                }
                if fate == Some(Cut::Before) {
                    return None;
                }
                let answer = forward(&http, &upstream, request).await;
                (fate != Some(Cut::After)).then_some(answer)
            }
        })
        .await;
        Self { url, plan }
    }

    /// Forgets what was, and cuts off that request from here, counted from one.
    pub(crate) fn cut(&self, nth: usize, cut: Cut) {
        *self.plan.lock().unwrap() = Plan {
            cut: Some((nth, cut)),
            ..Plan::default()
        };
    }

    /// Whether the request to be cut off came.
    pub(crate) fn did_cut(&self) -> bool {
        let plan = self.plan.lock().unwrap();
        plan.cut.is_some_and(|(nth, _)| plan.seen.len() >= nth)
    }

    /// The requests since the last plan.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.plan.lock().unwrap().seen.clone()
    }

    /// Loses every request.
    pub(crate) fn leave(&self) {
        self.plan.lock().unwrap().away = true;
    }

    pub(crate) fn come_back(&self) {
        self.plan.lock().unwrap().away = false;
    }

    /// Keeps the next request that begins so until it is released.
    pub(crate) fn hold(&self, beginning: &str) -> Arc<Hold> {
        let hold = Arc::new(Hold::default());
        self.plan.lock().unwrap().hold = Some((beginning.to_owned(), Arc::clone(&hold)));
        hold
    }
}

impl Plan {
    fn next(&mut self, request: &Request) -> (Option<Cut>, Option<Arc<Hold>>) {
        let line = format!("{} {}", request.method, request.path);
        let held = self
            .hold
            .take_if(|(beginning, _)| line.starts_with(&*beginning));
        self.seen.push(line);
        let nth = self.seen.len();
        let cut = self.cut.and_then(|(at, cut)| (at == nth).then_some(cut));
        (
            cut.or(self.away.then_some(Cut::Before)),
            held.map(|(_, hold)| hold),
        )
    }
}

async fn forward(http: &reqwest::Client, upstream: &str, request: Request) -> (u16, Vec<u8>) {
    let method = reqwest::Method::from_bytes(request.method.as_bytes()).unwrap();
    let mut sent = http.request(method, format!("{upstream}{}", request.path));
    if let Some(kind) = request.kind {
        sent = sent.header("content-type", kind);
    }
    let answer = sent.body(request.body).send().await.unwrap();
    let status = answer.status().as_u16();
    (status, answer.bytes().await.unwrap().to_vec())
}
