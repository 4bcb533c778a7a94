//! Entries moved between servers and stores, as `kubekv import` and `kubekv export` do it.

#[cfg(test)]
#[path = "../common/certificates.rs"]
mod certificates;
#[cfg(test)]
#[path = "../common/cluster.rs"]
mod cluster;
#[cfg(test)]
#[path = "../common/command.rs"]
mod command;
#[cfg(test)]
#[path = "../common/mod.rs"]
mod common;
#[cfg(test)]
mod dumps;
#[cfg(test)]
mod entries;
#[cfg(test)]
#[path = "../common/member.rs"]
mod member;
#[cfg(test)]
#[path = "../common/running.rs"]
mod running;
#[cfg(test)]
mod servers;
#[cfg(test)]
mod stores;
#[cfg(test)]
#[path = "../common/zookeeper.rs"]
mod zookeeper;
#[cfg(test)]
mod zookeepers;
