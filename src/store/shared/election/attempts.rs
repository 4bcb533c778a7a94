//! The attempts of one gateway to write the leader record, and what each outcome means for its leadership.

use std::collections::HashMap;
use std::time::Duration;

use crate::store::shared::log::SendError;

/// The records sent and not delivered yet, each with the time it was sent, by the boot clock.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    sent_at: HashMap<u64, Duration>,
    /// The last one delivered.
    delivered: Option<u64>,
}

/// A record of this gateway that the watch delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Grant {
    /// When it was sent, by the boot clock: leadership counts from here.
    pub(super) sent_at: Duration,
    /// It was not delivered before.
    pub(super) is_new: bool,
}

impl Attempts {
    /// Adds an attempt that is being sent.
    pub(super) fn send(&mut self, attempt: u64, at: Duration) {
        self.sent_at.insert(attempt, at);
    }

    /// Takes in an attempt that was delivered; `None` if it was not sent by this gateway in this term.
    pub(super) fn deliver(&mut self, attempt: u64) -> Option<Grant> {
        let sent_at = self.sent_at.get(&attempt).copied()?;
        self.sent_at.retain(|sent, _| *sent >= attempt);
        let is_new = self.delivered.replace(attempt) != Some(attempt);
        Some(Grant { sent_at, is_new })
    }
}

/// The answer to a record that was sent, as it bears on leadership.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The record was taken, or another one was: the watch delivers either.
    Awaited,
    /// The record was taken, but the log lost its write id: a leader like this must give up.
    Unattributed,
    /// The record was refused by a rule that would refuse any gateway's: nothing is delivered, and nobody takes over.
    Refused,
    /// The record was not taken, or nobody knows whether it was. It is sent again after a pause; it has the same
    /// precondition, so that one of the two takes effect.
    Failed,
}

impl Answer {
    pub(super) fn of(answer: &Result<(), SendError>, leads: bool) -> Self {
        match answer {
            Ok(()) | Err(SendError::Conflict(_)) => Self::Awaited,
            Err(SendError::Unattributed(_)) if leads => Self::Unattributed,
            Err(SendError::Refused(_)) => Self::Refused,
            Err(
                SendError::Unattributed(_)
                | SendError::TooLarge(_)
                | SendError::Unavailable(_)
                | SendError::Unknown(_),
            ) => Self::Failed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn leadership_counts_from_when_the_record_was_sent() {
        let mut attempts = Attempts::default();
        attempts.send(7, at(1));
        attempts.send(8, at(2));
        let grant = |sent_at, is_new| Some(Grant { sent_at, is_new });
        assert_eq!(attempts.deliver(8), grant(at(2), true));
        assert_eq!(attempts.deliver(8), grant(at(2), false), "seen before");
        assert_eq!(attempts.deliver(7), None, "overtaken");
    }

    #[test]
    fn record_of_an_earlier_term_grants_nothing() {
        let mut attempts = Attempts::default();
        attempts.send(7, at(1));
        assert_eq!(attempts.deliver(6), None);
        assert!(attempts.deliver(7).is_some());
    }

    #[test]
    fn answer_says_whether_the_watch_delivers_something() {
        let text = String::new;
        assert_eq!(Answer::of(&Ok(()), true), Answer::Awaited);
        let conflict = Err(SendError::Conflict(3));
        assert_eq!(Answer::of(&conflict, true), Answer::Awaited);
        let unknown = Err(SendError::Unknown(text()));
        assert_eq!(Answer::of(&unknown, true), Answer::Failed);
        let refused = Err(SendError::Refused(text()));
        assert_eq!(Answer::of(&refused, true), Answer::Refused);
    }

    #[test]
    fn only_a_leader_gives_up_when_its_write_ids_are_lost() {
        let lost = Err(SendError::Unattributed(String::new()));
        assert_eq!(Answer::of(&lost, true), Answer::Unattributed);
        assert_eq!(Answer::of(&lost, false), Answer::Failed);
    }
}
