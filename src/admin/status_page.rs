//! The page `/status`: the gateway's name, its role and its leader, for `kubekv status`.
//!
//! A face cannot answer this: a follower relays whole connections, so that its faces answer in the leader's name.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde::Serialize;

use super::gateway_info::GatewayInfo;
use super::health::{Health, Phase};
use crate::guard::QuarantinedRecord;

/// The page, as JSON.
#[derive(Debug, Serialize)]
pub(super) struct StatusPage {
    name: String,
    version: &'static str,
    role: &'static str,
    leader: Option<String>,
    term: Option<u64>,
    serves: bool,
    /// Docker's records that would harm daemons, as far as the leader knows them; missing without a Docker guard.
    #[serde(skip_serializing_if = "Option::is_none")]
    quarantined: Option<Vec<QuarantinedRecord>>,
    #[serde(flatten)]
    faces: BTreeMap<&'static str, Option<SocketAddr>>,
}

pub(super) fn of(health: &Health) -> StatusPage {
    let GatewayInfo { name, faces, guard } = health.info().clone();
    let role = match health.phase() {
        Phase::Starting => "starting",
        Phase::Standby => "follower",
        Phase::Ready => "leader",
        Phase::Draining => "draining",
    };
    let (leader, term) = match health.leader() {
        Some((leader, term)) => (leader, Some(term)),
        // On a store that is not shared, a gateway leads whenever it serves.
        None => ((role == "leader").then(|| name.clone()), None),
    };
    let quarantined = guard.map(|guard| guard.quarantined());
    StatusPage {
        name,
        version: env!("CARGO_PKG_VERSION"),
        role,
        leader,
        term,
        serves: role == "leader" || (role == "follower" && health.relays()),
        quarantined,
        faces: faces.into_iter().collect(),
    }
}
