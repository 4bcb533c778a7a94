//! The ZooKeeper client: a pipelined session, and the operations under load over it, one a file.

pub mod session;
