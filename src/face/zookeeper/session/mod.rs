//! Sessions: leases of ZooKeeper's kind, which a connection makes, takes up again and renews.

mod attach;
mod dockerd;
mod id;
mod password;
mod timeout;

pub(super) use attach::{Attached, attach};
pub(super) use id::ClientSessionId;
pub(super) use password::SessionPassword;
pub(super) use timeout::SessionTimeout;

use crate::model::{Key, LeaseId};

/// A session that a connection has taken up.
#[derive(Clone, Debug)]
pub(super) struct ClientSession {
    /// Its number, as clients know it.
    pub(super) id: ClientSessionId,
    /// The lease that it is.
    pub(super) lease: LeaseId,
    /// The key of the lease's record: a session has ended when there is none.
    pub(super) record: Key,
    /// How long it lives without a request.
    pub(super) timeout: SessionTimeout,
    /// An earlier connection that had it was recognized as dockerd's.
    pub(super) is_dockerd: bool,
}

impl ClientSession {
    fn new(id: ClientSessionId, timeout: SessionTimeout) -> Self {
        let lease = id.lease();
        Self {
            id,
            lease,
            record: lease.record_key(),
            timeout,
            is_dockerd: false,
        }
    }
}

#[cfg(test)]
impl ClientSession {
    /// A session of this number.
    pub(super) fn for_tests(id: [u8; 8]) -> Self {
        Self::new(
            ClientSessionId::from_random(id),
            SessionTimeout::negotiate(0),
        )
    }
}
