//! The candidate that a gateway is for leadership, and the times that follow from its duration.

use std::time::Duration;

use crate::store::shared::election::leader_record::Relay;

/// The longest pause before a record that was not taken is sent again.
const LONGEST_RETRY: Duration = Duration::from_millis(250);

/// A gateway that stands for leadership.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Its name, for people.
    pub name: String,
    /// Its relay port, where other gateways reach it.
    pub relay: Option<Relay>,
    /// How long its leadership lasts without a heartbeat.
    pub duration: Duration,
}

impl Candidate {
    /// How long leadership is valid after a heartbeat was sent: a fifth less than other gateways wait, as clocks may differ
    /// in speed by as much.
    pub(super) fn validity(&self) -> Duration {
        self.duration.mul_f64(0.8)
    }

    /// The time between two heartbeats.
    pub(super) fn heartbeat_interval(&self) -> Duration {
        self.duration / 5
    }

    /// How long a record that was sent may stay undelivered before the watch is opened again.
    pub(super) fn delivery_patience(&self) -> Duration {
        self.duration / 3
    }

    /// The pause before a record that was not taken is sent again.
    pub(super) fn retry_pause(&self) -> Duration {
        (self.duration / 20).min(LONGEST_RETRY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lasting(seconds: u64) -> Candidate {
        Candidate {
            name: "this".to_owned(),
            relay: None,
            duration: Duration::from_secs(seconds),
        }
    }

    #[test]
    fn leadership_is_valid_for_less_time_than_others_wait() {
        assert_eq!(lasting(4).validity(), Duration::from_millis(3_200));
    }

    #[test]
    fn lost_heartbeat_is_noticed_while_leadership_is_valid() {
        let candidate = lasting(4);
        let noticed = candidate.heartbeat_interval() + candidate.delivery_patience();
        assert!(noticed < candidate.validity());
        assert_eq!(candidate.retry_pause(), Duration::from_millis(200));
        assert_eq!(lasting(10).retry_pause(), LONGEST_RETRY);
    }
}
