//! `WideDeletion`: a deletion that is prepared, and which proposals are.

use std::sync::Arc;

use crate::model::{Commit, Proposal, Realm, Revision, Target, Write};
use crate::store::PreparedDelivery;
use crate::store::embedded::journal::ListFile;
use crate::store::embedded::record::{DeletionList, EntriesDigest};
use crate::store::embedded::retention::AheadNumber;

/// The writes of a proposal from which on it is prepared.
pub(in crate::store::embedded) const WIDE_WRITES: usize = 1_024;

/// A deletion that is prepared: all that its turn needs.
#[derive(Debug)]
pub(in crate::store::embedded) struct WideDeletion {
    /// The number by which its changes were taken ahead.
    pub(in crate::store::embedded) number: AheadNumber,
    /// The commit, without a revision yet.
    pub(in crate::store::embedded) commit: Arc<Commit>,
    /// The digest of the entries that go.
    pub(in crate::store::embedded) gone: EntriesDigest,
    /// The records that become obsolete.
    pub(in crate::store::embedded) obsolete: Vec<Revision>,
    /// Its list.
    pub(in crate::store::embedded) list: ListFile,
    /// What was prepared for its delivery.
    pub(in crate::store::embedded) prepared: PreparedDelivery,
}

/// Whether a proposal is prepared: it deletes many entries of clients, and does nothing else.
pub(in crate::store::embedded) fn is_wide(proposal: &Proposal) -> bool {
    let deletes = |write: &Write| {
        let is_clients = match &write.target {
            Target::Key(key) => key.realm() == Realm::User,
            Target::InOrder(_) => false,
        };
        is_clients && write.put.is_none() && write.before.is_some()
    };
    proposal.writes.len() >= WIDE_WRITES && proposal.writes.iter().all(deletes)
}

/// The list of a commit that [`is_wide`].
pub(super) fn list_of(commit: &Commit) -> Option<DeletionList> {
    DeletionList::of(&commit.changes)
}
