//! `GetData`: a node's data and its metadata.

use super::reading::Reading;
use super::reply::Reply;
use crate::wire::zookeeper::ErrorCode;

/// The reply.
pub(super) fn get_data(reading: &mut Reading<'_>, path: &str) -> Result<Reply, ErrorCode> {
    let node = reading.readable(path)?;
    let stat = node.stat(&mut reading.view);
    let data = match node.entry() {
        Some(entry) => entry.data().cloned(),
        // Nodes of the server's own are empty at first, and directories that nobody wrote always.
        None => Some(bytes::Bytes::new()),
    };
    Ok(Reply::Data(data, stat))
}
