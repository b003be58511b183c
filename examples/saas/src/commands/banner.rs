//! What a start prints: where to click, and which part uses what.

use std::io::Write as _;
use std::net::SocketAddr;

use tenancy_core::Domain;

use super::cache;
use crate::search;
use crate::settings::Settings;

/// Says where the demo's tenants are.
pub(crate) fn demo(
    settings: &Settings,
    address: SocketAddr,
    metrics: Option<SocketAddr>,
    database: &str,
    tenants: &[Domain],
) {
    let port = address.port();
    let mut lines = vec![
        format!("The demo is ready (saas {})", env!("CARGO_PKG_VERSION")),
        String::new(),
    ];
    for domain in tenants {
        lines.push(format!("  tenant    http://{domain}:{port}/"));
    }
    lines.push(format!(
        "  public    http://{}:{port}/",
        settings.base_domain
    ));
    lines.push(format!(
        "  health    http://{}:{port}/health/",
        settings.base_domain
    ));
    if let Some(metrics) = metrics {
        lines.push(format!("  metrics   http://{metrics}/metrics"));
    }
    lines.push(format!("  database  {database}"));
    lines.push(format!("  cache     {}", cache::description(settings)));
    lines.push(format!("  search    {}", search::description(settings)));
    lines.push(String::new());
    lines.push("Ctrl-C stops it and keeps the data; --reset starts anew.".to_owned());
    say(&format!("\n{}\n", lines.join("\n")));
}

/// Says where the application listens.
pub(crate) fn serving(
    settings: &Settings,
    address: SocketAddr,
    metrics: Option<SocketAddr>,
    database: &str,
) {
    let hosts = match &settings.single_tenant {
        Some(schema) => format!("every host is the tenant of schema {schema}"),
        None => format!("public host {}", settings.base_domain),
    };
    let metrics = metrics.map_or_else(String::new, |metrics| {
        format!(", metrics at http://{metrics}/metrics")
    });
    say(&format!(
        "saas {} listens on http://{address} ({hosts}), {database}, cache in {}, search in {}{metrics}",
        env!("CARGO_PKG_VERSION"),
        cache::description(settings),
        search::description(settings),
    ));
}

/// Says that jobs are done.
pub(crate) fn working(settings: &Settings, metrics: Option<SocketAddr>, database: &str) {
    let metrics = metrics.map_or_else(String::new, |metrics| {
        format!(", metrics at http://{metrics}/metrics")
    });
    say(&format!(
        "saas {} does jobs, {database}, cache in {}{metrics}",
        env!("CARGO_PKG_VERSION"),
        cache::description(settings),
    ));
}

/// Prints to whoever listens; nobody is no reason to stop.
fn say(text: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}
