//! Real clients against the real binary.

#![cfg(test)]

mod consul_and_etcd;
mod credentials;
mod zk_cli;
mod zookeeper;
mod zookeeper_server;
mod zookeeper_tls;
