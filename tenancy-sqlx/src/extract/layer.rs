//! Ends the transaction of a request before its answer leaves.

use std::convert::Infallible;
use std::task::{Context, Poll};

use axum_core::body::Body;
use axum_core::extract::Request;
use axum_core::response::{IntoResponse, Response};
use futures_util::future::BoxFuture;
use http::StatusCode;
use tenancy_core::{Problem, ProblemCode, sabotaged};
use tower_layer::Layer;
use tower_service::Service;

use super::desk::Desk;
use crate::error::Error;
use crate::transaction::Level;

/// Commits the transaction of a request when its answer says success, before that answer leaves,
/// and rolls it back otherwise.
///
/// Handlers get the transaction as a [`Tx`](super::Tx), or as a `Lease<ScopedTx<'static>>` for SQL
/// of others. A client that read a 2xx finds what it
/// did; when the commit fails it reads a 5xx instead. A handler that panics, answers otherwise or
/// is cancelled because the client left keeps nothing. A request without a `Tx` costs nothing.
///
/// Only 2xx commits, unless [`TransactionLayer::commit_when`] says otherwise.
///
/// ```
/// use axum_core::response::IntoResponse;
/// use tenancy_sqlx::{Error, TransactionLayer, Tx, tenant_sql};
///
/// async fn create(mut tx: Tx, title: String) -> Result<impl IntoResponse, Error> {
///     tx.execute(tenant_sql!("INSERT INTO blogs (title) VALUES ($1)"))
///         .bind(title)
///         .await?;
///     Ok(http::StatusCode::CREATED)
/// }
///
/// // let app = Router::new().route("/blogs", post(create)).layer(TransactionLayer::new());
/// let layer = TransactionLayer::new();
/// ```
#[derive(Debug, Clone, Copy)]
pub struct TransactionLayer {
    commits: fn(StatusCode) -> bool,
}

/// The service of a [`TransactionLayer`].
#[derive(Debug, Clone)]
pub struct TransactionService<S> {
    inner: S,
    commits: fn(StatusCode) -> bool,
}

impl TransactionLayer {
    /// Commits on 2xx.
    pub fn new() -> Self {
        Self {
            commits: |status| status.is_success(),
        }
    }

    /// Commits when `commits` says so of the answer's status; a form that answers with a redirect
    /// wants `|status| status.is_success() || status.is_redirection()`.
    #[must_use]
    pub fn commit_when(mut self, commits: fn(StatusCode) -> bool) -> Self {
        self.commits = commits;
        self
    }
}

impl Default for TransactionLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for TransactionLayer {
    type Service = TransactionService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        TransactionService {
            inner,
            commits: self.commits,
        }
    }
}

impl<S> Service<Request> for TransactionService<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let desk = Desk::default();
        request.extensions_mut().insert(desk.clone());
        let answer = self.inner.call(request);
        let commits = self.commits;
        Box::pin(async move {
            let response = answer.await?;
            Ok(match desk.close() {
                None => response,
                Some(transaction) => end(transaction, response, commits).await,
            })
        })
    }
}

async fn end(
    transaction: Result<Level<'static>, Error>,
    response: Response,
    commits: fn(StatusCode) -> bool,
) -> Response {
    if !commits(response.status()) && !sabotaged!("transaction.failure-committed") {
        // Still out, it is rolled back where it is dropped.
        if let Ok(transaction) = transaction {
            transaction.give_up().await;
        }
        return response;
    }
    let committed = match transaction {
        Ok(transaction) => transaction.commit().await,
        Err(kept) => Err(kept),
    };
    match committed {
        Ok(()) => response,
        Err(_) if sabotaged!("transaction.failed-commit-hidden") => response,
        Err(error) => failed(error),
    }
}

/// A handler has said success already, so whatever the commit says is no fault of the client's.
fn failed(error: Error) -> Response {
    let problem = error.to_problem();
    if problem.code().status().is_server_error() {
        return error.into_response();
    }
    tracing::error!(target: "tenancy.sql", error = ?error, "a commit failed");
    Problem::new(ProblemCode::Internal).into_response::<Body>()
}
