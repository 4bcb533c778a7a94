//! Watchers of both protocols, and the checks on the events they receive.

pub mod consul_watch;
pub mod etcd_watch;
pub mod observation_gaps;
pub mod validators;
