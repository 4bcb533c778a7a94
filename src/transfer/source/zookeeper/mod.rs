//! ZooKeeper as a source: its nodes, read one after the other, as of one zxid if nothing changes meanwhile.
//!
//! ZooKeeper has no snapshots. But every node has the zxids of the last changes of its data and of its children, and zxids
//! grow over the whole ensemble: a pass in which no node is newer than the zxid that it began after has read the state as
//! of that zxid.

mod connect;
mod session;
#[cfg(test)]
mod tests;
mod walk;

use tokio::io::{AsyncRead, AsyncWrite};

use self::session::ZooKeeperSession;
use self::walk::{Subtree, walk};
use crate::config::SourceAccess;
use crate::transfer::{Error, LeftOut, LeftOutReason, Listing};
use crate::wire::zookeeper::{ErrorCode, NodePath, OpCode, Stat, WatchablePath};

/// How many passes are made over a tree that keeps changing, before the changed nodes are reported.
const MOST_PASSES: usize = 3;

pub(super) async fn read(
    servers: &[String],
    chroot: &str,
    access: &SourceAccess,
    prefix: &[u8],
    listing: &mut Listing,
) -> Result<(), Error> {
    let mut session = connect::connect(servers, access).await?;
    // Node names are UTF-8: none begins with other bytes.
    if let Ok(prefix) = std::str::from_utf8(prefix) {
        read_passes(&mut session, chroot, prefix, listing).await?;
    }
    session.close().await
}

/// Makes passes until one is as of one zxid, or until there were too many.
async fn read_passes<S: AsyncRead + AsyncWrite + Unpin>(
    session: &mut ZooKeeperSession<S>,
    chroot: &str,
    prefix: &str,
    listing: &mut Listing,
) -> Result<(), Error> {
    let empty = listing.clone();
    for _pass in 0..MOST_PASSES {
        *listing = empty.clone();
        let since = sync(session, chroot).await?;
        let subtree = Subtree {
            chroot,
            prefix,
            since,
        };
        walk(session, subtree, listing).await?;
        listing.left_out.sort();
        listing.left_out.dedup();
        let is_changing = |left: &LeftOut| left.reason == LeftOutReason::Changing;
        if !listing.left_out.iter().any(is_changing) {
            listing.index = u64::try_from(since).ok();
            break;
        }
    }
    Ok(())
}

/// Makes the server catch up with the leader; returns the last zxid that it has applied then.
async fn sync<S: AsyncRead + AsyncWrite + Unpin>(
    session: &mut ZooKeeperSession<S>,
    chroot: &str,
) -> Result<i64, Error> {
    let root = if chroot.is_empty() { "/" } else { chroot };
    let refused = |server: &str, code: ErrorCode| {
        Error::Refused(if code == ErrorCode::NoNode {
            format!("ZooKeeper at {server} has no {root}")
        } else {
            format!("ZooKeeper at {server} refused the request: {code}")
        })
    };
    let path = root.to_owned();
    let (synced, since) = session
        .request::<NodePath>(OpCode::Sync, &NodePath(path.clone()))
        .await?;
    synced.map_err(|code| refused(session.server(), code))?;
    let exists = WatchablePath { path, watch: false };
    let (stat, _zxid) = session.request::<Stat>(OpCode::Exists, &exists).await?;
    stat.map_err(|code| refused(session.server(), code))?;
    Ok(since)
}
