//! Moving entries from a server or a store into a store, directly or by way of a file.
//!
//! An import first reads the whole source ([`Listing`]), as of one index where the source has one. It takes the
//! leadership of the target and writes what differs. It reads the source again, until nothing has changed meanwhile. At the
//! end it reads the target back from its backend and compares. So an import that was interrupted continues when it is run
//! again, and one that succeeds has verified that both are equal.

mod access_lists;
mod compare;
mod consul_export;
mod digest;
mod dump;
mod error;
mod import;
mod input;
mod key_path;
mod left_out;
mod listing;
mod progress;
mod source;
mod target;
mod write;
mod znode_item;

pub use access_lists::{AccessLists, ListedEntry};
pub use consul_export::{ConsulEntry, ConsulExport};
pub use dump::write as write_dump;
pub use error::Error;
pub use import::{Import, ImportOptions, ImportReport};
pub use key_path::escape_key;
pub use left_out::{LeftOut, LeftOutReason};
pub use listing::{Item, Items, Listing, printable};
pub use progress::{ImportProgress, OnProgress};
pub use source::Source;
pub use znode_item::{ItemVersions, ZnodeItem};
