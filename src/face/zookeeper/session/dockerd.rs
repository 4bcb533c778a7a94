//! A session's label of dockerd's, by which its later connections are known on every gateway.

use super::ClientSession;
use crate::model::{Caller, Lease};
use crate::space::{Draft, Keyspace};

/// The label of a lease that names the program which has the session.
const CLIENT: &str = "client";
const DOCKERD: &str = "dockerd";

/// Whether a session is dockerd's.
pub(super) fn is_dockerd(lease: &Lease) -> bool {
    lease.labels.get(CLIENT).is_some_and(|name| name == DOCKERD)
}

/// The session has ended.
#[derive(Clone, Copy, Debug)]
struct HasEnded;

impl ClientSession {
    /// Keeps that the session is dockerd's. Where that fails, its next connection must be recognized anew.
    pub(in crate::face::zookeeper) async fn keep_as_dockerd(&self, space: &Keyspace) {
        let kept = space
            .commit(&Caller::System, |draft: &mut Draft<'_>| {
                let Some(mut lease) = draft.lease(self.lease) else {
                    return Err(HasEnded);
                };
                lease.labels.insert(CLIENT.to_owned(), DOCKERD.to_owned());
                draft.put_lease(&lease);
                Ok(())
            })
            .await;
        if let Err(failed) = kept {
            tracing::debug!(
                ?failed,
                "could not keep that a ZooKeeper session is dockerd's"
            );
        }
    }
}
