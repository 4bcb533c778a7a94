//! Gateways on a real etcd that others use as well.

#![cfg(test)]

mod access;
mod bulk;
mod connections;
mod foreign_writes;
mod gateway;
mod leadership;
mod quota;
mod three_members;
mod writers;
