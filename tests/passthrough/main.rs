//! Gateways on a real etcd that others use as well.

#![cfg(test)]

mod access;
mod bulk;
mod foreign;
mod gateway;
mod lead;
mod links;
mod space;
mod three;
mod writers;
