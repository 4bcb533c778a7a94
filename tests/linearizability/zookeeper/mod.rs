//! ZooKeeper, the third face: sessions that pipeline operations and arm watches, sequence nodes, and ephemeral nodes.

pub mod armed_watches;
pub mod connection;
pub mod ephemerals;
pub mod operations;
pub mod recursive_watch;
pub mod request;
pub mod sequences;
pub mod session;
