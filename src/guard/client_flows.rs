//! `ClientFlows`: in whose share each connection counts, now and when the policy changes.

use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::model::{ClientCertificate, ConnectionFlow, FlowHandle, FlowIdentity, Principal};

/// The least number of connections at which those that have ended are forgotten.
const FEW: usize = 64;

/// The connections whose clients showed a certificate.
#[derive(Debug, Default)]
pub(super) struct ClientFlows {
    /// Numbers identities by their names, so that one has the same number by every policy. Nobody outside can find two names
    /// with one number.
    numbers: RandomState,
    connections: Mutex<FollowedConnections>,
}

#[derive(Debug, Default)]
struct FollowedConnections {
    all: Vec<FollowedConnection>,
    /// How many there may be until those that have ended are looked for.
    most: usize,
}

#[derive(Debug)]
struct FollowedConnection {
    flow: FlowHandle,
    certificate: Arc<ClientCertificate>,
    peer: IpAddr,
}

impl ClientFlows {
    /// An identity as flows distinguish it from others.
    pub(super) fn number(&self, principal: &Principal) -> FlowIdentity {
        FlowIdentity::numbered(self.numbers.hash_one(principal))
    }

    /// The flow of a new connection; `identify` says whose it is, by the policy in force.
    pub(super) fn follow(
        &self,
        certificate: &Arc<ClientCertificate>,
        peer: IpAddr,
        identify: impl FnOnce() -> Option<FlowIdentity>,
    ) -> ConnectionFlow {
        // Under the lock: either it is identified by the new policy, or `identify_again` finds it.
        let mut connections = self.connections.lock();
        let flow = ConnectionFlow::new(identify());
        if connections.all.len() >= connections.most.max(FEW) {
            connections.all.retain(|one| !one.flow.is_gone());
            connections.most = connections.all.len() * 2;
        }
        connections.all.push(FollowedConnection {
            flow: flow.handle(),
            certificate: Arc::clone(certificate),
            peer,
        });
        flow
    }

    /// Says again whose each connection is. Called when another policy has come into force.
    pub(super) fn identify_again(
        &self,
        identify: impl Fn(&Arc<ClientCertificate>, IpAddr) -> Option<FlowIdentity>,
    ) {
        let mut connections = self.connections.lock();
        connections.all.retain(|one| !one.flow.is_gone());
        for one in &connections.all {
            one.flow.set(identify(&one.certificate, one.peer));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_that_have_ended_are_forgotten() {
        let flows = ClientFlows::default();
        let certificate = Arc::default();
        let peer = IpAddr::from([10, 0, 0, 1]);
        for _ in 0..10_000 {
            drop(flows.follow(&certificate, peer, || None));
        }
        assert!(flows.connections.lock().all.len() <= FEW);
    }
}
