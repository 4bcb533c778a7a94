//! kubekv: Consul's and etcd v2's protocols on one durable keyspace.
//!
//! Modules, each using only those before it: [`model`] has the types of entries and commits, [`store`] the durable log of
//! commits, [`space`] the keyspace over a store, [`docker`] what Docker keeps in it, [`guard`] the admission of changes, [`fairness`] the shares of clients,
//! [`tls`] the TLS of [`face`], which has the protocols. [`gateway`] combines them with [`config`] and [`admin`]; a gateway is started with [`run`]. [`transfer`] moves entries from a server
//! or store to a store, [`remote`] has what clients of other servers share, `bench` generates load. [`wire`] has the wire formats of protocols that kubekv speaks on both sides.

pub mod admin;
#[cfg(feature = "bench")]
pub mod bench;
pub mod config;
pub mod docker;
pub mod face;
pub mod fairness;
pub mod gateway;
pub mod guard;
pub mod model;
pub mod remote;
pub mod space;
pub mod store;
pub mod tls;
pub mod transfer;
pub mod wire;

#[cfg(test)]
mod fuzz;
#[cfg(fuzzing)]
pub mod fuzz_targets;

pub use gateway::run;
