//! The format of what lies in the store's one table: a record a change, in the order of revisions.
//!
//! A record is a frame (`frame`) around a JSON header, the entry's key and its value. The first record of a commit
//! also says what the whole commit has in common.

use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use self::frame::{frame, unframe};
use crate::model::{Attrs, Cause, Change, Commit, Entry, Key, Realm, Record, Revision};

mod entries_digest;
mod frame;

pub(super) use entries_digest::State;
pub(super) use frame::{RecordError, Seal, is_genuine};

/// The table's key of the one [`About`] record.
pub(super) const ABOUT_KEY: [u8; 1] = [0];

/// First byte of the table's keys of changes.
const CHANGE_PREFIX: u8 = 1;

/// What is known of the store as a whole; the record is replaced when history is forgotten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct About {
    /// As in [`crate::store::StoreContents::identity`].
    pub(super) identity: u64,
    /// As in [`crate::store::StoreContents::history_floor`].
    pub(super) history_floor: u64,
    /// As in [`crate::store::StoreContents::deletions_floor`].
    pub(super) deletions_floor: u64,
}

/// What a whole commit has in common; it stands in the record of its first change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Head {
    /// Why.
    pub(super) cause: Cause,
    /// As in [`Commit::subject`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    subject: Option<StoredKey>,
    /// How many changes it has.
    pub(super) changes: u32,
    /// The state of the store after it.
    pub(super) state: State,
}

impl Head {
    /// The tree node that was acted on as a whole.
    pub(super) fn subject(&self) -> Option<Key> {
        self.subject.as_ref().map(|key| key.0.clone())
    }
}

/// A key inside a header.
#[derive(Clone, Debug, PartialEq, Eq)]
struct StoredKey(Key);

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredKeyForm {
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    system: bool,
    base64: String,
}

impl Serialize for StoredKey {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let form = StoredKeyForm {
            system: self.0.realm() == Realm::System,
            base64: BASE64_STANDARD.encode(self.0.as_bytes()),
        };
        form.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for StoredKey {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let form = StoredKeyForm::deserialize(deserializer)?;
        let bytes = BASE64_STANDARD
            .decode(form.base64)
            .map_err(serde::de::Error::custom)?;
        Ok(Self(Key::new(realm(form.system), bytes)))
    }
}

fn realm(system: bool) -> Realm {
    if system { Realm::System } else { Realm::User }
}

/// What a record of a change says beside key and value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    kind: Kind,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    system: bool,
    /// The revision of the entry it replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    before: Option<Revision>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    attrs: Option<Attrs>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    commit: Option<Head>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Put,
    Delete,
    /// The one record of a commit without changes.
    Nothing,
}

/// What a record says happened.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum What {
    /// The entry was written.
    Put(Key, Arc<Entry>),
    /// The entry was deleted.
    Delete(Key),
    /// A commit without changes.
    Nothing,
}

/// A record of a change, read back.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Step {
    /// Where it stands on the line.
    pub(super) at: Revision,
    /// The change.
    pub(super) what: What,
    /// The revision of the entry it replaced.
    pub(super) before: Option<Revision>,
    /// Present in the first record of a commit, and only there.
    pub(super) head: Option<Head>,
}

/// A record as it goes into the table.
pub(super) type Row = (Vec<u8>, Vec<u8>);

/// The table's key of the change at this revision; keys sort as revisions do.
pub(super) fn change_key(at: Revision) -> Vec<u8> {
    let mut key = Vec::with_capacity(13);
    key.push(CHANGE_PREFIX);
    key.extend_from_slice(&at.main.to_be_bytes());
    key.extend_from_slice(&at.sub.to_be_bytes());
    key
}

/// The revision a table's key stands for.
pub(super) fn revision_of(key: &[u8]) -> Result<Revision, RecordError> {
    let rest = key
        .strip_prefix(&[CHANGE_PREFIX])
        .ok_or(RecordError::TableKey)?;
    let (main, sub) = rest.split_first_chunk().ok_or(RecordError::TableKey)?;
    let sub = sub.try_into().map_err(|_| RecordError::TableKey)?;
    Ok(Revision::new(
        u64::from_be_bytes(*main),
        u32::from_be_bytes(sub),
    ))
}

/// The records of a commit, `state` being what it leaves behind.
pub(super) fn rows(seal: Seal, commit: &Commit, state: State) -> Result<Vec<Row>, RecordError> {
    let changes = u32::try_from(commit.changes.len()).map_err(|_| RecordError::Short)?;
    let mut head = Some(Head {
        cause: commit.cause,
        subject: commit.subject.clone().map(StoredKey),
        changes,
        state,
    });
    if commit.changes.is_empty() {
        let header = Header {
            kind: Kind::Nothing,
            system: false,
            before: None,
            attrs: None,
            commit: head,
        };
        let key = change_key(Revision::new(commit.revision, 0));
        let value = frame(seal, &key, &header, &[], &[])?;
        return Ok(vec![(key, value)]);
    }
    (0_u32..)
        .zip(&commit.changes)
        .map(|(sub, change)| {
            let at = Revision::new(commit.revision, sub);
            row(seal, at, change, head.take())
        })
        .collect()
}

fn row(
    seal: Seal,
    at: Revision,
    change: &Change,
    commit: Option<Head>,
) -> Result<Row, RecordError> {
    let header = Header {
        kind: match change.now {
            Some(_) => Kind::Put,
            None => Kind::Delete,
        },
        system: change.key.realm() == Realm::System,
        before: change.before.as_ref().map(|entry| entry.modified),
        attrs: change.now.as_ref().map(|entry| entry.attrs().clone()),
        commit,
    };
    let value = change.now.as_ref().map_or(&[][..], |entry| entry.value());
    let key = change_key(at);
    let framed = frame(seal, &key, &header, change.key.as_bytes(), value)?;
    Ok((key, framed))
}

/// The record of what is known of the store as a whole.
pub(super) fn about_row(seal: Seal, about: &About) -> Result<Row, RecordError> {
    let key = ABOUT_KEY.to_vec();
    let value = frame(seal, &key, about, &[], &[])?;
    Ok((key, value))
}

/// Reads what [`about_row`] made.
pub(super) fn read_about(seal: Seal, bytes: &[u8]) -> Result<About, RecordError> {
    let (about, ..) = unframe(seal, &ABOUT_KEY, bytes)?;
    Ok(about)
}

/// Reads a record of a change.
pub(super) fn read_change(seal: Seal, table_key: &[u8], bytes: &[u8]) -> Result<Step, RecordError> {
    let at = revision_of(table_key)?;
    let (header, key, value): (Header, _, _) = unframe(seal, table_key, bytes)?;
    let key = Key::new(realm(header.system), key);
    let what = match (header.kind, header.attrs) {
        (Kind::Put, Some(attrs)) => {
            let value = Bytes::copy_from_slice(value);
            let record = Record { value, attrs };
            let modified = at;
            What::Put(key, Arc::new(Entry { record, modified }))
        }
        (Kind::Put, None) => return Err(RecordError::Header("a put without attributes".into())),
        (Kind::Delete, _) => What::Delete(key),
        (Kind::Nothing, _) => What::Nothing,
    };
    Ok(Step {
        at,
        what,
        before: header.before,
        head: header.commit,
    })
}

#[cfg(test)]
mod tests;
