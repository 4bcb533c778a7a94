//! Records of nodes: data and access lists as they are written.

use bytes::Bytes;

use crate::face::zookeeper::path::ZnodePath;
use crate::face::zookeeper::znode::Znode;
use crate::model::{DirMark, Mark, Record};
use crate::space::{Draft, PENDING, tree};

/// Writes the data. A node without data is a directory to clients of etcd, who may then write beneath it; an ephemeral one
/// is not.
pub(super) fn write_data(record: &mut Record, data: Option<Bytes>, is_ephemeral: bool) {
    record.set_data(data);
    record.attrs.dir = if record.value.is_empty() && !is_ephemeral {
        DirMark::Made
    } else {
        DirMark::No
    };
}

/// What a write of a node's data begins with. One that nobody wrote gets an entry, as old as the first beneath it.
pub(super) fn next_version(draft: &Draft<'_>, node: &Znode, path: &ZnodePath) -> Record {
    if node.entry().is_some() {
        return draft.next_version(&node.key());
    }
    let mut record = first_record(draft, node, path);
    record.attrs.version = 1;
    record
}

/// The record of a node that nobody wrote: of a directory, or of a node of the server's own.
pub(super) fn first_record(draft: &Draft<'_>, node: &Znode, path: &ZnodePath) -> Record {
    if node.built_in().is_some() {
        return draft.continued(&node.key());
    }
    let mut record = draft.successor(&path.key());
    let stands = tree::node(draft, path.tree_path());
    if let Some(first) = stands.entry().filter(|first| first.index() != PENDING) {
        record.attrs.created = Mark::At(first.created());
        record.attrs.placed = Mark::At(first.created());
        record.attrs.ctime_ms = first.attrs().ctime_ms;
    }
    record.attrs.dir = DirMark::Made;
    record
}
