//! Tests of gateways on a real etcd that other clients use as well.

#![cfg(test)]

mod access;
mod bulk;
mod connections;
mod finer_indexes;
mod foreign_writes;
mod gateway;
mod leadership;
mod policy_quotas;
mod quota;
mod shared_transactions;
mod strangers;
mod three_members;
mod tls;
mod writers;
mod zookeeper;
