//! Where events go: standard output for whoever watches, and a daily `debug.log` for later.

use std::fmt::Result as Formatted;
use std::io::IsTerminal;
use std::path::Path;

use tracing_appender::rolling::{RollingFileAppender, Rotation};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::{DefaultFields, Writer};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt};

use crate::settings::{LogFormat, Settings};

/// Days of `debug.log` that are kept.
const DAYS: usize = 7;

/// Keeps the log's writer alive; what is left is written when it is dropped.
#[derive(Debug)]
#[must_use = "dropping it ends the log"]
pub(crate) struct LogGuard(#[expect(dead_code, reason = "held for its drop")] Option<Flush>);

type Flush = tracing_appender::non_blocking::WorkerGuard;

/// Starts logging; a folder that cannot be written to costs the file, not the start.
pub(crate) fn start(settings: &Settings) -> LogGuard {
    let console = match settings.log_format {
        LogFormat::Pretty => fmt::layer()
            .with_target(false)
            .with_ansi(std::io::stdout().is_terminal())
            .boxed(),
        LogFormat::Json => fmt::layer()
            .json()
            .flatten_event(true)
            .with_span_list(false)
            .boxed(),
    };
    let (file, guard, fault) = match debug_log(&settings.log_dir) {
        Ok(appender) => {
            let (writer, guard) = tracing_appender::non_blocking(appender);
            let layer = fmt::layer()
                .with_ansi(false)
                .fmt_fields(FileFields::default())
                .with_writer(writer);
            (Some(layer), Some(guard), None)
        }
        Err(error) => (None, None, Some(error)),
    };
    // One filter for both: with one per layer, a program that only asks whether an event would be
    // written, as sqlx does, makes the next one disappear.
    tracing_subscriber::registry()
        .with(EnvFilter::new(&settings.log_filter))
        .with(console)
        .with(file)
        .init();
    if let Some(error) = fault {
        let dir = settings.log_dir.display();
        tracing::warn!(target: "saas.log", %error, "no debug.log: {dir} cannot be written to");
    }
    LogGuard(guard)
}

/// The fields of spans as the file has them. Layers that share a type share what is written of a
/// span, so that the console's colours would end in the file and every field would come twice.
#[derive(Debug, Default)]
struct FileFields(DefaultFields);

impl<'w> FormatFields<'w> for FileFields {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'w>, fields: R) -> Formatted {
        self.0.format_fields(writer, fields)
    }
}

/// `debug.log` points to today's file, and the files of the last days lie beside it.
fn debug_log(dir: &Path) -> Result<RollingFileAppender, tracing_appender::rolling::InitError> {
    RollingFileAppender::builder()
        .rotation(Rotation::DAILY)
        .filename_prefix("debug")
        .filename_suffix("log")
        .max_log_files(DAYS)
        .latest_symlink("debug.log")
        .build(dir)
}
