//! `/status`: which gateway this is, its role, and who leads, for `kubekv status`.
//!
//! A face cannot tell: a follower relays whole connections, so that its faces answer in the leader's name.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde::Serialize;

use super::health::{Health, Phase};

/// What does not change while the process lives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// What people call this gateway.
    pub name: String,
    /// The names of the faces, and where each listens; `None` is off.
    pub faces: Vec<(&'static str, Option<SocketAddr>)>,
}

/// The answer.
#[derive(Debug, Serialize)]
pub(super) struct Status {
    name: String,
    version: &'static str,
    role: &'static str,
    leader: Option<String>,
    term: Option<u64>,
    serves: bool,
    #[serde(flatten)]
    faces: BTreeMap<&'static str, Option<SocketAddr>>,
}

pub(super) fn of(health: &Health) -> Status {
    let About { name, faces } = health.about().clone();
    let role = match health.phase() {
        Phase::Starting => "starting",
        Phase::Standby => "follower",
        Phase::Ready => "leader",
        Phase::Draining => "draining",
    };
    let (leader, term) = match health.leader() {
        Some((leader, term)) => (leader, Some(term)),
        // On a store of its own a gateway leads whenever it serves.
        None => ((role == "leader").then(|| name.clone()), None),
    };
    Status {
        name,
        version: env!("CARGO_PKG_VERSION"),
        role,
        leader,
        term,
        serves: role == "leader" || (role == "follower" && health.relays()),
        faces: faces.into_iter().collect(),
    }
}
