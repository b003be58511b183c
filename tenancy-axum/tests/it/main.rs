//! What a client sees: routes per kind of host, problems, and the server loop.

mod app;
mod health;
mod json;
mod limits;
mod problems;
mod request_id;
mod routes;
mod server;
mod socket;
mod trace;
