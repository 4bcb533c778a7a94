//! `MultiRead`: several reads of one view, each with an error of its own.

use super::get_children::get_children;
use super::get_data::get_data;
use super::reading::Reading;
use super::reply::Reply;
use crate::face::zookeeper::path::ZnodePath;
use crate::space::View;
use crate::wire::zookeeper::{DataReply, ErrorCode, MultiOperation, MultiReply, MultiResult};

/// The most bytes of all results: one request of a mebibyte could ask for a node of a mebibyte, or for a long list, tens of
/// thousands of times.
const MOST_BYTES: usize = 64 << 20;

/// About the bytes that a name in a list takes: as many are counted for a node that is only walked.
const NAME_BYTES: usize = 64;

/// About the bytes of a result besides its data.
const RESULT_BYTES: usize = 128;

/// The results, in order.
///
/// # Errors
///
/// `MarshallingError` where they would be too long: for any client to read, too.
pub(super) fn multi_read(
    reading: &mut Reading<'_>,
    all: &[MultiOperation],
) -> Result<Reply, ErrorCode> {
    // Lists are weighed before any of them is made.
    let nodes = all.iter().map(|read| nodes_of_part(&reading.view, read));
    let nodes = nodes.fold(0, usize::saturating_add);
    let mut bytes = nodes.saturating_mul(NAME_BYTES);
    let mut results = Vec::new();
    for read in all {
        if bytes > MOST_BYTES {
            return Err(ErrorCode::MarshallingError);
        }
        let result = one(reading, read);
        if let MultiResult::Data(DataReply {
            data: Some(data), ..
        }) = &result
        {
            bytes = bytes.saturating_add(data.len());
        }
        bytes = bytes.saturating_add(RESULT_BYTES);
        results.push(result);
    }
    Ok(Reply::Multi(MultiReply(results)))
}

/// One of the reads, with its path.
#[derive(Clone, Copy)]
pub(super) enum PartRead<'a> {
    Data(&'a str),
    Children(&'a str),
}

impl<'a> PartRead<'a> {
    /// `None` for an operation that writes or compares, of which none is decoded among reads.
    pub(super) fn of(operation: &'a MultiOperation) -> Option<Self> {
        match operation {
            MultiOperation::GetData(request) => Some(Self::Data(&request.path)),
            MultiOperation::GetChildren(request) => Some(Self::Children(&request.path)),
            MultiOperation::Create(_)
            | MultiOperation::Create2(_)
            | MultiOperation::CreateContainer(_)
            | MultiOperation::CreateTtl(_)
            | MultiOperation::Delete(_)
            | MultiOperation::SetData(_)
            | MultiOperation::Check(_) => None,
        }
    }
}

/// About how many nodes one of the reads reads.
pub(super) fn nodes_of_part(view: &View, read: &MultiOperation) -> usize {
    match PartRead::of(read) {
        Some(PartRead::Children(path)) => nodes_of_children(view, path),
        Some(PartRead::Data(path)) => nodes_of_data(view, path),
        None => 0,
    }
}

/// About how many nodes a list reads.
pub(super) fn nodes_of_children(view: &View, path: &str) -> usize {
    let Some(path) = ZnodePath::of_read(path) else {
        return 1;
    };
    let children = view.most_children(path.tree_path());
    children.saturating_add(view.cost_of_directory(path.tree_path()))
}

/// About how many nodes a read of a node and its metadata reads.
pub(super) fn nodes_of_data(view: &View, path: &str) -> usize {
    let path = ZnodePath::of_read(path);
    let counted = path.map_or(0, |path| view.cost_of_directory(path.tree_path()));
    counted.saturating_add(1)
}

fn one(reading: &mut Reading<'_>, read: &MultiOperation) -> MultiResult {
    let reply = match PartRead::of(read) {
        Some(PartRead::Data(path)) => get_data(reading, path),
        Some(PartRead::Children(path)) => get_children(reading, path, false),
        None => Err(ErrorCode::MarshallingError),
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
