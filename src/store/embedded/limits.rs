//! The size limits of an embedded store, and the check of a proposal against them.

use crate::model::{Proposal, Target};
use crate::store::{CommitError, Limits};

/// The limits; the same for every directory, so that a keyspace can be moved.
pub(super) const LIMITS: Limits = Limits {
    value_bytes: 2 << 20,
    key_bytes: 4096,
    writes: 1 << 20,
    commit_bytes: 1 << 30,
};

/// The bytes that a write may take besides its key, value and access list: its other attributes, and its overhead in the
/// journal.
const WRITE_OVERHEAD: usize = 512;

/// About how many bytes a proposal takes in the journal, if it is within the limits.
pub(super) fn measure(proposal: &Proposal) -> Result<usize, CommitError> {
    let over = |what: &str, most: usize| {
        let line = format!("the store takes {what} of at most {most}");
        Err(CommitError::TooLarge(line))
    };
    let mut bytes = 0_usize;
    for write in &proposal.writes {
        let (Target::Key(key) | Target::InOrder(key)) = &write.target;
        let value = write.put.as_ref().map_or(0, |record| record.value.len());
        let longest = LIMITS.longest_key(key.realm());
        if key.as_bytes().len() > longest {
            return over("keys", longest);
        }
        if value > LIMITS.value_bytes {
            return over("values", LIMITS.value_bytes);
        }
        let list = write.put.as_ref();
        let list = list.map_or(0, |record| record.attrs.access_bytes());
        bytes += key.as_bytes().len() + value + list;
    }
    if proposal.writes.len() > LIMITS.writes {
        return over("numbers of writes", LIMITS.writes);
    }
    if bytes > LIMITS.commit_bytes {
        return over("commits", LIMITS.commit_bytes);
    }
    Ok(bytes + proposal.writes.len() * WRITE_OVERHEAD)
}
