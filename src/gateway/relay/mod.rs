//! Connections that reach a gateway that does not lead: relayed, whole, to the one that does.
//!
//! Over a port of its own, with TLS on both sides ([`identity`]), the client's address ahead ([`header`]); one hop
//! only, because only the gateway that leads takes such connections; closed at both ends when the lead changes.

mod accept;
mod forward;
mod header;
mod identity;
mod metrics;
mod no_leader;
mod splice;

pub(super) use accept::RelayListener;
pub(super) use forward::{Forwarder, Order};
pub(super) use identity::Identity;
pub(super) use metrics::Metrics;
pub(super) use no_leader::NoLeader;
