//! `ChangeRequest`: an operation that changes nodes, decided on a draft.

use super::changer::{ChangeRefusal, Changer};
use super::multi::multi;
use super::reply::Reply;
use super::set_acl::set_acl;
use super::step::ChangeStep;
use crate::fairness::Cost;
use crate::model::Cause;
use crate::space::Draft;
use crate::wire::zookeeper::{MultiRequest, SetAclRequest};

/// An operation that changes nodes.
#[derive(Clone, Debug)]
pub(in crate::face::zookeeper) enum ChangeRequest {
    /// One that can be a part of a `Multi`, by itself.
    Step(ChangeStep),
    /// `SetAcl`.
    SetAcl(SetAclRequest),
    /// `Multi`.
    Multi(Vec<ChangeStep>),
}

impl ChangeRequest {
    /// The request of a `Multi`; `None` where one of its operations changes nothing, which is not decoded.
    pub(in crate::face::zookeeper) fn multi(request: MultiRequest) -> Option<Self> {
        let MultiRequest(all) = request;
        let steps: Option<_> = all.into_iter().map(ChangeStep::of_multi).collect();
        steps.map(Self::Multi)
    }

    /// How much work it is, `bytes` being the length of the request.
    pub(in crate::face::zookeeper) fn cost(&self, bytes: usize) -> Cost {
        Cost::new(self.steps(), bytes)
    }

    /// How many operations it has.
    pub(in crate::face::zookeeper) fn steps(&self) -> usize {
        match self {
            Self::Step(_) | Self::SetAcl(_) => 1,
            Self::Multi(steps) => steps.len(),
        }
    }

    /// The node whose children it numbers, if it does: such changes wait for each other.
    pub(in crate::face::zookeeper) fn counter(&self) -> Option<String> {
        match self {
            Self::Step(step) => step.counter(),
            Self::SetAcl(_) => None,
            Self::Multi(steps) => steps.iter().find_map(ChangeStep::counter),
        }
    }

    /// Decides on it.
    pub(in crate::face::zookeeper) fn decide(
        &self,
        draft: &mut Draft<'_>,
        changer: &Changer,
    ) -> Result<Reply, ChangeRefusal> {
        // Nothing takes effect after the session's end; what is written here waits for an end that is on its way.
        if draft.peek(&changer.session.record).is_none() {
            return Err(ChangeRefusal::SessionEnded);
        }
        match self {
            Self::Step(step) => {
                draft.because(step.cause());
                Ok(step.decide(draft, changer)?.into_reply())
            }
            Self::SetAcl(request) => {
                draft.because(Cause::Refresh);
                Ok(set_acl(draft, changer, request)?)
            }
            Self::Multi(steps) => multi(draft, changer, steps),
        }
    }
}
