//! Decoded target: the path and the query of a request, decoded on a heavy thread where they are long.

use super::path::{self, PathError};
use super::weight::Weight;
use crate::face::go::{Query, QueryError};
use crate::face::http::RequestTarget;
use crate::fairness::{Fairness, Overloaded};
use crate::model::Flow;

/// A target, decoded.
#[derive(Debug)]
pub(super) struct DecodedTarget {
    /// The clean path.
    pub(super) path: Result<Vec<u8>, PathError>,
    /// The parameters.
    pub(super) query: Result<Query, QueryError>,
}

impl DecodedTarget {
    /// Decodes a target, which may have a megabyte.
    pub(super) async fn of(
        fairness: &Fairness,
        flow: Flow,
        target: &RequestTarget,
    ) -> Result<Self, Overloaded> {
        // A query is short, or refused without being read.
        let weight = Weight::of_bytes(target.path.len());
        if weight.is_small() {
            return Ok(Self::decode(target));
        }
        let target = target.clone();
        let decode = move || Self::decode(&target);
        fairness.run(flow, weight.cost(), decode).await
    }

    fn decode(target: &RequestTarget) -> Self {
        Self {
            path: path::read(&target.path),
            query: Query::parse(target.query()),
        }
    }
}
