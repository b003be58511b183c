//! Compiles every Rust snippet of the book and the root README, so that what a reader copies works.
//!
//! `cargo test -p tenancy-docs` runs the snippets as doc tests and keeps the tree tidy
//! (`tests/tidy.rs`).

#![cfg(doctest)]

macro_rules! page {
    ($name:ident, $path:literal) => {
        #[doc = include_str!(concat!("../", $path))]
        mod $name {}
    };
}

page!(readme, "../README.md");
page!(first_five_minutes, "book/tutorial/first-five-minutes.md");
page!(add_to_your_app, "book/tutorial/add-to-your-app.md");
page!(concepts, "book/guide/concepts.md");
page!(resolving, "book/guide/resolving.md");
page!(tenant_sql, "book/guide/tenant-sql.md");
page!(transactions, "book/guide/transactions.md");
page!(migrations, "book/guide/migrations.md");
page!(lifecycle, "book/guide/lifecycle.md");
page!(caching, "book/guide/caching.md");
page!(outbox, "book/guide/outbox.md");
page!(search, "book/guide/search.md");
page!(jobs, "book/guide/jobs.md");
page!(limits, "book/guide/limits.md");
page!(doctor, "book/reference/doctor.md");
page!(moving, "book/guide/moving.md");
page!(testing, "book/guide/testing.md");
page!(poolers, "book/guide/poolers.md");
page!(deployment, "book/guide/deployment.md");
