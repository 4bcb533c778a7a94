//! Several changes that happen together, in one object: the journal's revision is the commit.

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

/// Where journals are among the gateway's own records.
const PREFIX: &str = "journal/";

/// The most bytes a journal is unpacked to.
const LONGEST: u64 = 64 << 20;

/// A proposal, as it is kept.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Journal {
    cause: Cause,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    subject: Option<Name>,
    writes: Vec<JournalWrite>,
}

/// A key: whether it is the gateway's own, and its bytes in base64.
#[derive(Debug, Serialize, Deserialize)]
struct Name(bool, String);

#[derive(Debug, Serialize, Deserialize)]
struct JournalWrite {
    key: Name,
    /// The name is given by the journal's revision.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    in_order: bool,
    /// The revision the entry must still be at; none where there may be no entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    guard: Option<Revision>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    put: Option<JournalPut>,
}

#[derive(Debug, Serialize, Deserialize)]
struct JournalPut {
    /// In base64; none where it stays as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    attrs: Attrs,
}

/// The key of a journal.
pub(crate) fn key(write_id: WriteId) -> Key {
    Key::system(format!("{PREFIX}{}.{}", write_id.term, write_id.sequence))
}

/// Whether this is a journal's key.
pub(crate) fn is_journal(key: &Key) -> bool {
    key.starts_with(&Key::system(PREFIX))
}

impl Name {
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

impl Journal {
    pub(crate) fn of(proposal: &Proposal) -> Self {
        Self {
            cause: proposal.cause,
            subject: proposal.subject.as_ref().map(Name::of),
            writes: proposal.writes.iter().map(JournalWrite::of).collect(),
        }
    }

    /// As the value of its object.
    pub(crate) fn pack(&self) -> std::io::Result<Bytes> {
        let mut packed = DeflateEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(&serde_json::to_vec(self)?)?;
        Ok(packed.finish()?.into())
    }

    /// From the value of its object.
    pub(crate) fn unpack(value: &[u8]) -> Option<Self> {
        let mut text = Vec::new();
        DeflateDecoder::new(value)
            .take(LONGEST)
            .read_to_end(&mut text)
            .ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// The keys it is about and what they must be at, where it stands at this revision.
    pub(crate) fn guards(&self, revision: u64) -> Option<Vec<(Key, Option<Revision>)>> {
        let guard = |write: &JournalWrite| Some((write.key_at(revision)?, write.guard));
        self.writes.iter().map(guard).collect()
    }

    /// The commit it is, at a revision. `known` gives the entry a key has.
    pub(crate) fn commit(
        &self,
        revision: u64,
        known: impl Fn(&Key) -> Option<Arc<Entry>>,
    ) -> Option<Commit> {
        let mut changes = Vec::with_capacity(self.writes.len());
        for (sub, write) in (0_u32..).zip(&self.writes) {
            let key = write.key_at(revision)?;
            let before = known(&key);
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
            key: Name::of(key),
            in_order,
            guard: before.map(|before| before.modified),
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
    fn a_proposal_comes_back_as_its_commit() {
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
        let packed = Journal::of(&proposal).pack().unwrap();
        let journal = Journal::unpack(&packed).unwrap();
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
            "a value that stays is not sent"
        );
        assert_eq!(commit.changes[1].key, Key::user("q/00000000000000000042"));
        assert_eq!(value(1), Some(Bytes::from_static(b"\xff")));
        assert_eq!(
            (commit.changes[2].key.clone(), value(2)),
            (Key::system("s"), None)
        );
        let guards = journal.guards(42).unwrap();
        assert_eq!(guards[0].1, Some(Revision::new(5, 1)));
    }

    #[test]
    fn what_is_no_journal_is_none() {
        assert!(Journal::unpack(b"x").is_none());
        assert!(is_journal(&key(WriteId {
            term: 1,
            sequence: 2
        })));
    }
}
