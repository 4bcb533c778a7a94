//! A ZooKeeper: its nodes, one after the other, as of one change where nothing changes meanwhile.
//!
//! It has no snapshots. But every node tells the last change of its bytes and of its children, by numbers that grow over
//! the whole ensemble: a pass in which no node is newer than the change it began after has read what was there then.

mod connect;
mod session;
#[cfg(test)]
mod tests;
mod tls;
mod walk;

use tokio::io::{AsyncRead, AsyncWrite};

use self::session::Session;
use self::walk::{Place, walk};
use crate::config::SourceAccess;
use crate::transfer::{Error, Left, LeftOut, Listing};
use crate::wire::zookeeper::{Code, Op, Path, Stat, WatchedPath};

/// How often a tree is read anew that changes while it is read, before what changed is named.
const PASSES: usize = 3;

pub(super) async fn read(
    servers: &[String],
    chroot: &str,
    access: &SourceAccess,
    prefix: &[u8],
    listing: &mut Listing,
) -> Result<(), Error> {
    let mut session = connect::open(servers, access).await?;
    // Names are text: none begins with anything else.
    if let Ok(prefix) = std::str::from_utf8(prefix) {
        passes(&mut session, chroot, prefix, listing).await?;
    }
    session.close().await
}

/// Reads until a pass was as of one change, or too often.
async fn passes<S: AsyncRead + AsyncWrite + Unpin>(
    session: &mut Session<S>,
    chroot: &str,
    prefix: &str,
    listing: &mut Listing,
) -> Result<(), Error> {
    let empty = listing.clone();
    for _pass in 0..PASSES {
        *listing = empty.clone();
        let since = caught_up(session, chroot).await?;
        let place = Place {
            chroot,
            prefix,
            since,
        };
        walk(session, place, listing).await?;
        listing.left_out.sort();
        listing.left_out.dedup();
        let changing = |left: &LeftOut| left.left == Left::Changing;
        if !listing.left_out.iter().any(changing) {
            listing.index = u64::try_from(since).ok();
            break;
        }
    }
    Ok(())
}

/// Lets the server catch up with the leader; the change it has then taken in.
async fn caught_up<S: AsyncRead + AsyncWrite + Unpin>(
    session: &mut Session<S>,
    chroot: &str,
) -> Result<i64, Error> {
    let root = if chroot.is_empty() { "/" } else { chroot };
    let refused = |server: &str, code: Code| {
        Error::Refused(if code == Code::NoNode {
            format!("ZooKeeper at {server} has no {root}")
        } else {
            format!("ZooKeeper at {server} refused to answer: {code}")
        })
    };
    let path = root.to_owned();
    let (synced, since) = session.once::<Path>(Op::Sync, &Path(path.clone())).await?;
    synced.map_err(|code| refused(session.server(), code))?;
    let exists = WatchedPath { path, watch: false };
    let (there, _zxid) = session.once::<Stat>(Op::Exists, &exists).await?;
    there.map_err(|code| refused(session.server(), code))?;
    Ok(since)
}
