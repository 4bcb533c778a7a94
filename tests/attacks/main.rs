//! Battery of attacks on a cluster store of Docker's: each as requests of one attacker, on real servers and on kubekv in each
//! mode, judged by what an innocent host then reads.
//!
//! Plain `cargo test` runs all of it on kubekv alone: each attack works where nothing stops it, and is refused in the modes that
//! promise so. `tests/attacks/run` adds the real servers, and makes the table of docs/security.md.

#![cfg(test)]
#![allow(
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test that cannot go on fails"
)]

mod attack;
mod battery;
mod client;
mod cluster;
mod container_table;
mod credentials;
mod exposure;
mod hands;
mod live;
mod real;
mod records;
mod secret_table;
mod secrets;
mod short;
mod site;
mod table;
mod zookeeper_hands;
