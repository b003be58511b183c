//! A bar on a terminal, a line per tenant elsewhere.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressStyle};

use super::super::output::Output;
use super::outcome;
use crate::{MigrateEvent, TenantReport};

pub(super) struct Progress<'a> {
    bar: ProgressBar,
    output: &'a Output,
}

impl<'a> Progress<'a> {
    pub(super) fn new(output: &'a Output) -> Self {
        let bar = if output.is_json() || !std::io::stderr().is_terminal() {
            ProgressBar::hidden()
        } else {
            let template =
                "{bar:30} {pos}/{len} tenants, {per_sec}, {elapsed} (about {eta} left), {msg}";
            let style = ProgressStyle::with_template(template)
                .unwrap_or_else(|_| ProgressStyle::default_bar());
            ProgressBar::new(0).with_style(style)
        };
        Self { bar, output }
    }

    pub(super) fn show(&self, event: &MigrateEvent) {
        match event {
            MigrateEvent::Planned {
                pending, blocked, ..
            } => self.bar.set_length((pending + blocked) as u64),
            MigrateEvent::Tenant(report) => {
                self.bar.inc(1);
                self.bar.set_message(report.slug.to_string());
                if self.bar.is_hidden() {
                    self.output.note(line(report));
                } else if !report.outcome.is_complete() {
                    // Failures stay on the screen above the bar.
                    self.bar.println(line(report));
                }
            }
            MigrateEvent::Shared(_) => {}
        }
    }

    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

pub(super) fn line(report: &TenantReport) -> String {
    format!("  {}: {}", report.slug, outcome(&report.outcome))
}
