//! Records: the format of the rows in the store's one table, one record for each change, in the order of revisions.
//!
//! A record is a frame (`frame`) around a JSON header, the entry's key and its value. The first record of a commit
//! also carries the commit's header: what all of its changes have in common.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use fjall::Slice;
use serde::{Deserialize, Serialize};

use crate::model::{Change, Commit, Entry, Key, Realm, Record, Revision};

mod checksum;
mod deletion_list;
mod entries_digest;
mod frame;
mod header;
mod header_bytes;

use self::header::{ChangeHeader, RowKind, realm};
use self::header_bytes::write_header;

pub(super) use deletion_list::{DeletionList, ListHeader, changes_at, is_listed, list_sum};
pub(super) use entries_digest::EntriesDigest;
pub(super) use frame::{RecordError, Seal, frame, is_genuine, json, unframe};
pub(super) use header::CommitHeader;

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
    let mut commit_header = Some(CommitHeader::of(commit, digest)?);
    let mut body = Vec::new();
    if commit.changes.is_empty() {
        let header = ChangeHeader {
            kind: RowKind::Nothing,
            system: false,
            before: None,
            attrs: None,
            commit: commit_header,
        };
        let key = change_key(Revision::new(commit.revision, 0));
        let write = |to: &mut Vec<u8>| write_header(&header, to);
        frame(seal, &key, write, (&[], &[]), &mut body)?;
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

/// Adds the rows of those changes of a commit that are in no list; `digest` is that of the entries after it.
pub(super) fn add_unlisted_rows(
    seal: Seal,
    (commit, unlisted): (&Commit, &[u32]),
    digest: EntriesDigest,
    rows: &mut Vec<TableRow>,
) -> Result<(), RecordError> {
    let mut body = Vec::new();
    for (sub, change) in changes_at(&commit.changes, unlisted) {
        let commit_header = match sub {
            0 => Some(CommitHeader::of(commit, digest)?),
            _ => None,
        };
        let at = Revision::new(commit.revision, sub);
        rows.push(row(seal, at, change, commit_header, &mut body)?);
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
            Some(_) => RowKind::Put,
            None => RowKind::Delete,
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
    let write = |to: &mut Vec<u8>| write_header(&header, to);
    frame(seal, &key, write, (change.key.as_bytes(), value), body)?;
    Ok((Slice::from(key), Slice::from(body.as_slice())))
}

/// The row of the metadata.
pub(super) fn metadata_row(seal: Seal, metadata: &Metadata) -> Result<TableRow, RecordError> {
    let mut value = Vec::new();
    frame(seal, &METADATA_KEY, json(metadata), (&[], &[]), &mut value)?;
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
        (RowKind::Put, Some(attrs)) => {
            let value = Bytes::copy_from_slice(value);
            let attrs = attrs.into_owned();
            let record = Record { value, attrs };
            let modified = at;
            ChangeEffect::Put(key, Arc::new(Entry { record, modified }))
        }
        (RowKind::Put, None) => {
            return Err(RecordError::Header("a put without attributes".into()));
        }
        (RowKind::Delete, _) => ChangeEffect::Delete(key),
        (RowKind::Nothing, _) => ChangeEffect::Nothing,
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
