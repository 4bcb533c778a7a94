//! `ClientSessionId`: the number of a session, and the lease that it names.

use crate::model::LeaseId;

/// The first half of the names of leases that are sessions of ZooKeeper, beside Consul's random ones.
const LEASES: u128 = 0x7a6f_6f6b_6565_7065 << 64;

/// The number of a session: never 0, which asks for a new one, and never negative. The highest byte is below 0x80, so it is
/// not mistaken for the marks that ZooKeeper gives containers and nodes with a TTL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::face::zookeeper) struct ClientSessionId(i64);

impl ClientSessionId {
    /// Of eight random bytes.
    pub(super) fn from_random(bytes: [u8; 8]) -> Self {
        Self((i64::from_be_bytes(bytes) & i64::MAX).max(1))
    }

    /// That a client names; `None` where no session has it.
    pub(super) fn of_client(number: i64) -> Option<Self> {
        (number > 0).then_some(Self(number))
    }

    /// The session that is a lease; `None` where the lease is of another protocol.
    pub(in crate::face::zookeeper) fn of_lease(lease: LeaseId) -> Option<Self> {
        let LeaseId(name) = lease;
        let number = i64::try_from(name ^ LEASES).ok()?;
        Self::of_client(number)
    }

    /// The lease that it is.
    pub(super) fn lease(self) -> LeaseId {
        LeaseId(LEASES | u128::from(self.0.unsigned_abs()))
    }

    /// The number.
    pub(in crate::face::zookeeper) fn number(self) -> i64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_positive_and_their_leases_lead_back() {
        for bytes in [[0; 8], [0xff; 8], [0x80, 0, 0, 0, 0, 0, 0, 0], [7; 8]] {
            let id = ClientSessionId::from_random(bytes);
            assert!(id.number() > 0);
            assert_eq!(ClientSessionId::of_lease(id.lease()), Some(id));
            assert_eq!(ClientSessionId::of_client(id.number()), Some(id));
        }
        for number in [0, -1, i64::MIN] {
            assert_eq!(ClientSessionId::of_client(number), None);
        }
        assert_eq!(ClientSessionId::of_lease(LeaseId::random()), None);
        assert_eq!(ClientSessionId::of_lease(LeaseId(LEASES)), None);
    }
}
