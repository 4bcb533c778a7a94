//! Where the log goes: standard error, through a thread of its own.
//!
//! Nobody may be reading standard error, or not fast enough: then lines are dropped and counted, and the gateway goes on.

use std::io::{self, IsTerminal};

use kubekv::config::{Log, LogFormat};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::registry::Registry;
use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;

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
    let builder = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter))
        .with_ansi(io::stderr().is_terminal())
        .with_writer(writer);
    match log.format {
        LogFormat::Text => builder.init(),
        LogFormat::Json => builder.json().init(),
    }
    Logging {
        dropped,
        _written: written,
    }
}
