//! Writes of entries by Consul's verbs, each a step of a commit: for single requests and for transactions.
//!
//! A write of the value that an entry already has is a change, unlike in Consul: libkv's watchers wait for it.

use bytes::Bytes;

use crate::face::consul::session::id::{self, SessionId};
use crate::face::go::quote;
use crate::model::{Cause, DirMark, Key, Record, Verb};
use crate::space::{Acquired, Draft, EntryAccess, Lookup, PENDING};

/// Value and flags that are written to an entry.
#[derive(Clone, Debug)]
pub(in crate::face::consul) struct ValueAndFlags {
    /// The value.
    pub(in crate::face::consul) value: Bytes,
    /// The flags.
    pub(in crate::face::consul) flags: u64,
}

/// Outcome of an attempt to lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::face::consul) enum LockOutcome {
    /// The session holds the lock now.
    Acquired,
    /// Another session holds the lock.
    Held,
    /// The lock-delay of the session that held the lock is not over.
    Delayed,
}

impl ValueAndFlags {
    fn fill(&self, record: &mut Record) {
        record.value = self.value.clone();
        record.attrs.flags = self.flags;
    }
}

/// Writes unconditionally. A lock on the entry stays, with its session and its `LockIndex`.
pub(in crate::face::consul) fn set(draft: &mut Draft<'_>, key: &Key, content: &ValueAndFlags) {
    draft.asks_to(EntryAccess::Put, key);
    let mut record = draft.successor(key);
    content.fill(&mut record);
    // A directory or a TTL of another protocol ends: the entry is an ordinary one from here on.
    record.attrs.dir = DirMark::No;
    record.attrs.deadline = None;
    draft.put(key, record);
}

/// Check-and-set: writes if the entry is at this index, or for index 0 if there is no entry. Returns whether it wrote.
pub(in crate::face::consul) fn cas(
    draft: &mut Draft<'_>,
    key: &Key,
    index: u64,
    content: &ValueAndFlags,
) -> bool {
    draft.asks_to(EntryAccess::Put, key);
    if index > 0 {
        draft.compares(key);
    }
    let (matches, cause) = match index {
        0 => (draft.get(key).is_none(), Cause::Create),
        index => (is_at(draft, key, index), Cause::CompareAndSwap),
    };
    if matches {
        set(draft, key, content);
        draft.because(cause);
    }
    matches
}

/// Whether there is an entry at this index. One that the same transaction has written has no index yet.
fn is_at(draft: &Draft<'_>, key: &Key, index: u64) -> bool {
    draft
        .get(key)
        .is_some_and(|entry| entry.index() == index && index != PENDING)
}

/// Locks for a session and writes. The error is for a session that cannot lock, in Consul's words.
pub(in crate::face::consul) fn lock(
    draft: &mut Draft<'_>,
    key: &Key,
    session: &[u8],
    content: &ValueAndFlags,
) -> Result<LockOutcome, String> {
    draft.asks_to(EntryAccess::Put, key);
    draft.asks(Verb::Lock, key);
    // Consul checks the lock-delay before it checks the session.
    if draft.is_delayed(key) {
        return Ok(LockOutcome::Delayed);
    }
    if session.is_empty() {
        return Err("missing session".to_owned());
    }
    let invalid = || format!("invalid session {}", quote(session));
    let id = match id::parse(session) {
        Ok(SessionId::Valid(id)) => id,
        Ok(SessionId::Unassigned) => return Err(invalid()),
        Err(error) => return Err(error.to_string()),
    };
    match draft.acquire(key, id, |record| content.fill(record)) {
        Acquired::Yes => Ok(LockOutcome::Acquired),
        Acquired::Held => Ok(LockOutcome::Held),
        Acquired::Delayed => Ok(LockOutcome::Delayed),
        Acquired::NoLease => Err(invalid()),
    }
}

/// Unlocks and writes if this session holds the lock. Returns whether it did.
pub(in crate::face::consul) fn unlock(
    draft: &mut Draft<'_>,
    key: &Key,
    session: &[u8],
    content: &ValueAndFlags,
) -> Result<bool, String> {
    draft.asks_to(EntryAccess::Put, key);
    draft.asks(Verb::Lock, key);
    if session.is_empty() {
        return Err("missing session".to_owned());
    }
    // Neither a text that is no id nor a session that is gone holds a lock.
    Ok(match id::parse(session) {
        Ok(SessionId::Valid(id)) => draft.release(key, id, |record| content.fill(record)),
        Ok(SessionId::Unassigned) | Err(_) => false,
    })
}

/// Deletes one entry.
pub(in crate::face::consul) fn delete(draft: &mut Draft<'_>, key: &Key) {
    draft.delete(key);
    draft.because(Cause::Delete);
}

/// Check-and-delete: deletes one entry if it is at this index. Returns whether the entry is gone; a missing one is.
pub(in crate::face::consul) fn delete_cas(draft: &mut Draft<'_>, key: &Key, index: u64) -> bool {
    draft.asks_to(EntryAccess::Delete, key);
    draft.asks(Verb::Delete, key);
    if draft.get(key).is_none() {
        return true;
    }
    let matches = is_at(draft, key, index);
    if matches {
        draft.delete(key);
        draft.because(Cause::CompareAndDelete);
    }
    matches
}

/// Deletes every entry under a prefix.
pub(in crate::face::consul) fn delete_tree(draft: &mut Draft<'_>, prefix: &Key) {
    draft.delete_all(prefix);
    draft.because(Cause::Delete);
}
