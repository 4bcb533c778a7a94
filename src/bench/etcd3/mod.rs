//! The client of etcd's version 3 API: one gRPC connection, and the operations under load over it, one a file.

mod cas;
mod client;
mod connect;
mod create;
mod delete;
mod failure;
mod get;
mod lease;
mod list;
mod lock;
mod place;
mod put;
mod session;
mod watch;

pub use client::Etcd3Client;
