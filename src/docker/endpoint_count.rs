//! Endpoint count of a network. libnetwork removes no network whose count is above 0, and the network's hosts watch it: a
//! change of the count makes them list the endpoints again.

use serde::{Deserialize, Serialize};

/// The number of a network's endpoints on all hosts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointCount {
    /// The number.
    #[serde(rename = "Count")]
    pub count: u64,
}

impl EndpointCount {
    /// The count with one endpoint more.
    #[must_use]
    pub fn incremented(self) -> Self {
        Self {
            count: self.count.saturating_add(1),
        }
    }

    /// The count with one endpoint less, 0 at the least.
    #[must_use]
    pub fn decremented(self) -> Self {
        Self {
            count: self.count.saturating_sub(1),
        }
    }
}
