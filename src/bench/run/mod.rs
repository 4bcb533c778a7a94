//! A run: threads of clients that send operations for a time, and what came of them.

mod any_client;
mod client_task;
mod clients_error;
mod context;
mod fill;
mod options;
mod progress;
mod thread;
mod thread_state;
mod threads;

pub use any_client::AnyClient;
pub use clients_error::ClientsError;
pub use fill::{FILL_RETRIES, FillError, write_all};
pub use options::{LoadOptions, Pace};
pub use progress::{Progress, ProgressSink};
pub use threads::{Measured, RunError, run};
