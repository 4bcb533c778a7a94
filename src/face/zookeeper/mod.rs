//! ZooKeeper's protocol, as 3.9 serves it.
//!
//! The parts that need no keyspace: paths of znodes (`path`, `write_path`), the kinds of nodes (`create_mode`), access lists
//! (`acl`), a connection's watches (`watch_table`) and the four-letter words. The wire format is [`crate::wire::zookeeper`].
#![cfg_attr(
    not(test),
    expect(dead_code, reason = "the operations that use it follow")
)]
#![expect(unused_imports, reason = "the operations that use them follow")]

pub(crate) mod acl;
pub(crate) mod built_in;
pub(crate) mod create_mode;
pub(crate) mod four_letter_words;
pub(crate) mod path;
pub(crate) mod watch_table;
pub(crate) mod write_path;
