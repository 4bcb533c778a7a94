//! Held bytes: a body that counts in a budget until the last that has it has sent it.

use axum::body::Bytes;

use crate::fairness::{Budget, Cost, Overloaded, Reservation};
use crate::model::Flow;

/// A body and its place in a budget.
struct HeldBytes {
    bytes: Vec<u8>,
    _reservation: Reservation,
}

impl AsRef<[u8]> for HeldBytes {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Counts a body in a budget until its last clone is dropped. Short ones count nowhere.
pub(super) fn held(budget: &Budget, flow: Flow, bytes: Vec<u8>) -> Result<Bytes, Overloaded> {
    if Cost::new(0, bytes.len()).is_small() {
        return Ok(bytes.into());
    }
    let held = HeldBytes {
        _reservation: budget.reserve(flow, bytes.len())?,
        bytes,
    };
    Ok(Bytes::from_owner(held))
}

/// As [`held`], of a body that must be sent whatever the limit.
pub(super) fn charged(budget: &Budget, flow: Flow, bytes: Vec<u8>) -> Bytes {
    if Cost::new(0, bytes.len()).is_small() {
        return bytes.into();
    }
    Bytes::from_owner(HeldBytes {
        _reservation: budget.charge(flow, bytes.len()),
        bytes,
    })
}
