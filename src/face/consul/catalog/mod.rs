//! `/v1/catalog/...`: one datacenter with one node, which never changes while a keyspace is open.
//!
//! The index of every list is the revision at which the keyspace was opened: no write of a key moves it, and neither a
//! restart nor another leader lowers it.

pub(super) mod datacenters;
pub(super) mod node;
pub(super) mod nodes;
pub(super) mod read;
pub(super) mod service;
pub(super) mod services;
