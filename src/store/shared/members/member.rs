//! The record of a member, by which the leader recognises the certificate of a gateway of this store.
//!
//! A process that may write entries may speak for clients anyway, so no other secret is handed out. A gateway writes its
//! record again when it is gone. So the leader may prune all other records at any time: live gateways come back.

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::{Commit, Entry, Key, Realm};

/// The prefix of these records among the gateways' own keys.
const PREFIX: &str = "replica/";

/// A gateway of this store, leader or not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Its name, for people.
    pub name: String,
    /// The SHA-256 of the certificate it shows to the leader, in hexadecimal digits.
    pub certificate: String,
}

/// Every registered member, by the id of its process.
pub(in crate::store::shared) type MembersByHolder = Arc<HashMap<String, Member>>;

/// The key of a process' record.
pub(super) fn key(holder: &str) -> Key {
    Key::system(format!("{PREFIX}{holder}"))
}

/// The process whose record has this key; `None` for any other key.
fn holder(key: &Key) -> Option<&str> {
    if key.realm() == Realm::System {
        key.as_str()?.strip_prefix(PREFIX)
    } else {
        None
    }
}

/// Every member registered in these entries.
pub(in crate::store::shared) fn all(entries: &HashMap<Key, Arc<Entry>>) -> MembersByHolder {
    let member = |(key, entry): (&Key, &Arc<Entry>)| {
        let member = serde_json::from_slice(entry.value()).ok()?;
        Some((holder(key)?.to_owned(), member))
    };
    Arc::new(entries.iter().filter_map(member).collect())
}

/// Whether a commit changes a member's record.
pub(in crate::store::shared) fn is_changed_by(commit: &Commit) -> bool {
    commit
        .changes
        .iter()
        .any(|change| holder(&change.key).is_some())
}
