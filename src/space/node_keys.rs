//! Keys of nodes that no entry of a client stands for.

use crate::model::{Key, Realm};

/// What begins the names of records of nodes that are always there.
const BUILT_IN: &str = "znode/";

/// The key of what clients of ZooKeeper set of a node that is always there, by its path; the root's is empty.
pub(crate) fn built_in_record(path: &str) -> Key {
    Key::system(format!("{BUILT_IN}{path}"))
}

/// Whether this is the key of what clients of ZooKeeper set of the root.
pub(crate) fn is_root_record(key: &Key) -> bool {
    key.realm() == Realm::System && key.as_bytes() == BUILT_IN.as_bytes()
}
