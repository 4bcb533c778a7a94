//! The ZooKeeper face, as seen by its clients.

#![cfg(test)]
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a step of another kind in a test ends it"
)]
#![expect(
    clippy::disallowed_methods,
    reason = "the options of runs by hand, and real time against a real server"
)]

mod access;
mod client;
mod differential;
mod docker;
mod garbage;
mod handshake;
mod multi;
mod one_keyspace;
mod operations;
mod pipelines;
mod server;
mod sessions;
mod stats;
mod watches;
mod words;
