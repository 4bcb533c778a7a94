//! kubekv: Consul, etcd v2 and ZooKeeper protocols on one durable keyspace.
//!
//! Rooms, each knowing only those before it: [`model`] the words, [`store`] the floor, `space` the keyspace, `guard`
//! who may do what, `face` the protocols, and here the gateway that puts them together.

pub mod face;
pub mod guard;
pub mod model;
pub mod space;
pub mod store;
