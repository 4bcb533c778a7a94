//! `SetData`: a node's data.

use bytes::Bytes;

use super::changer::{Changer, StepReply, compare_version, shared_data};
use super::new_record::{next_version, write_data};
use crate::face::zookeeper::path::ZnodePath;
use crate::face::zookeeper::znode::Znode;
use crate::model::{Permissions, Verb};
use crate::space::Draft;
use crate::wire::zookeeper::{ErrorCode, SetDataRequest};

/// Data that a node is to get.
#[derive(Clone, Debug)]
pub(in crate::face::zookeeper) struct NewData {
    path: String,
    data: Option<Bytes>,
    version: i32,
}

impl NewData {
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// What it does to the node.
    pub(super) fn verb(&self) -> Verb {
        if self.version < 0 {
            Verb::Write
        } else {
            Verb::Cas
        }
    }
}

impl From<SetDataRequest> for NewData {
    fn from(request: SetDataRequest) -> Self {
        Self {
            path: request.path,
            data: shared_data(request.data),
            version: request.version,
        }
    }
}

/// Decides on it. The errors are in the order of the real server's checks.
pub(super) fn set_data(
    draft: &mut Draft<'_>,
    changer: &Changer,
    request: &NewData,
) -> Result<StepReply, ErrorCode> {
    let path = ZnodePath::parse(&request.path).map_err(|_| ErrorCode::BadArguments)?;
    let node = Znode::find(draft, &path).ok_or(ErrorCode::NoNode)?;
    changer.needs(&node, Permissions::WRITE)?;
    compare_version(request.version, node.version())?;
    let key = node.key();
    if request.version >= 0 {
        draft.compares(&key);
    }
    let mut record = next_version(draft, &node, &path);
    let is_ephemeral = record.attrs.bound.is_some();
    write_data(&mut record, request.data.clone(), is_ephemeral);
    draft.put(&key, record);
    let entry = draft.peek(&key).cloned().ok_or(ErrorCode::NoNode)?;
    Ok(StepReply::Set(node.rewritten(entry).stat(draft)))
}
