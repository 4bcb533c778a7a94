//! Lock delays: for a while after a lease ended, nobody may lock what it held (Consul's lock-delay).
//!
//! A delay is a record of its own, so that it outlives the gateway: while the record is there, `leases` refuses the lock.

use std::time::Duration;

use super::key_records::KeyRecords;
use crate::model::Entry;

/// The delays on clients' keys.
pub(super) const RECORDS: KeyRecords = KeyRecords::beneath(b"delay/");

/// How long a recorded delay lasts.
pub(crate) fn length(record: &Entry) -> Option<Duration> {
    serde_json::from_slice(record.value())
        .ok()
        .map(Duration::from_millis)
}
