//! The changes Consul knows, each as a step of a commit: used by single requests and by transactions.
//!
//! A write of what is there already counts as one, unlike in Consul: libkv's watchers wait for it.

use bytes::Bytes;

use super::super::session::{self, SessionId};
use crate::model::{Cause, DirMark, Key, Record};
use crate::space::{Acquired, Draft, Lookup, PENDING};

/// What is written to an entry.
#[derive(Clone, Debug)]
pub(in crate::face::consul) struct Content {
    /// The value.
    pub(in crate::face::consul) value: Bytes,
    /// The flags.
    pub(in crate::face::consul) flags: u64,
}

/// What became of an attempt to lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::face::consul) enum Locked {
    /// It is locked now.
    Yes,
    /// Another session holds it.
    Held,
    /// A session that held it ended a moment ago and asked for a delay.
    Delayed,
}

impl Content {
    fn fill(&self, record: &mut Record) {
        record.value = self.value.clone();
        record.attrs.flags = self.flags;
    }
}

/// Writes, whatever is there. A lock on the entry stays, with its session and its count.
pub(in crate::face::consul) fn set(draft: &mut Draft<'_>, key: &Key, content: &Content) {
    let mut record = draft.successor(key);
    content.fill(&mut record);
    // What another protocol knows as a directory, or gave a time to live, is an ordinary entry from here on.
    record.attrs.dir = DirMark::No;
    record.attrs.deadline = None;
    draft.put(key, record);
}

/// Writes if the entry is still at this index, or with 0 if there is none; says whether.
pub(in crate::face::consul) fn cas(
    draft: &mut Draft<'_>,
    key: &Key,
    index: u64,
    content: &Content,
) -> bool {
    let (swaps, cause) = match index {
        0 => (draft.get(key).is_none(), Cause::Create),
        index => (is_at(draft, key, index), Cause::CompareAndSwap),
    };
    if swaps {
        set(draft, key, content);
        draft.because(cause);
    }
    swaps
}

/// Whether the entry is there, at this index. What a transaction has written itself has no index yet.
fn is_at(draft: &Draft<'_>, key: &Key, index: u64) -> bool {
    draft
        .get(key)
        .is_some_and(|entry| entry.index() == index && index != PENDING)
}

/// Locks for a session and writes. The words are for a session that cannot lock.
pub(in crate::face::consul) fn lock(
    draft: &mut Draft<'_>,
    key: &Key,
    session: &[u8],
    content: &Content,
) -> Result<Locked, String> {
    // The delay goes before all that may be wrong with the session, as in Consul.
    if draft.is_delayed(key) {
        return Ok(Locked::Delayed);
    }
    if session.is_empty() {
        return Err("missing session".to_owned());
    }
    let invalid = || format!("invalid session {}", super::super::go::quote(session));
    let id = match session::parse_id(session) {
        Ok(SessionId::Known(id)) => id,
        Ok(SessionId::OfNobody) => return Err(invalid()),
        Err(error) => return Err(error.to_string()),
    };
    match draft.acquire(key, id, |record| content.fill(record)) {
        Acquired::Yes => Ok(Locked::Yes),
        Acquired::Held => Ok(Locked::Held),
        Acquired::Delayed => Ok(Locked::Delayed),
        Acquired::NoLease => Err(invalid()),
    }
}

/// Unlocks what this session holds and writes; says whether it held it.
pub(in crate::face::consul) fn unlock(
    draft: &mut Draft<'_>,
    key: &Key,
    session: &[u8],
    content: &Content,
) -> Result<bool, String> {
    if session.is_empty() {
        return Err("missing session".to_owned());
    }
    // What is no id at all holds nothing; nor does a session that is gone.
    Ok(match session::parse_id(session) {
        Ok(SessionId::Known(id)) => draft.release(key, id, |record| content.fill(record)),
        Ok(SessionId::OfNobody) | Err(_) => false,
    })
}

/// Deletes one entry.
pub(in crate::face::consul) fn delete(draft: &mut Draft<'_>, key: &Key) {
    draft.delete(key);
    draft.because(Cause::Delete);
}

/// Deletes one entry if it is still at this index; says whether it is gone. One that is not there is gone.
pub(in crate::face::consul) fn delete_cas(draft: &mut Draft<'_>, key: &Key, index: u64) -> bool {
    if draft.get(key).is_none() {
        return true;
    }
    let there = is_at(draft, key, index);
    if there {
        draft.delete(key);
        draft.because(Cause::CompareAndDelete);
    }
    there
}

/// Deletes every entry whose key begins with these bytes.
pub(in crate::face::consul) fn delete_tree(draft: &mut Draft<'_>, prefix: &Key) {
    draft.delete_all(prefix);
    draft.because(Cause::Delete);
}
