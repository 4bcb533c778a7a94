//! Transaction journal: the writes of one transaction in one object, whose revision is that of the commit.
//!
//! Creating the object is atomic, and so is the transaction, however many entries it changes.

use std::io::{Read, Write as _};
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use serde::{Deserialize, Serialize};

use crate::model::{
    Attrs, Cause, Change, Commit, Entry, Key, Proposal, Realm, Record, Revision, Target, Write,
};
use crate::store::shared::write_ids::WriteId;

/// The prefix of journals among the gateway's own records.
const PREFIX: &str = "journal/";

/// The longest unpacked journal, in bytes.
const LONGEST: u64 = 64 << 20;

/// A proposal, as its journal stores it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct TransactionJournal {
    cause: Cause,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    subject: Option<JournalKey>,
    writes: Vec<JournalWrite>,
}

/// A key: whether it belongs to the gateway's own records, and its bytes in base64.
#[derive(Debug, Serialize, Deserialize)]
struct JournalKey(bool, String);

#[derive(Debug, Serialize, Deserialize)]
struct JournalWrite {
    key: JournalKey,
    /// The key's name is the journal's revision.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    in_order: bool,
    /// The precondition: the revision that the entry must have; none if there must be no entry.
    #[serde(rename = "guard", default, skip_serializing_if = "Option::is_none")]
    expected: Option<Revision>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    put: Option<JournalPut>,
}

#[derive(Debug, Serialize, Deserialize)]
struct JournalPut {
    /// In base64; none if the value stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    attrs: Attrs,
}

/// The key of the journal of a write.
pub(crate) fn key(write_id: WriteId) -> Key {
    Key::system(format!("{PREFIX}{}.{}", write_id.term, write_id.sequence))
}

/// Whether this is a journal's key.
pub(crate) fn is_journal(key: &Key) -> bool {
    key.starts_with(&Key::system(PREFIX))
}

impl JournalKey {
    fn of(key: &Key) -> Self {
        Self(
            key.realm() == Realm::System,
            BASE64_STANDARD.encode(key.as_bytes()),
        )
    }

    fn key(&self) -> Option<Key> {
        let realm = if self.0 { Realm::System } else { Realm::User };
        Some(Key::new(realm, BASE64_STANDARD.decode(&self.1).ok()?))
    }
}

impl TransactionJournal {
    pub(crate) fn of(proposal: &Proposal) -> Self {
        Self {
            cause: proposal.cause,
            subject: proposal.subject.as_ref().map(JournalKey::of),
            writes: proposal.writes.iter().map(JournalWrite::of).collect(),
        }
    }

    /// Encodes it as the value of its object.
    pub(crate) fn pack(&self) -> std::io::Result<Bytes> {
        let mut packed = DeflateEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(&serde_json::to_vec(self)?)?;
        Ok(packed.finish()?.into())
    }

    /// Decodes it from the value of its object.
    pub(crate) fn unpack(value: &[u8]) -> Option<Self> {
        let mut text = Vec::new();
        DeflateDecoder::new(value)
            .take(LONGEST)
            .read_to_end(&mut text)
            .ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// The precondition of each key, if the journal's revision is this one.
    pub(crate) fn preconditions(&self, revision: u64) -> Option<Vec<(Key, Option<Revision>)>> {
        let precondition = |write: &JournalWrite| Some((write.key_at(revision)?, write.expected));
        self.writes.iter().map(precondition).collect()
    }

    /// Its commit, if the journal's revision is this one. `current` yields the entry of a key.
    pub(crate) fn commit(
        &self,
        revision: u64,
        current: impl Fn(&Key) -> Option<Arc<Entry>>,
    ) -> Option<Commit> {
        let mut changes = Vec::with_capacity(self.writes.len());
        for (sub, write) in (0_u32..).zip(&self.writes) {
            let key = write.key_at(revision)?;
            let before = current(&key);
            let now = match &write.put {
                None => None,
                Some(put) => {
                    let value = match &put.value {
                        Some(base64) => BASE64_STANDARD.decode(base64).ok()?.into(),
                        None => before
                            .as_ref()
                            .map_or_else(Bytes::new, |before| before.value().clone()),
                    };
                    let attrs = put.attrs.clone();
                    Some(Arc::new(Entry {
                        record: Record { value, attrs },
                        modified: Revision::new(revision, sub),
                    }))
                }
            };
            changes.push(Change { key, now, before });
        }
        let subject = match &self.subject {
            Some(name) => Some(name.key()?),
            None => None,
        };
        Some(Commit {
            revision,
            cause: self.cause,
            subject,
            changes,
        })
    }
}

impl JournalWrite {
    fn of(write: &Write) -> Self {
        let (key, in_order) = match &write.target {
            Target::Key(key) => (key, false),
            Target::InOrder(parent) => (parent, true),
        };
        let before = write.before.as_deref();
        let put = write.put.as_ref().map(|record| JournalPut {
            value: before
                .is_none_or(|before| *before.value() != record.value)
                .then(|| BASE64_STANDARD.encode(&record.value)),
            attrs: record.attrs.clone(),
        });
        Self {
            key: JournalKey::of(key),
            in_order,
            expected: before.map(|before| before.modified),
            put,
        }
    }

    fn key_at(&self, revision: u64) -> Option<Key> {
        let key = self.key.key()?;
        if !self.in_order {
            return Some(key);
        }
        let mut bytes = key.as_bytes().to_vec();
        bytes.extend_from_slice(format!("{revision:020}").as_bytes());
        Some(Key::new(key.realm(), bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proposal_survives_the_journal_as_its_commit() {
        let before = Arc::new(Entry {
            record: Record {
                value: "old".into(),
                attrs: Attrs::default(),
            },
            modified: Revision::new(5, 1),
        });
        let kept = before.record.clone();
        let new = Record {
            value: Bytes::from_static(b"\xff"),
            attrs: Attrs::default(),
        };
        let write = |target, before, put| Write {
            target,
            before,
            put,
        };
        let proposal = Proposal {
            cause: Cause::Expire,
            subject: Some(Key::user("a")),
            writes: vec![
                write(
                    Target::Key(Key::user("a")),
                    Some(Arc::clone(&before)),
                    Some(kept),
                ),
                write(Target::InOrder(Key::user("q/")), None, Some(new)),
                write(
                    Target::Key(Key::system("s")),
                    Some(Arc::clone(&before)),
                    None,
                ),
            ],
        };
        let packed = TransactionJournal::of(&proposal).pack().unwrap();
        let journal = TransactionJournal::unpack(&packed).unwrap();
        let commit = journal.commit(42, |_| Some(Arc::clone(&before))).unwrap();
        assert_eq!((commit.revision, commit.cause), (42, Cause::Expire));
        let value = |at: usize| {
            commit.changes[at]
                .now
                .as_ref()
                .map(|now| now.value().clone())
        };
        assert_eq!(
            value(0),
            Some("old".into()),
            "an unchanged value is not in the journal"
        );
        assert_eq!(commit.changes[1].key, Key::user("q/00000000000000000042"));
        assert_eq!(value(1), Some(Bytes::from_static(b"\xff")));
        assert_eq!(
            (commit.changes[2].key.clone(), value(2)),
            (Key::system("s"), None)
        );
        let preconditions = journal.preconditions(42).unwrap();
        assert_eq!(preconditions[0].1, Some(Revision::new(5, 1)));
    }

    #[test]
    fn bytes_that_are_no_journal_are_rejected() {
        assert!(TransactionJournal::unpack(b"x").is_none());
        assert!(is_journal(&key(WriteId {
            term: 1,
            sequence: 2
        })));
    }
}
