//! Deletion lists: the keys that one commit deletes, from which its records are made when they are moved to the table.
//!
//! A list does not depend on the revision of its commit, so it is written before the commit has one. What the commit does
//! besides deleting entries of clients is not listed: it has records of its own, and the header says which changes these are.
//! Numbers are little-endian:
//!
//! ```text
//! for each deletion   revision of the entry that is deleted u64 and u32, length of its key u16, key
//! ```

use bytes::{BufMut, BytesMut};
use fjall::Slice;
use serde::{Deserialize, Serialize};

use super::checksum::xxh3;
use super::header::{ChangeHeader, CommitHeader, RowKind};
use super::header_bytes::write_header;
use super::{
    EntriesDigest, RecordError, Seal, TableRow, change_key, frame, json, revision_of_key, unframe,
};
use crate::model::{Change, Commit, Realm, Revision};

/// The bytes of a deletion before its key.
const HEAD: usize = 14;

/// A deletion list, and what its commit does to the digest of the entries.
#[derive(Debug)]
pub(in crate::store::embedded) struct DeletionList {
    /// The encoded list.
    pub(in crate::store::embedded) bytes: Vec<u8>,
    /// The digest of the entries that go.
    pub(in crate::store::embedded) gone: EntriesDigest,
    /// The records that become obsolete, in the order of the changes.
    pub(in crate::store::embedded) obsolete: Vec<Revision>,
    /// The places of the changes that are not listed.
    pub(in crate::store::embedded) unlisted: Vec<u32>,
}

/// What a journal has of a commit whose changes are in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::store::embedded) struct ListHeader {
    /// The number in the name of the list's file.
    pub(in crate::store::embedded) list: u64,
    /// The checksum of the list, keyed by the seal.
    sum: u64,
    /// The places of the changes that are not listed, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    unlisted: Vec<u32>,
    commit: CommitHeader,
}

/// Whether a change is listed: it deletes an entry of clients.
pub(in crate::store::embedded) fn is_listed(change: &Change) -> bool {
    change.now.is_none() && change.before.is_some() && change.key.realm() == Realm::User
}

/// The changes at these places, with their places.
pub(in crate::store::embedded) fn changes_at<'c>(
    changes: &'c [Change],
    places: &'c [u32],
) -> impl DoubleEndedIterator<Item = (u32, &'c Change)> + Clone {
    let at = move |place: &u32| Some((*place, changes.get(usize::try_from(*place).ok()?)?));
    places.iter().filter_map(at)
}

impl DeletionList {
    /// The list of a commit; `None` where a key is too long for one.
    pub(in crate::store::embedded) fn of(changes: &[Change]) -> Option<Self> {
        let mut bytes = BytesMut::with_capacity(changes.len() * (HEAD + 32));
        let mut gone = EntriesDigest::default();
        let mut obsolete = Vec::with_capacity(changes.len());
        let mut unlisted = Vec::new();
        for (place, change) in (0_u32..).zip(changes) {
            let Some(before) = change.before.as_ref().filter(|_| is_listed(change)) else {
                unlisted.push(place);
                continue;
            };
            let before = before.modified;
            let key = change.key.as_bytes();
            bytes.put_u64_le(before.main);
            bytes.put_u32_le(before.sub);
            bytes.put_u16_le(u16::try_from(key.len()).ok()?);
            bytes.put_slice(key);
            gone.apply(&change.key, None, Some(before));
            obsolete.push(before);
        }
        Some(Self {
            bytes: bytes.into(),
            gone,
            obsolete,
            unlisted,
        })
    }
}

impl ListHeader {
    /// The header of a commit whose list is in this file, with this checksum, but for the changes at these places; `digest` is
    /// that of the entries after it.
    pub(in crate::store::embedded) fn new(
        (list, sum): (u64, u64),
        (commit, unlisted): (&Commit, &[u32]),
        digest: EntriesDigest,
    ) -> Result<Self, RecordError> {
        Ok(Self {
            list,
            sum,
            unlisted: unlisted.to_vec(),
            commit: CommitHeader::of(commit, digest)?,
        })
    }

    /// The row that stands for the records of the commit until they are made.
    pub(in crate::store::embedded) fn row(
        &self,
        seal: Seal,
        main: u64,
    ) -> Result<TableRow, RecordError> {
        let key = change_key(Revision::new(main, 0));
        let mut body = Vec::new();
        frame(seal, &key, json(self), (&[], &[]), &mut body)?;
        Ok((Slice::from(key), Slice::from(body)))
    }

    /// Decodes the record of [`Self::row`].
    pub(in crate::store::embedded) fn read(
        seal: Seal,
        table_key: &[u8],
        bytes: &[u8],
    ) -> Result<Self, RecordError> {
        let (header, ..) = unframe(seal, table_key, bytes)?;
        Ok(header)
    }

    /// The records of the commit that are made from its list.
    pub(in crate::store::embedded) fn rows(
        self,
        seal: Seal,
        table_key: &[u8],
        list: &[u8],
    ) -> Result<Vec<TableRow>, RecordError> {
        if list_sum(seal, list) != self.sum {
            return Err(RecordError::Checksum);
        }
        let main = revision_of_key(table_key)?.main;
        let count = self.commit.changes;
        let mut rows = Vec::with_capacity(usize::try_from(count).unwrap_or_default());
        let mut commit = Some(self.commit);
        let mut unlisted = self.unlisted.into_iter().peekable();
        let mut body = Vec::new();
        let mut rest = list;
        for sub in 0..count {
            // The first record of a commit has its header, be it this one or another.
            let commit = commit.take();
            if unlisted.next_if_eq(&sub).is_some() {
                continue;
            }
            let (before, key, after) = first_deletion(rest).ok_or(RecordError::Short)?;
            rest = after;
            let header = ChangeHeader {
                kind: RowKind::Delete,
                system: false,
                before: Some(before),
                attrs: None,
                commit,
            };
            let name = change_key(Revision::new(main, sub));
            let write = |to: &mut Vec<u8>| write_header(&header, to);
            frame(seal, &name, write, (key, &[]), &mut body)?;
            rows.push((Slice::from(name), Slice::from(body.as_slice())));
        }
        Ok(rows)
    }
}

/// The checksum of a list: no value that a client writes passes for one.
pub(in crate::store::embedded) fn list_sum(seal: Seal, list: &[u8]) -> u64 {
    xxh3(seal.0, &[b"deletions", list])
}

/// The first deletion of a list, and what follows it.
fn first_deletion(list: &[u8]) -> Option<(Revision, &[u8], &[u8])> {
    let (main, rest) = list.split_first_chunk()?;
    let (sub, rest) = rest.split_first_chunk()?;
    let (length, rest) = rest.split_first_chunk()?;
    let before = Revision::new(u64::from_le_bytes(*main), u32::from_le_bytes(*sub));
    let (key, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
    Some((before, key, rest))
}
