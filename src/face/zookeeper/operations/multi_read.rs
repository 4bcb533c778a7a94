//! `MultiRead`: several reads of one view, each with an error of its own.

use super::get_children::get_children;
use super::get_data::get_data;
use super::reading::Reading;
use super::reply::Reply;
use crate::wire::zookeeper::{DataReply, ErrorCode, MultiOperation, MultiReply, MultiResult};

/// The results, in order.
pub(super) fn multi_read(reading: &mut Reading<'_>, all: &[MultiOperation]) -> Reply {
    let results = all.iter().map(|read| one(reading, read));
    Reply::Multi(MultiReply(results.collect()))
}

fn one(reading: &mut Reading<'_>, read: &MultiOperation) -> MultiResult {
    let reply = match read {
        MultiOperation::GetData(request) => get_data(reading, &request.path),
        MultiOperation::GetChildren(request) => get_children(reading, &request.path, false),
        // None of them is decoded.
        MultiOperation::Create(_)
        | MultiOperation::Create2(_)
        | MultiOperation::CreateContainer(_)
        | MultiOperation::CreateTtl(_)
        | MultiOperation::Delete(_)
        | MultiOperation::SetData(_)
        | MultiOperation::Check(_) => Err(ErrorCode::MarshallingError),
    };
    match reply {
        Ok(Reply::Data(data, stat)) => MultiResult::Data(DataReply {
            data: data.map(|data| data.to_vec()),
            stat,
        }),
        Ok(Reply::Children(names, _)) => MultiResult::Children(names),
        Ok(_) => MultiResult::Failed(ErrorCode::SystemError.number()),
        Err(error) => MultiResult::Failed(error.number()),
    }
}
