//! Every route of the application, in tables: the routers are made of these and of nothing else,
//! so whoever goes through the tables has seen every route there is.

use axum::Router;
use axum::http::Method;
use axum::routing::{MethodFilter, MethodRouter};

use crate::state::AppState;
use crate::{blog, catalog, jobs, pages, search, usage};

/// Whose hosts a route answers on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// What `localhost` serves.
    Public,
    /// What `tenant1.localhost` serves.
    Tenant,
}

/// One route: a method on a path.
#[derive(Debug, Clone)]
pub struct Route {
    /// Whose hosts it answers on.
    pub side: Side,
    /// The method.
    pub method: Method,
    /// The path, with `{id}` where a name is.
    pub path: &'static str,
    /// What answers.
    pub(crate) handler: fn(MethodFilter) -> MethodRouter<AppState>,
}

/// A table of routes: `routes! { Tenant: GET "/posts/{id}/" => posts::one }`.
macro_rules! routes {
    ($side:ident: $($method:ident $path:literal => $handler:expr),+ $(,)?) => {
        &[$($crate::routes::Route {
            side: $crate::routes::Side::$side,
            method: ::axum::http::Method::$method,
            path: $path,
            handler: |method| ::axum::routing::on(method, $handler),
        }),+]
    };
}
pub(crate) use routes;

/// Every route of both sides.
pub fn all() -> impl Iterator<Item = &'static Route> {
    [
        pages::PUBLIC,
        pages::TENANT,
        blog::ROUTES,
        jobs::ROUTES,
        usage::ROUTES,
    ]
    .into_iter()
    .chain(catalog::ROUTES)
    .chain(search::ROUTES)
    .flatten()
}

/// The router of one side.
pub(crate) fn router(side: Side) -> Router<AppState> {
    all()
        .filter(|route| route.side == side)
        .fold(Router::new(), |router, route| {
            let method = MethodFilter::try_from(route.method.clone())
                .expect("the tables hold no methods of somebody's own");
            router.route(route.path, (route.handler)(method))
        })
}
