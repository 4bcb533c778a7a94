//! Records: the format of the rows in the store's one table, one record for each change, in the order of revisions.
//!
//! A record is a frame (`frame`) around a JSON header, the entry's key and its value. The first record of a commit
//! also carries the commit's header: what all of its changes have in common.

use std::borrow::Cow;
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use fjall::Slice;
use serde::{Deserialize, Serialize};

use crate::model::{Attrs, Cause, Change, Commit, Entry, Key, Realm, Record, Revision};

mod checksum;
mod deletion_list;
mod entries_digest;
mod frame;

pub(super) use deletion_list::{DeletionList, ListHeader, list_sum};
pub(super) use entries_digest::EntriesDigest;
pub(super) use frame::{RecordError, Seal, frame, is_genuine, unframe};

/// The table key of the one [`Metadata`] record.
pub(super) const METADATA_KEY: [u8; 1] = [0];

/// First byte of the table keys of changes.
const CHANGE_PREFIX: u8 = 1;

/// The store's identity and floors; the record is replaced whenever history is trimmed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Metadata {
    /// As in [`crate::store::StoreContents::identity`].
    pub(super) identity: u64,
    /// As in [`crate::store::StoreContents::history_floor`].
    pub(super) history_floor: u64,
    /// As in [`crate::store::StoreContents::deletions_floor`].
    pub(super) deletions_floor: u64,
    /// Whether records may be left that the commit at the history floor made obsolete.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) is_partial: bool,
}

/// What all changes of a commit have in common; stored in the record of the first change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CommitHeader {
    /// The cause of the commit.
    pub(super) cause: Cause,
    /// As in [`Commit::subject`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    subject: Option<StoredKey>,
    /// The number of changes.
    pub(super) changes: u32,
    /// The digest of the entries after the commit.
    #[serde(rename = "state")]
    pub(super) digest: EntriesDigest,
}

impl CommitHeader {
    /// As in [`Commit::subject`].
    pub(super) fn subject(&self) -> Option<Key> {
        self.subject.as_ref().map(|key| key.0.clone())
    }
}

/// A key inside a header.
#[derive(Clone, Debug, PartialEq, Eq)]
struct StoredKey(Key);

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyJson {
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    system: bool,
    base64: String,
}

impl Serialize for StoredKey {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let form = KeyJson {
            system: self.0.realm() == Realm::System,
            base64: BASE64_STANDARD.encode(self.0.as_bytes()),
        };
        form.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for StoredKey {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let form = KeyJson::deserialize(deserializer)?;
        let bytes = BASE64_STANDARD
            .decode(form.base64)
            .map_err(serde::de::Error::custom)?;
        Ok(Self(Key::new(realm(form.system), bytes)))
    }
}

fn realm(system: bool) -> Realm {
    if system { Realm::System } else { Realm::User }
}

/// The JSON header of a change's record: everything but key and value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ChangeHeader<'a> {
    kind: ChangeKind,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    system: bool,
    /// The revision of the entry that was replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    before: Option<Revision>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    attrs: Option<Cow<'a, Attrs>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    commit: Option<CommitHeader>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ChangeKind {
    Put,
    Delete,
    /// The only record of a commit without changes.
    Nothing,
}

/// The effect of a change.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum ChangeEffect {
    /// The entry was written.
    Put(Key, Arc<Entry>),
    /// The entry was deleted.
    Delete(Key),
    /// A commit without changes.
    Nothing,
}

/// A change, as read from its record.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ChangeRecord {
    /// The revision of the change.
    pub(super) at: Revision,
    /// The effect.
    pub(super) effect: ChangeEffect,
    /// The revision of the entry that was replaced.
    pub(super) before: Option<Revision>,
    /// Present in the first record of a commit, and only there.
    pub(super) commit_header: Option<CommitHeader>,
}

/// A row of the table: its key and the record.
pub(super) type TableRow = (Slice, Slice);

/// The bytes of a change's table key.
const CHANGE_KEY: usize = 13;

/// The table key of the change at this revision; table keys sort as revisions do.
pub(super) fn change_key(at: Revision) -> [u8; CHANGE_KEY] {
    let mut key = [CHANGE_PREFIX; CHANGE_KEY];
    let (_, rest) = key.split_at_mut(1);
    let (main, sub) = rest.split_at_mut(8);
    main.copy_from_slice(&at.main.to_be_bytes());
    sub.copy_from_slice(&at.sub.to_be_bytes());
    key
}

/// The revision that a table key encodes.
pub(super) fn revision_of_key(key: &[u8]) -> Result<Revision, RecordError> {
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

/// Adds the rows of a commit to others; `digest` is that of the entries after it.
pub(super) fn add_rows(
    seal: Seal,
    commit: &Commit,
    digest: EntriesDigest,
    rows: &mut Vec<TableRow>,
) -> Result<(), RecordError> {
    let changes = u32::try_from(commit.changes.len()).map_err(|_| RecordError::Short)?;
    let mut commit_header = Some(CommitHeader {
        cause: commit.cause,
        subject: commit.subject.clone().map(StoredKey),
        changes,
        digest,
    });
    let mut body = Vec::new();
    if commit.changes.is_empty() {
        let header = ChangeHeader {
            kind: ChangeKind::Nothing,
            system: false,
            before: None,
            attrs: None,
            commit: commit_header,
        };
        let key = change_key(Revision::new(commit.revision, 0));
        frame(seal, &key, &header, (&[], &[]), &mut body)?;
        rows.push((Slice::from(key), Slice::from(body)));
        return Ok(());
    }
    rows.reserve(commit.changes.len());
    for (sub, change) in (0_u32..).zip(&commit.changes) {
        let at = Revision::new(commit.revision, sub);
        rows.push(row(seal, at, change, commit_header.take(), &mut body)?);
    }
    Ok(())
}

/// The rows of a commit.
#[cfg(test)]
pub(super) fn rows(
    seal: Seal,
    commit: &Commit,
    digest: EntriesDigest,
) -> Result<Vec<TableRow>, RecordError> {
    let mut rows = Vec::new();
    add_rows(seal, commit, digest, &mut rows)?;
    Ok(rows)
}

/// The row of a change; the buffer is for its record.
fn row(
    seal: Seal,
    at: Revision,
    change: &Change,
    commit: Option<CommitHeader>,
    body: &mut Vec<u8>,
) -> Result<TableRow, RecordError> {
    let header = ChangeHeader {
        kind: match change.now {
            Some(_) => ChangeKind::Put,
            None => ChangeKind::Delete,
        },
        system: change.key.realm() == Realm::System,
        before: change.before.as_ref().map(|entry| entry.modified),
        attrs: change
            .now
            .as_ref()
            .map(|entry| Cow::Borrowed(entry.attrs())),
        commit,
    };
    let value = change.now.as_ref().map_or(&[][..], |entry| entry.value());
    let key = change_key(at);
    frame(seal, &key, &header, (change.key.as_bytes(), value), body)?;
    Ok((Slice::from(key), Slice::from(body.as_slice())))
}

/// The row of the metadata.
pub(super) fn metadata_row(seal: Seal, metadata: &Metadata) -> Result<TableRow, RecordError> {
    let mut value = Vec::new();
    frame(seal, &METADATA_KEY, metadata, (&[], &[]), &mut value)?;
    Ok((Slice::from(METADATA_KEY), Slice::from(value)))
}

/// Decodes the record of [`metadata_row`].
pub(super) fn read_metadata(seal: Seal, bytes: &[u8]) -> Result<Metadata, RecordError> {
    let (metadata, ..) = unframe(seal, &METADATA_KEY, bytes)?;
    Ok(metadata)
}

/// Decodes the record of a change.
pub(super) fn read_change(
    seal: Seal,
    table_key: &[u8],
    bytes: &[u8],
) -> Result<ChangeRecord, RecordError> {
    let at = revision_of_key(table_key)?;
    let (header, key, value): (ChangeHeader<'_>, _, _) = unframe(seal, table_key, bytes)?;
    let key = Key::new(realm(header.system), key);
    let effect = match (header.kind, header.attrs) {
        (ChangeKind::Put, Some(attrs)) => {
            let value = Bytes::copy_from_slice(value);
            let attrs = attrs.into_owned();
            let record = Record { value, attrs };
            let modified = at;
            ChangeEffect::Put(key, Arc::new(Entry { record, modified }))
        }
        (ChangeKind::Put, None) => {
            return Err(RecordError::Header("a put without attributes".into()));
        }
        (ChangeKind::Delete, _) => ChangeEffect::Delete(key),
        (ChangeKind::Nothing, _) => ChangeEffect::Nothing,
    };
    Ok(ChangeRecord {
        at,
        effect,
        before: header.before,
        commit_header: header.commit,
    })
}

#[cfg(test)]
mod tests;
