//! The gateways of a store: each notes among the data how the one that leads knows it again.
//!
//! Whoever may write there may speak for clients; so nothing else needs to be handed round. A record that is gone is
//! written again by the gateway it is about, so that the leader may remove all others at any time: those that come
//! back are alive.

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::{Commit, Entry, Key, Realm};

/// Where these records are among the gateway's own.
const PREFIX: &str = "replica/";

/// A gateway of this store, whether it leads or not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replica {
    /// What people call it.
    pub name: String,
    /// The SHA-256 of the certificate it shows to the leader, in hexadecimal digits.
    pub certificate: String,
}

/// Every gateway that is noted, by the name of its process.
pub(in crate::store::shared) type Replicas = Arc<HashMap<String, Replica>>;

/// The key of the record of a process.
pub(in crate::store::shared) fn key(holder: &str) -> Key {
    Key::system(format!("{PREFIX}{holder}"))
}

/// The process that a key is about, if it is such a record's.
fn holder(key: &Key) -> Option<&str> {
    if key.realm() == Realm::System {
        key.as_str()?.strip_prefix(PREFIX)
    } else {
        None
    }
}

/// Every gateway that is noted in these entries.
pub(in crate::store::shared) fn all(entries: &HashMap<Key, Arc<Entry>>) -> Replicas {
    let replica = |(key, entry): (&Key, &Arc<Entry>)| {
        let replica = serde_json::from_slice(entry.value()).ok()?;
        Some((holder(key)?.to_owned(), replica))
    };
    Arc::new(entries.iter().filter_map(replica).collect())
}

/// Whether a commit is about such a record.
pub(in crate::store::shared) fn concerns(commit: &Commit) -> bool {
    commit
        .changes
        .iter()
        .any(|change| holder(&change.key).is_some())
}
