//! Gateways on a real etcd that others use as well.

#![cfg(test)]

mod access;
mod bulk;
mod foreign_writes;
mod gateway;
mod leadership;
mod links;
mod space;
mod three;
mod writers;
