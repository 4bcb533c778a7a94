//! The stores: one body of tests for each of them, and what only the embedded one must do on real files.

#[path = "../common/cluster.rs"]
mod cluster;
mod common;
#[cfg(test)]
mod damage;
#[cfg(test)]
mod figures;
#[cfg(test)]
mod kill;
#[cfg(test)]
mod lease;
#[cfg(test)]
mod many;
#[cfg(test)]
#[path = "../common/member.rs"]
mod member;
#[cfg(test)]
mod offline;
#[cfg(test)]
mod place;
#[cfg(test)]
mod reopen;
#[cfg(test)]
mod room;
#[cfg(test)]
mod size;
#[cfg(test)]
mod suite;
