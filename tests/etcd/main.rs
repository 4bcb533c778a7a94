//! The etcd v2 face, as seen by its clients.

#![cfg(test)]

mod bad_input;
mod bounded;
mod client;
mod client_requirements;
mod ctl;
mod inside;
mod locks;
mod members;
mod one_keyspace;
mod past;
mod polls;
mod real;
mod renewals;
mod renewals_real;
mod stuck;
mod table;
mod ttl;
