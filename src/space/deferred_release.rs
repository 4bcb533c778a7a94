//! Deferred releases: leases whose end takes several commits, because they lock more than the store changes at once.
//!
//! With the first of them the lease is gone, so that nothing is locked or renewed for it any more. Until the last, a record
//! says what is still to be done, which the gateway goes on with that serves then.

use crate::model::{Key, LeaseId, Realm};

const RECORDS: &str = "ending/";

/// The record of a lease that is ending.
pub(crate) fn record_key(id: LeaseId) -> Key {
    Key::system(format!("{RECORDS}{id}"))
}

/// The lease that a record says is ending, given the record's key.
pub(crate) fn of(record: &Key) -> Option<LeaseId> {
    if record.realm() != Realm::System {
        return None;
    }
    record.as_str()?.strip_prefix(RECORDS)?.parse().ok()
}
