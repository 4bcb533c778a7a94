//! A real Patroni keeps its primary, whichever gateway is killed.
//!
//! Patroni demotes a healthy primary whose DCS does not answer for `retry_timeout`, or whose leader key ran out. One
//! instance over etcd's API and one over Consul's, on the gateways of one store each.

#[cfg(test)]
#[path = "../common/asked.rs"]
mod asked;
#[cfg(test)]
#[path = "../common/cluster.rs"]
mod cluster;
#[cfg(test)]
#[path = "../common/command.rs"]
mod command;
#[cfg(test)]
mod fleet;
#[cfg(test)]
#[path = "../common/member.rs"]
mod member;
#[cfg(test)]
mod postgresql;
#[cfg(test)]
mod primary;
#[cfg(test)]
#[path = "../common/running.rs"]
mod running;
#[cfg(test)]
mod takeovers;
#[cfg(test)]
#[path = "../common/until.rs"]
mod until;
#[cfg(test)]
mod virtual_address;
#[cfg(test)]
mod writer;
