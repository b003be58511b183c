//! Figures as text, in the form that Prometheus reads.

use std::fmt::{self, Write as _};

/// Collects figures in the [text format] of Prometheus: each name once with its help and type,
/// then its samples.
///
/// ```
/// use tenancy_core::Exposition;
///
/// let mut out = Exposition::new();
/// out.gauge("pool_idle", "Connections that rest.").sample(&[], 3);
/// out.counter("requests_total", "Requests that were answered.")
///     .sample(&[("status", "2xx")], 41)
///     .sample(&[("status", "5xx")], 1);
/// let text = out.into_text();
/// let samples: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
/// assert_eq!(
///     samples,
///     [
///         "pool_idle 3",
///         r#"requests_total{status="2xx"} 41"#,
///         r#"requests_total{status="5xx"} 1"#,
///     ]
/// );
/// ```
///
/// [text format]: https://prometheus.io/docs/instrumenting/exposition_formats/
#[derive(Debug, Clone, Default)]
pub struct Exposition {
    text: String,
}

/// One name, whose samples follow.
#[derive(Debug)]
pub struct Family<'a> {
    text: &'a mut String,
    name: &'static str,
}

impl Exposition {
    /// The media type of the text.
    pub const CONTENT_TYPE: &'static str = "text/plain; version=0.0.4; charset=utf-8";

    /// Starts without figures.
    pub fn new() -> Self {
        Self::default()
    }

    /// A figure that only grows while the process lives; its name ends in `_total`.
    pub fn counter(&mut self, name: &'static str, help: &str) -> Family<'_> {
        self.family(name, help, "counter")
    }

    /// A figure that rises and falls.
    pub fn gauge(&mut self, name: &'static str, help: &str) -> Family<'_> {
        self.family(name, help, "gauge")
    }

    /// How many of `count` values, which are `sum` together, were at most as large as each bound;
    /// each number includes those of the smaller bounds.
    pub fn histogram(
        &mut self,
        name: &'static str,
        help: &str,
        bounds: &[(f64, u64)],
        sum: f64,
        count: u64,
    ) {
        let family = self.family(name, help, "histogram");
        for (bound, within) in bounds {
            write(
                family.text,
                name,
                "_bucket",
                &[("le", &bound.to_string())],
                within,
            );
        }
        write(family.text, name, "_bucket", &[("le", "+Inf")], &count);
        write(family.text, name, "_sum", &[], &sum);
        write(family.text, name, "_count", &[], &count);
    }

    /// The text.
    pub fn into_text(self) -> String {
        self.text
    }

    fn family(&mut self, name: &'static str, help: &str, kind: &str) -> Family<'_> {
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        // Writing to a string cannot fail, here and below.
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        Family {
            text: &mut self.text,
            name,
        }
    }
}

impl Family<'_> {
    /// Adds the figure for these labels; each set of labels once.
    pub fn sample(&mut self, labels: &[(&str, &str)], value: impl fmt::Display) -> &mut Self {
        write(self.text, self.name, "", labels, &value);
        self
    }
}

fn write(
    text: &mut String,
    name: &str,
    ending: &str,
    labels: &[(&str, &str)],
    value: &dyn fmt::Display,
) {
    let _ = write!(text, "{name}{ending}");
    for (place, (label, of)) in labels.iter().enumerate() {
        let before = if place == 0 { '{' } else { ',' };
        let of = of
            .replace('\\', "\\\\")
            .replace('"', "\\\"")
            .replace('\n', "\\n");
        let _ = write!(text, "{before}{label}=\"{of}\"");
    }
    if !labels.is_empty() {
        text.push('}');
    }
    let _ = writeln!(text, " {value}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_label_says_cannot_end_it() {
        let mut out = Exposition::new();
        out.gauge("a", "one\ntwo \\")
            .sample(&[("b", "\"} 1\n\\")], 0.5);
        let text = out.into_text();
        assert_eq!(
            text,
            "# HELP a one\\ntwo \\\\\n# TYPE a gauge\na{b=\"\\\"} 1\\n\\\\\"} 0.5\n"
        );
    }

    #[test]
    fn a_histogram_ends_with_everything() {
        let mut out = Exposition::new();
        out.histogram("wait", "Waits.", &[(0.1, 1), (1.0, 3)], 2.5, 4);
        let text = out.into_text();
        assert!(text.ends_with(
            "wait_bucket{le=\"0.1\"} 1\nwait_bucket{le=\"1\"} 3\nwait_bucket{le=\"+Inf\"} 4\n\
             wait_sum 2.5\nwait_count 4\n"
        ));
    }
}
