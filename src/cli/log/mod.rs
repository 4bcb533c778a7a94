//! Where the log goes: standard error, through a thread of its own.
//!
//! Nobody may be reading standard error, or not fast enough: then lines are dropped and counted, and the gateway goes on.

mod json;

use std::backtrace::{Backtrace, BacktraceStatus};
use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::panic::{self, PanicHookInfo};
use std::sync::atomic::{AtomicBool, Ordering};

use kubekv::config::{self, Log, LogFormat};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::registry::Registry;
use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use json::{Fields, JsonLines};

/// How many lines may wait to be written.
const WAITING: usize = 10_000;

/// A log that is being written. When this is dropped, what waits is written, if that takes no longer than a second.
pub(super) struct Logging {
    dropped: ErrorCounter,
    _written: WorkerGuard,
}

impl Logging {
    /// Registers what the log counts.
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register_collector(Box::new(Dropped(self.dropped.clone())));
    }
}

/// The lines that were dropped.
#[derive(Debug)]
struct Dropped(ErrorCounter);

impl Collector for Dropped {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let lines = self.0.dropped_lines();
        let counter = ConstCounter::new(u64::try_from(lines).unwrap_or(u64::MAX));
        let help = "Lines of the log that nobody read in time";
        let kind = counter.metric_type();
        counter.encode(encoder.encode_descriptor("log_dropped", help, None, kind)?)
    }
}

/// Whether standard error is to have lines of JSON alone, those of before and after the log too.
static IS_JSON: AtomicBool = AtomicBool::new(false);

/// Notes which format `kubekv serve` is asked for, before anything can go wrong with what else it is told.
pub(super) fn note_format(arguments: impl IntoIterator<Item = OsString>) {
    let mut arguments = arguments.into_iter().skip(1);
    if arguments.next().is_some_and(|command| command == "serve") {
        let format = config::format_asked(arguments, std::env::vars_os());
        IS_JSON.store(format == LogFormat::Json, Ordering::Relaxed);
    }
}

/// Whether that is JSON.
pub(super) fn is_json() -> bool {
    IS_JSON.load(Ordering::Relaxed)
}

/// Says why the command ends, on standard error; in JSON where the log is.
pub(super) fn end(line: &str, code: u8) {
    if is_json() {
        let mut fields = Fields::default();
        fields.set("exit_code", code);
        json::write_plainly(line, fields);
    } else {
        // Nobody may be reading.
        let _unwritable = writeln!(io::stderr(), "kubekv: {line}");
    }
}

/// Logs a panic, which would be plain text otherwise.
fn panicked(info: &PanicHookInfo<'_>) {
    let payload = info.payload();
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let message = text.unwrap_or("a panic without words");
    let place = info.location().map(ToString::to_string);
    let thread = std::thread::current();
    let backtrace = Backtrace::capture();
    let backtrace = (backtrace.status() == BacktraceStatus::Captured).then_some(backtrace);
    tracing::error!(
        location = place,
        thread = thread.name(),
        backtrace = backtrace.map(tracing::field::display),
        "a mistake in this program: {message}"
    );
}

/// Begins to log.
pub(super) fn init(log: &Log) -> Logging {
    // The database under the embedded store tells each step it takes; the store tells what matters of that.
    let filter = match log.filter.as_str() {
        "info" => "info,fjall=warn,lsm_tree=warn",
        other => other,
    };
    let (writer, written) = NonBlockingBuilder::default()
        .buffered_lines_limit(WAITING)
        .lossy(true)
        .thread_name("log")
        .finish(io::stderr());
    let dropped = writer.error_counter();
    let filter = EnvFilter::new(filter);
    match log.format {
        LogFormat::Text => tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_ansi(io::stderr().is_terminal())
            .with_writer(writer)
            .init(),
        LogFormat::Json => {
            tracing_subscriber::registry()
                .with(filter)
                .with(JsonLines(move || writer.clone()))
                .init();
            panic::set_hook(Box::new(panicked));
        }
    }
    Logging {
        dropped,
        _written: written,
    }
}
