//! `ChangeStep`: an operation that changes nodes, alone or as a part of a `Multi`.

use super::changer::{Changer, StepReply};
use super::check::check;
use super::create::{NewNode, create};
use super::delete::delete;
use super::set_data::{NewData, set_data};
use crate::model::{Cause, Verb};
use crate::space::Draft;
use crate::wire::zookeeper::{ErrorCode, MultiOperation, OpCode, VersionedPath};

/// An operation that can be a part of a `Multi`.
#[derive(Clone, Debug)]
pub(in crate::face::zookeeper) enum ChangeStep {
    /// The creates.
    Create(NewNode),
    /// `Delete`.
    Delete(VersionedPath),
    /// `SetData`.
    SetData(NewData),
    /// `Check`.
    Check(VersionedPath),
}

impl ChangeStep {
    pub(super) fn of_multi(operation: MultiOperation) -> Option<Self> {
        Some(match operation {
            MultiOperation::Create(node) => {
                Self::Create(NewNode::of_multi(OpCode::Create, node, 0))
            }
            MultiOperation::Create2(node) => {
                Self::Create(NewNode::of_multi(OpCode::Create2, node, 0))
            }
            MultiOperation::CreateContainer(node) => {
                Self::Create(NewNode::of_multi(OpCode::CreateContainer, node, 0))
            }
            MultiOperation::CreateTtl(request) => Self::Create(NewNode::of_multi(
                OpCode::CreateTtl,
                request.node,
                request.ttl_ms,
            )),
            MultiOperation::Delete(request) => Self::Delete(request),
            MultiOperation::SetData(request) => Self::SetData(request.into()),
            MultiOperation::Check(request) => Self::Check(request),
            MultiOperation::GetData(_) | MultiOperation::GetChildren(_) => return None,
        })
    }

    /// What it does to which path.
    pub(super) fn target(&self) -> (Verb, &str) {
        match self {
            Self::Create(node) => (Verb::Create, node.path()),
            Self::Delete(request) => (Verb::Delete, &request.path),
            Self::SetData(request) => (request.verb(), request.path()),
            Self::Check(request) => (Verb::Read, &request.path),
        }
    }

    /// The node whose children it numbers, if it does.
    pub(super) fn counter(&self) -> Option<String> {
        match self {
            Self::Create(node) => node.counter(),
            Self::Delete(_) | Self::SetData(_) | Self::Check(_) => None,
        }
    }

    pub(super) fn cause(&self) -> Cause {
        match self {
            Self::Create(_) => Cause::Create,
            Self::Delete(_) => Cause::Delete,
            Self::SetData(_) | Self::Check(_) => Cause::Set,
        }
    }

    /// Decides on it, alone or after the steps before it.
    pub(super) fn decide(
        &self,
        draft: &mut Draft<'_>,
        changer: &Changer,
    ) -> Result<StepReply, ErrorCode> {
        match self {
            Self::Create(node) => create(draft, changer, node),
            Self::Delete(request) => delete(draft, changer, request),
            Self::SetData(request) => set_data(draft, changer, request),
            Self::Check(request) => check(draft, changer, request),
        }
    }
}
