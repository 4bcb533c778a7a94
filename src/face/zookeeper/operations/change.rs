//! `ChangeRequest`: an operation that changes nodes, decided on a draft.

use super::changer::{ChangeRefusal, Changer};
use super::create::NewNode;
use super::multi::multi;
use super::reply::Reply;
use super::set_acl::set_acl;
use super::step::ChangeStep;
use crate::fairness::Cost;
use crate::model::{Cause, Verb};
use crate::space::Draft;
use crate::wire::zookeeper::{ClientChange, MultiRequest, OpCode, SetAclRequest};

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
    /// What a client asks for; `None` where an operation of a `Multi` changes nothing, which is not decoded.
    pub(in crate::face::zookeeper) fn of_client(request: ClientChange) -> Option<Self> {
        let create = |op, node, ttl_ms| {
            Self::Step(ChangeStep::Create(NewNode::of_request(op, node, ttl_ms)))
        };
        Some(match request {
            ClientChange::Create(node) => create(OpCode::Create, node, 0),
            ClientChange::Create2(node) => create(OpCode::Create2, node, 0),
            ClientChange::CreateContainer(node) => create(OpCode::CreateContainer, node, 0),
            ClientChange::CreateTtl(request) => {
                create(OpCode::CreateTtl, request.node, request.ttl_ms)
            }
            ClientChange::Delete(request) => Self::Step(ChangeStep::Delete(request)),
            ClientChange::SetData(request) => Self::Step(ChangeStep::SetData(request.into())),
            ClientChange::SetAcl(request) => Self::SetAcl(request),
            ClientChange::Multi(MultiRequest(all)) => {
                let steps: Option<_> = all.into_iter().map(ChangeStep::of_multi).collect();
                Self::Multi(steps?)
            }
        })
    }

    /// What it does to which paths, for the audit log.
    pub(in crate::face::zookeeper) fn targets(&self) -> Vec<(Verb, &str)> {
        match self {
            Self::Step(step) => vec![step.target()],
            // The list of a node is a part of it.
            Self::SetAcl(request) => vec![(Verb::Write, &request.path)],
            Self::Multi(steps) => steps.iter().map(ChangeStep::target).collect(),
        }
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
