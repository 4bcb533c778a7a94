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
        // Those of the server's own, and directories that nobody wrote, are empty.
        None => Some(bytes::Bytes::new()),
    };
    Ok(Reply::Data(data, stat))
}
