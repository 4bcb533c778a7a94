//! The ZooKeeper client: a pipelined session, and the operations under load over it, one a file.

mod cas;
mod client;
mod create;
mod delete;
mod ephemeral;
mod get;
mod list;
mod lock;
mod parents;
mod path;
mod poll;
mod put;
pub mod session;
mod shared_session;
mod stat;
#[cfg(test)]
mod tests;
mod watch;

pub use client::ZooKeeperClient;
