//! Held bytes: the body of an answer or an event, in a budget where it is long.

use axum::body::Bytes;

use crate::face::held_body::held_body;
use crate::fairness::{Budget, Cost, Overloaded};
use crate::model::Flow;

/// A body that counts in a budget until its last clone is dropped. Short ones count nowhere.
pub(super) fn held(budget: &Budget, flow: Flow, bytes: Vec<u8>) -> Result<Bytes, Overloaded> {
    if Cost::new(0, bytes.len()).is_small() {
        return Ok(bytes.into());
    }
    let reservation = budget.reserve(flow, bytes.len())?;
    Ok(held_body(bytes.into(), reservation))
}

/// As [`held`], of a body that must be sent whatever the limit.
pub(super) fn charged(budget: &Budget, flow: Flow, bytes: Vec<u8>) -> Bytes {
    if Cost::new(0, bytes.len()).is_small() {
        return bytes.into();
    }
    let reservation = budget.charge(flow, bytes.len());
    held_body(bytes.into(), reservation)
}
