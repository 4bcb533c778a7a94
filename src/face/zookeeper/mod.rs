//! ZooKeeper's protocol, as 3.9 serves it.
//!
//! A connection (`connection`) takes up a session (`session`), which is a lease. Its requests go through a lane, in order:
//! reads and changes of nodes (`operations`, `znode`), by the rules for paths (`path`, `write_path`), kinds of nodes
//! (`create_mode`) and access lists (`acl`). Its watches (`watch_table`) get the events of changes before a reply shows them. The
//! wire format is [`crate::wire::zookeeper`].

mod acl;
mod audit;
mod built_in;
mod connection;
mod connections;
mod counters;
mod create_mode;
mod docker_client;
mod face;
mod four_letter_words;
mod no_leader;
mod operations;
mod path;
mod protocol;
mod session;
mod sweeper;
mod ttl_nodes;
mod watch_table;
mod write_path;
mod znode;

pub use docker_client::{DockerAnswers, UnknownDockerAnswers};
pub use face::ZooKeeper;
pub use four_letter_words::{AllowList, UnknownWord};
pub use no_leader::{HOLD, NoLeaderProtocol};
pub use protocol::ZooKeeperProtocol;
