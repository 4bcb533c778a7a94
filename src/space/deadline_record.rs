//! Deadline records: when entries end that renewals kept alive, and that nobody has renewed since a gateway began to serve.
//!
//! Renewals are not stored, so whoever begins to serve gives such an entry its full TTL. A host that is dead would never go
//! where gateways follow one another quickly: so what is not renewed for half its TTL gets a record of when it ends. The
//! next renewal writes the entry, which makes the record obsolete.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::key_records::KeyRecords;
use crate::model::{Deadline, Entry};

/// The records about clients' keys.
pub(super) const RECORDS: KeyRecords = KeyRecords::beneath(b"deadline/");

/// What a record says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DeadlineRecord {
    /// The revision of the entry that it is about: of any other it says nothing.
    pub(crate) modified: u64,
    /// When the entry ends, in milliseconds since 1970.
    pub(crate) at_ms: i64,
}

impl DeadlineRecord {
    /// Reads a record; `None` where it is none.
    pub(crate) fn read(record: &Entry) -> Option<Self> {
        serde_json::from_slice(record.value()).ok()
    }

    /// Whether it is about this entry.
    pub(crate) fn is_about(&self, entry: &Entry) -> bool {
        self.modified == entry.index() && is_kept(entry)
    }
}

/// Whether renewals keep this entry alive.
pub(crate) fn is_kept(entry: &Entry) -> bool {
    let deadline = entry.attrs().deadline;
    deadline.is_some_and(Deadline::is_kept_by_renewals)
}

/// How long an entry may go without a renewal, after a gateway began to serve, before that is recorded. Whoever renews three
/// times in each TTL, as Docker's hosts do, causes no record.
pub(crate) fn patience(deadline: Deadline) -> Duration {
    Duration::from_millis(deadline.ttl_ms) / 2
}
