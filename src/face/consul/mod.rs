//! Consul's HTTP API, as version 1.8.7 answers in server mode without access control.
//!
//! `router` takes each request to its operation: one folder for each area of the API, one file for each operation, and
//! in it one `serve` that parses, makes one call of the keyspace, and encodes. What differs from Consul on purpose is
//! listed in `docs/compatibility.md`; `tests/consul` and `tests/referee/differential` compare the two.

mod agent;
mod audit;
mod blocking_query;
mod body_refused;
mod catalog;
mod change;
mod commit_error;
mod decoded_target;
mod deletion_weight;
mod face;
mod gateway_node;
mod health;
mod json_decoder;
mod kv;
mod lists;
mod long_answer;
mod no_leader;
mod path;
mod query_options;
mod reply;
mod request;
mod route;
mod router;
mod secrets;
mod session;
mod status;
mod too_many_connections;
mod txn;
mod unsupported;
mod weight;

pub use body_refused::body_refused;
pub use face::Consul;
pub use no_leader::{HOLD, no_leader};
pub use router::router;
pub use too_many_connections::TOO_MANY_CONNECTIONS;
