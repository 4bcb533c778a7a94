//! The client's own tests, at the place where cargo unpacked its source.
#![allow(unexpected_cfgs)]

include!(concat!(env!("ZOOKEEPER_CLIENT"), "/tests/zookeeper.rs"));
