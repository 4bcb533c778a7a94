//! Revisions of etcd: unsigned in kubekv, signed on the wire.

/// A revision or another count as etcd sends it; etcd never sends a negative one.
pub(crate) fn from_wire(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

/// A revision as a request carries it.
pub(crate) fn to_wire(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
