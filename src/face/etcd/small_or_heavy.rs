//! Work of any size: done at once where it is small, otherwise on a heavy thread in its client's turn.

use crate::fairness::{Cost, Fairness, Overloaded};
use crate::model::Flow;

/// Does the work at once where its cost is small, otherwise on a heavy thread.
pub(super) async fn small_or_heavy<T: Send + 'static>(
    fairness: &Fairness,
    flow: Flow,
    cost: Cost,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Overloaded> {
    if cost.is_small() {
        Ok(work())
    } else {
        fairness.run(flow, cost, work).await
    }
}
