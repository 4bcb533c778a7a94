//! Weight of a transaction that writes: counted before it is decided, because it is decided in one piece.

use std::sync::Arc;

use http::StatusCode;

use super::failure::MAX_RESULTS;
use super::parse::TxnOp;
use crate::face::consul::deletion_weight::DeletionWeight;
use crate::face::consul::long_answer::{self, BodyForm};
use crate::face::consul::reply::Reply;
use crate::face::consul::request::ApiRequest;
use crate::face::consul::weight::Weight;
use crate::fairness::{Cost, Reservation};
use crate::space::{Lookup, View};

/// The most entries under the prefixes that one transaction deletes, each counted once for each of its operations. Consul
/// has no limit.
const MAX_DELETED: usize = 1 << 16;

/// What a transaction will change, and what it will answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct WriteWeight {
    deleted: DeletionWeight,
    results: Weight,
    operations: usize,
}

impl WriteWeight {
    /// The weight of these operations; a transaction that may not be so large is refused.
    pub(super) async fn of(request: &ApiRequest<'_>, ops: &Arc<Vec<TxnOp>>) -> Result<Self, Reply> {
        let trees = ops.iter().filter(|op| op.verb == "delete-tree");
        let trees = trees.map(|op| op.key.clone()).collect();
        let deleted = DeletionWeight::of_trees(request, trees, MAX_DELETED).await?;
        if deleted.entries > MAX_DELETED {
            return Err(too_large(format!(
                "a transaction deletes {MAX_DELETED} entries at most"
            )));
        }
        let results = weigh_results(request, ops).await?;
        if results.entries > MAX_RESULTS {
            return Err(too_large(format!(
                "a transaction that writes has {MAX_RESULTS} results at most"
            )));
        }
        if !long_answer::is_allowed(results) {
            return Err(long_answer::NotMade::TooLong.into());
        }
        Ok(Self {
            deleted,
            results,
            operations: ops.len(),
        })
    }

    /// Reserves the bytes of the answer.
    pub(super) fn reserve_answer(&self, request: &ApiRequest<'_>) -> Result<Reservation, Reply> {
        let form = BodyForm {
            pretty: request.query.has("pretty"),
            compressed: false,
        };
        let budget = request.face.fairness.answers();
        let bytes = if self.results.is_small() {
            0
        } else {
            form.room(self.results)
        };
        Ok(budget.reserve(request.flow, bytes)?)
    }

    /// The cost of a change with a body of so many bytes.
    pub(super) fn cost(&self, body_bytes: usize) -> Cost {
        let others = self.results.entries.max(self.operations);
        Cost::new(self.deleted.entries + others, body_bytes)
    }
}

fn too_large(text: String) -> Reply {
    Reply::text(StatusCode::PAYLOAD_TOO_LARGE, text)
}

/// The weight of the results, from what is there before the transaction; counted on a heavy thread where it is much.
async fn weigh_results(request: &ApiRequest<'_>, ops: &Arc<Vec<TxnOp>>) -> Result<Weight, Reply> {
    let view = request.face.space.read(&request.caller);
    let first = results(&view, ops, Weight::is_small);
    if first.is_small() {
        return Ok(first);
    }
    let ops = Arc::clone(ops);
    let weigh = move || {
        results(&view, &ops, |weight| {
            weight.entries <= MAX_RESULTS && long_answer::is_allowed(weight)
        })
    };
    let fairness = &request.face.fairness;
    Ok(fairness.run(request.flow, first.cost(), weigh).await?)
}

fn results(view: &View, ops: &[TxnOp], goes_on: impl Fn(Weight) -> bool) -> Weight {
    let mut weight = Weight::default();
    for op in ops {
        match op.verb.as_str() {
            "get-tree" => {
                for (key, entry) in view.scan(&op.key) {
                    weight.add(key, entry, true);
                    if !goes_on(weight) {
                        return weight;
                    }
                }
            }
            "get" => {
                if let Some(entry) = view.get(&op.key) {
                    weight.add(&op.key, entry, true);
                }
            }
            _ => weight.add_key(&op.key),
        }
        if !goes_on(weight) {
            return weight;
        }
    }
    weight
}
