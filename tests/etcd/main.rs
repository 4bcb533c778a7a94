//! The etcd v2 face, as its clients see it.

#![allow(
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

#[path = "../common/mod.rs"]
mod common;

mod bad_input;
mod client;
mod ctl;
mod inside;
mod locks;
mod members;
mod musts;
mod one_keyspace;
mod past;
mod polls;
mod real;
mod stuck;
mod table;
mod ttl;
