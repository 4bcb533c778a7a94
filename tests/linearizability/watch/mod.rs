//! Watches: watchers of both protocols, and validators of the events they receive.

pub mod consul_watch;
pub mod etcd_watch;
pub mod etcd_watcher;
pub mod observation_gaps;
pub mod validators;
