//! Tests of a real Patroni: it keeps its primary when any gateway is killed.
//!
//! Patroni demotes a healthy primary whose DCS does not answer for `retry_timeout`, or whose leader key ran out. One
//! instance over each of etcd's, Consul's and ZooKeeper's protocols, on the gateways of one store each.

#![cfg(test)]

mod fleet;
mod postgresql;
mod primary;
mod takeovers;
mod virtual_address;
mod writer;
