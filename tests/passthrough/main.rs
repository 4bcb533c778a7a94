//! Tests of gateways on a real etcd that other clients use as well.

#![cfg(test)]

mod access;
mod bulk;
mod connections;
mod foreign_writes;
mod gateway;
mod leadership;
mod policy_quotas;
mod quota;
mod strangers;
mod three_members;
mod tls;
mod writers;
mod zookeeper;
