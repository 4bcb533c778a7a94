//! The relay: a standby passes whole connections on to the leader.
//!
//! A relayed connection goes to the leader's relay port, over TLS with certificates of both gateways ([`certificate`]); the
//! client's address comes first ([`proxy_header`]). There is one hop only, because only the leader accepts such connections.
//! When leadership changes, both ends close.

mod certificate;
mod forwarder;
mod hold;
mod listener;
mod metrics;
mod proxy_header;
mod splice;

pub(super) use certificate::RelayCertificate;
pub(super) use forwarder::{CONNECTING, Forwarder, StandbyMode};
pub(super) use hold::NoLeaderAnswers;
pub(super) use listener::RelayListener;
pub(super) use metrics::RelayMetrics;
#[cfg(fuzzing)]
pub(crate) use proxy_header::proxy_header;
