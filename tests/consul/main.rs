//! The Consul face, as its clients see it.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test that cannot go on fails"
)]

#[path = "../common/mod.rs"]
mod common;

mod bad_input;
mod blocking;
mod cli;
mod client;
mod gateway;
mod musts;
mod real;
mod recorded;
mod side;
mod table;
