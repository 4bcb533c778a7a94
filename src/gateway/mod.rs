//! The gateway: one store, one keyspace, its faces and the admin port, from start to drain.

mod context;
mod error;
mod faces;
mod file_limit;
#[cfg(any(test, fuzzing))]
mod fuzz;
mod lifecycle;
mod listeners;
mod policy;
mod relay;
mod servers;
mod serving;
mod standby;
pub(crate) mod stores;
mod tls;

pub use error::Error;
pub use file_limit::raise_file_limit;
#[cfg(fuzzing)]
pub(crate) use fuzz::connection;
pub use lifecycle::{Stage, run, run_with_stages};
pub use listeners::{Listeners, Ports};
#[cfg(fuzzing)]
pub(crate) use relay::proxy_header;
