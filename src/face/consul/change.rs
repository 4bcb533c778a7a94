//! Change: a commit in its flow's turn.

use super::commit_error;
use super::reply::Reply;
use super::request::ApiRequest;
use crate::face::heavy_future::poll_on_heavy_threads;
use crate::fairness::Cost;
use crate::space::{Committed, Draft};

impl ApiRequest<'_> {
    /// Commits a change of this cost when it is the flow's turn. `refused` gives the answer where the decision refuses, from
    /// its reason and the revision at which it decided.
    pub(super) async fn commit<R, E>(
        &self,
        cost: Cost,
        decide: impl Fn(&mut Draft<'_>) -> Result<R, E>,
        refused: impl FnOnce(E, u64) -> Reply,
    ) -> Result<Committed<R>, Reply> {
        let mut seat = Some(self.face.fairness.seat(self.flow, cost).await?);
        let space = &self.face.space;
        let done = space.commit_keeping(&self.caller, &mut seat, decide).await;
        done.map_err(|error| commit_error::reply(error, refused))
    }

    /// The same of a change that may be wide: then it is decided on heavy threads.
    pub(super) async fn commit_wide<R, E>(
        &self,
        cost: Cost,
        decide: impl Fn(&mut Draft<'_>) -> Result<R, E> + Send + Sync + 'static,
        refused: impl FnOnce(E, u64) -> Reply,
    ) -> Result<Committed<R>, Reply>
    where
        R: Send + 'static,
        E: Send + 'static,
    {
        if cost.is_small() {
            return self.commit(cost, decide, refused).await;
        }
        let fairness = &self.face.fairness;
        let mut seat = Some(fairness.seat(self.flow, cost).await?);
        let (space, caller) = (self.face.space.clone(), self.caller.clone());
        let change = async move { space.commit_keeping(&caller, &mut seat, decide).await };
        let done = poll_on_heavy_threads(fairness, self.flow, cost, change).await?;
        done.map_err(|error| commit_error::reply(error, refused))
    }
}
