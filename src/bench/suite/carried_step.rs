//! A fleet of a search for the number of Docker hosts that are carried, as the record keeps it.

use serde::{Deserialize, Serialize};

/// A fleet of a search.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CarriedStep {
    /// Its hosts.
    pub hosts: u64,
    /// Why it is not carried, if it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overload: Option<String>,
    /// The latency that 99 of 100 of what is measured did not exceed, in microseconds; none if nothing was answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p99_us: Option<f64>,
    /// The processors that the deployment used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_cores: Option<f64>,
    /// The processors that the hosts used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_cores: Option<f64>,
    /// The share of the machine's processors that others used, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other_load: Option<f64>,
}
