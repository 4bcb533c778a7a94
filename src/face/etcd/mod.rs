//! etcd's v2 API, as etcd 3.4 serves it with `--enable-v2`.
//!
//! `router` takes each request to its operation: one folder for each area of the API, one file for each operation, and
//! in it one `serve` that parses, makes one call of the keyspace, and encodes. Requests that are not served are refused
//! by name (`unsupported`). Trees, parents and expiry are the keyspace's (`space::tree`).

mod auth;
mod body_refused;
mod chunks;
mod commit_error;
mod error;
mod face;
mod health;
mod held_bytes;
mod keys;
mod members;
mod no_leader;
mod overloaded;
mod reply;
mod request;
mod route;
mod router;
mod small_or_heavy;
mod stats;
mod unsupported;
mod version;

pub use body_refused::body_refused;
pub use face::Etcd;
pub use no_leader::{HOLD, no_leader};
pub use router::router;
pub use unsupported::NO_GRPC;
