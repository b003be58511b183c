//! A bar on a terminal, a line per tenant elsewhere.

use std::fmt::Write;
use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use super::super::output::Output;
use super::outcome;
use crate::{MigrateEvent, TenantReport};

pub(super) struct Progress<'a> {
    bar: ProgressBar,
    /// Whether somebody looks at a terminal.
    watched: bool,
    output: &'a Output,
}

impl<'a> Progress<'a> {
    pub(super) fn new(output: &'a Output) -> Self {
        // The last one is cut off where the terminal ends, so that all of it is one line.
        let template =
            "{bar:24} {pos}/{len} tenants, {speed}, {elapsed}, about {eta} left {wide_msg}";
        let style = ProgressStyle::with_template(template)
            .unwrap_or_else(|_| ProgressStyle::default_bar())
            .with_key("speed", |state: &ProgressState, text: &mut dyn Write| {
                let _ = write!(text, "{:.0}/s", state.per_sec());
            });
        Self {
            // It is drawn once it is known that there is something to do.
            bar: ProgressBar::hidden().with_style(style),
            watched: !output.is_json() && std::io::stderr().is_terminal(),
            output,
        }
    }

    pub(super) fn show(&self, event: &MigrateEvent) {
        match event {
            MigrateEvent::Planned {
                pending, blocked, ..
            } => {
                self.bar.set_length((pending + blocked) as u64);
                if self.watched && pending + blocked > 0 {
                    self.bar.set_draw_target(ProgressDrawTarget::stderr());
                }
            }
            MigrateEvent::Tenant(report) => {
                self.bar.set_message(report.slug.to_string());
                self.bar.inc(1);
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
