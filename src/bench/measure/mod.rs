//! Measuring: latencies, the client's own share of them, and the server process.

mod gap;
mod latency;
mod limit;
mod recorder;
mod server;
mod thread_use;

pub use gap::GapMeter;
pub use latency::{BadHistogram, Latencies};
pub use limit::{ClientLoad, Limit};
pub use recorder::{OperationRecord, Recorder, Timing};
pub use server::{NoProcess, ServerProcesses, ServerUse};
pub use thread_use::ThreadUse;
