//! The counts of a fleet of simulated Docker hosts, as JSON.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::operation::OperationResult;

/// The simulated Docker hosts of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DockerSummary {
    /// The hosts.
    pub hosts: u64,
    /// The networks at the end.
    pub networks: usize,
    /// The containers at the end.
    pub containers: usize,
    /// The writes that lost against another host's, and were tried again.
    pub conflicts: u64,
    /// The starts of all hosts, and of the networks, before it was measured.
    pub start: BTreeMap<String, OperationResult>,
    /// By the kind of request; `watch` is how long polls were parked.
    pub requests: BTreeMap<String, OperationResult>,
}
