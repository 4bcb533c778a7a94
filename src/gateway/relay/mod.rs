//! Connections that reach a gateway that does not lead: relayed, whole, to the one that does.
//!
//! Over a port of its own, with TLS on both sides ([`certificate`]), the client's address ahead ([`proxy_header`]); one hop
//! only, because only the gateway that leads takes such connections; closed at both ends when the lead changes.

mod certificate;
mod forwarder;
mod listener;
mod metrics;
mod no_leader;
mod proxy_header;
mod splice;

pub(super) use certificate::Identity;
pub(super) use forwarder::{Forwarder, Order};
pub(super) use listener::RelayListener;
pub(super) use metrics::Metrics;
pub(super) use no_leader::NoLeader;
