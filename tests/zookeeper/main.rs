//! The ZooKeeper face, as seen by its clients.

#![cfg(test)]

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
