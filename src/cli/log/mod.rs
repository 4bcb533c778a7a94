//! The log on standard error, written by a thread of its own.
//!
//! The gateway never waits for a slow or blocked reader of standard error: lines are dropped and counted instead. So are
//! lines of one kind beyond a limit (`line_limit`).

mod json;
mod line_limit;

use std::backtrace::{Backtrace, BacktraceStatus};
use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::panic::{self, PanicHookInfo};
use std::sync::atomic::{AtomicBool, Ordering};

use kubekv::config::{self, LogConfig, LogFormat};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::registry::Registry;
use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use json::{JsonFields, JsonLines};
use line_limit::LineLimit;

/// The limit of lines that wait to be written.
const QUEUE_LINES: usize = 10_000;

/// The running log. Dropping it writes the lines that wait, within a time limit of one second.
pub(super) struct Logging {
    dropped: ErrorCounter,
    limit: LineLimit,
    _flush_on_drop: WorkerGuard,
}

impl Logging {
    /// Registers the log's metrics.
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register_collector(Box::new(MissingLines {
            dropped: self.dropped.clone(),
            limit: self.limit.clone(),
        }));
    }
}

/// The counts of lines that were not written.
#[derive(Debug)]
struct MissingLines {
    dropped: ErrorCounter,
    limit: LineLimit,
}

impl Collector for MissingLines {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let dropped = u64::try_from(self.dropped.dropped_lines()).unwrap_or(u64::MAX);
        for (name, help, lines) in [
            (
                "log_dropped",
                "Log lines dropped, because standard error was not read fast enough",
                dropped,
            ),
            (
                "log_limited",
                "Log lines left out, because there were too many of one kind",
                self.limit.left_out(),
            ),
        ] {
            let counter = ConstCounter::new(lines);
            let kind = counter.metric_type();
            counter.encode(encoder.encode_descriptor(name, help, None, kind)?)?;
        }
        Ok(())
    }
}

/// Whether standard error gets only JSON lines, also before the log starts and after it ends.
static IS_JSON: AtomicBool = AtomicBool::new(false);

/// Detects the requested format of `kubekv serve` before the options are parsed, so that errors in them have it, too.
pub(super) fn detect_format(arguments: impl IntoIterator<Item = OsString>) {
    let mut arguments = arguments.into_iter().skip(1);
    if arguments.next().is_some_and(|command| command == "serve") {
        let format = config::requested_format(arguments, std::env::vars_os());
        IS_JSON.store(format == LogFormat::Json, Ordering::Relaxed);
    }
}

/// Whether the detected format is JSON.
pub(super) fn is_json() -> bool {
    IS_JSON.load(Ordering::Relaxed)
}

/// Prints the error that ends the command on standard error, as JSON where the log is JSON.
pub(super) fn print_error(message: &str, code: u8) {
    if is_json() {
        let mut fields = JsonFields::default();
        fields.set("exit_code", code);
        json::write_directly(message, fields);
    } else {
        // Standard error may be closed.
        let _unwritable = writeln!(io::stderr(), "kubekv: {message}");
    }
}

/// Logs a panic as a log line. The default hook would print plain text.
fn log_panic(info: &PanicHookInfo<'_>) {
    let payload = info.payload();
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let message = text.unwrap_or("no message");
    let location = info.location().map(ToString::to_string);
    let thread = std::thread::current();
    let backtrace = Backtrace::capture();
    let backtrace = (backtrace.status() == BacktraceStatus::Captured).then_some(backtrace);
    tracing::error!(
        location = location,
        thread = thread.name(),
        backtrace = backtrace.map(tracing::field::display),
        "panic, a bug in kubekv: {message}"
    );
}

/// The filter for a level or filter of the options. At `info` libraries say only what no line of the store says better: the database
/// of the embedded store logs every step, and the client of Kubernetes an error for each 5xx, as one has at the first list
/// after the definition was applied.
fn filter(level_or_filter: &str) -> &str {
    match level_or_filter {
        "info" => "info,fjall=warn,lsm_tree=warn,kube_client::client=off",
        other => other,
    }
}

/// Starts the log.
pub(super) fn init(log: &LogConfig) -> Logging {
    let (writer, flush_on_drop) = NonBlockingBuilder::default()
        .buffered_lines_limit(QUEUE_LINES)
        .lossy(true)
        .thread_name("log")
        .finish(io::stderr());
    let dropped = writer.error_counter();
    let limit = LineLimit::default();
    let lines = tracing_subscriber::registry()
        .with(EnvFilter::new(filter(&log.filter)))
        .with(limit.clone());
    match log.format {
        LogFormat::Text => {
            let text = tracing_subscriber::fmt::layer()
                .with_ansi(io::stderr().is_terminal())
                .with_writer(writer);
            lines.with(text).init();
        }
        LogFormat::Json => {
            lines.with(JsonLines(move || writer.clone())).init();
            panic::set_hook(Box::new(log_panic));
        }
    }
    limit.start();
    Logging {
        dropped,
        limit,
        _flush_on_drop: flush_on_drop,
    }
}

#[cfg(test)]
mod tests {
    use tracing::{Level, enabled, subscriber};

    use super::*;

    #[test]
    fn default_log_has_no_lines_of_libraries_that_the_store_says_better() {
        let said = |level| {
            let log = tracing_subscriber::registry().with(EnvFilter::new(filter(level)));
            subscriber::with_default(log, || {
                [
                    enabled!(target: "kubekv::store", Level::INFO),
                    enabled!(target: "kube_client::client::builder", Level::ERROR),
                    enabled!(target: "kube_client::config", Level::WARN),
                    enabled!(target: "fjall::db", Level::INFO),
                ]
            })
        };
        assert_eq!(said("info"), [true, false, true, false]);
        assert_eq!(said("debug"), [true; 4]);
    }
}
