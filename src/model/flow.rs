//! Flows: the clients between which the gateway's work is shared out fairly.

use std::net::{IpAddr, Ipv6Addr};

use super::caller::Caller;
use super::connection_flow::{ConnectionFlow, FlowIdentity};

/// Whose work it is, for fair queues and budgets: kube-apiserver's API priority and fairness calls it a flow too.
///
/// A client is the identity that a policy gives it, from whatever addresses it comes; where there is none, its address: of
/// IPv6 the first 64 bits, because one host has as many addresses as it likes beneath them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Flow {
    /// The gateway's own work, and the operator's: never queued, never refused.
    Exempt,
    /// That of clients at an address who have no identity.
    Address(IpAddr),
    /// An identity's.
    Identity(FlowIdentity),
}

impl Flow {
    /// The flow of a client with this address, of whom nothing else is known.
    pub fn of_address(address: IpAddr) -> Self {
        Self::Address(match address.to_canonical() {
            IpAddr::V4(address) => IpAddr::V4(address),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
            }
        })
    }

    /// The flow of a connection from this address.
    pub fn of_connection(flow: &ConnectionFlow, peer: IpAddr) -> Self {
        let identity = flow.identity();
        identity.map_or_else(|| Self::of_address(peer), Self::Identity)
    }

    /// The flow of a caller's requests.
    pub fn of(caller: &Caller) -> Self {
        match caller {
            Caller::Client {
                peer, credentials, ..
            } => Self::of_connection(&credentials.flow, peer.ip()),
            Caller::Operator | Caller::System => Self::Exempt,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(address: &str) -> Flow {
        Flow::of_address(address.parse().unwrap())
    }

    #[test]
    fn a_host_is_one_flow_whatever_addresses_it_takes() {
        assert_eq!(of("::ffff:10.0.0.1"), of("10.0.0.1"));
        assert_ne!(of("10.0.0.1"), of("10.0.0.2"));
        assert_eq!(of("fd00:1:2:3::1"), of("fd00:1:2:3:ffff::2"));
        assert_ne!(of("fd00:1:2:3::1"), of("fd00:1:2:4::1"));
    }

    #[test]
    fn the_gateway_itself_is_exempt() {
        assert_eq!(Flow::of(&Caller::System), Flow::Exempt);
        assert_eq!(Flow::of(&Caller::Operator), Flow::Exempt);
    }
}
