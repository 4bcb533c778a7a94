//! Lock delays: for a while after a lease ended, nobody may lock what it held (Consul's lock-delay).
//!
//! A delay is a record of its own, so that it outlives the gateway: while the record is there, `leases` refuses the lock.

use std::time::Duration;

use crate::model::{Entry, Key, Realm};

const RECORDS: &[u8] = b"delay/";

/// The record of the delay on a client's key.
pub(crate) fn record_key(key: &Key) -> Key {
    Key::system([RECORDS, key.as_bytes()].concat())
}

/// The client's key that a record delays, given the record's key.
pub(crate) fn of(record: &Key) -> Option<Key> {
    if record.realm() != Realm::System {
        return None;
    }
    record.as_bytes().strip_prefix(RECORDS).map(Key::user)
}

/// How long a recorded delay lasts.
pub(crate) fn length(record: &Entry) -> Option<Duration> {
    serde_json::from_slice(record.value())
        .ok()
        .map(Duration::from_millis)
}
