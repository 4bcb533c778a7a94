//! kubekv: Consul's and etcd v2's protocols on one durable keyspace.
//!
//! Rooms, each knowing only those before it: [`model`] the words, [`store`] the floor, [`space`] the keyspace,
//! [`guard`] what a change may look like, [`face`] the protocols, and here what puts them together: [`config`], [`admin`] and
//! [`gateway`]. Everything that serves enters by [`run`]; [`transfer`] moves entries from a store to another. [`wire`] has
//! the bytes of protocols that we speak on both sides.

pub mod admin;
pub mod config;
pub mod face;
pub mod gateway;
pub mod guard;
pub mod model;
pub mod space;
pub mod store;
pub mod transfer;
pub mod wire;

pub use gateway::run;
