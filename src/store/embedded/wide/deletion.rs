//! `WideDeletion`: a deletion that is prepared, and which proposals are.

use std::sync::Arc;

use crate::model::{Change, Commit, Proposal, Realm, Revision, Target, Write};
use crate::store::PreparedDelivery;
use crate::store::embedded::free_space::SpaceNeed;
use crate::store::embedded::journal::ListFile;
use crate::store::embedded::record::{DeletionList, EntriesDigest, changes_at};
use crate::store::embedded::retention::AheadNumber;

/// The writes of a proposal from which on it is weighed on another thread, and prepared where that is possible.
pub(in crate::store::embedded) const WIDE_WRITES: usize = 1_024;

/// The most writes of a deletion that are made in its turn, because they depend on the revision or are about the gateway's own
/// records: as many as any other commit may have that is not wide.
const MOST_IN_TURN: usize = 256;

/// About the bytes of the record of a deletion in the table.
const RECORD_BYTES: usize = 160;

/// A deletion that is prepared: all that its turn needs.
#[derive(Debug)]
pub(in crate::store::embedded) struct WideDeletion {
    /// The number by which its changes were taken ahead.
    pub(in crate::store::embedded) number: AheadNumber,
    /// The commit, without a revision yet.
    pub(in crate::store::embedded) commit: Arc<Commit>,
    /// The digest of the entries that go.
    pub(in crate::store::embedded) gone: EntriesDigest,
    /// The records that become obsolete, but for those that the changes replace which are not listed.
    pub(in crate::store::embedded) obsolete: Vec<Revision>,
    /// The places of the changes that are not listed.
    pub(in crate::store::embedded) unlisted: Vec<u32>,
    /// What it needs of a disk that is almost full, and how many bytes.
    pub(in crate::store::embedded) space: (SpaceNeed, u64),
    /// Its list.
    pub(in crate::store::embedded) list: ListFile,
    /// What was prepared for its delivery.
    pub(in crate::store::embedded) prepared: PreparedDelivery,
}

impl WideDeletion {
    /// The changes that are not listed, with their places.
    pub(in crate::store::embedded) fn unlisted(
        &self,
    ) -> impl DoubleEndedIterator<Item = (u32, &Change)> + Clone {
        changes_at(&self.commit.changes, &self.unlisted)
    }

    /// Gives the commit its revision, and the entries that it puts. Nobody else has it, or else it would be copied.
    pub(in crate::store::embedded) fn number(&mut self, main: u64) {
        let commit = Arc::make_mut(&mut self.commit);
        commit.revision = main;
        for place in &self.unlisted {
            let change = usize::try_from(*place)
                .ok()
                .and_then(|place| commit.changes.get_mut(place));
            if let Some(now) = change.and_then(|change| change.now.as_mut()) {
                Arc::make_mut(now).modified = Revision::new(main, *place);
            }
        }
    }
}

/// Whether a proposal is prepared: it deletes many entries of clients, and does little else.
pub(in crate::store::embedded) fn is_wide(proposal: &Proposal) -> bool {
    let is_listed = |write: &&Write| {
        let is_clients = match &write.target {
            Target::Key(key) => key.realm() == Realm::User,
            Target::InOrder(_) => false,
        };
        is_clients && write.put.is_none() && write.before.is_some()
    };
    // Which name it will have is not known before its turn, and so not locked.
    let is_unnamed = |write: &Write| matches!(write.target, Target::InOrder(_));
    let writes = &proposal.writes;
    let listed = writes.iter().filter(is_listed).count();
    writes.len() >= WIDE_WRITES
        && writes.len().saturating_sub(listed) <= MOST_IN_TURN
        && !writes.iter().any(is_unnamed)
}

/// The list of a commit that [`is_wide`].
pub(super) fn list_of(commit: &Commit) -> Option<DeletionList> {
    DeletionList::of(&commit.changes)
}

/// What a commit that [`is_wide`] needs of a disk that is almost full, and about how many bytes of records it makes.
pub(super) fn space_of(commit: &Commit, unlisted: &[u32]) -> (SpaceNeed, u64) {
    let puts = changes_at(&commit.changes, unlisted).filter_map(|(_, change)| {
        let now = change.now.as_ref()?;
        Some(now.value().len() + now.attrs().access_bytes())
    });
    let records = commit.changes.len().saturating_mul(RECORD_BYTES);
    let bytes = records.saturating_add(puts.sum());
    (
        SpaceNeed::of(commit),
        u64::try_from(bytes).unwrap_or(u64::MAX),
    )
}
