//! What the log says of writes that the cluster refuses: that it does, what to do, and that it is over.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::error::{ApiError, INSTALL};
use crate::store::shared::metrics::{Reason, Verb};

/// The same is said again after so long at the earliest: where one entry is refused and the next is not, each would
/// be a line else.
const QUIET: Duration = Duration::from_secs(60);

/// What was said, by why it was refused.
#[derive(Debug, Default)]
pub(crate) struct Complaints(Mutex<HashMap<Reason, Said>>);

#[derive(Debug)]
struct Said {
    /// What was refused: it is over when such a write is taken.
    verb: Verb,
    at: Instant,
    /// Nothing was said since that it is over.
    open: bool,
}

impl Complaints {
    /// A write was refused.
    pub(crate) fn say(&self, verb: Verb, error: &ApiError) {
        let Some(reason) = error.reason().filter(|_| is_write(verb)) else {
            return;
        };
        // To be asked to come later is no refusal yet.
        let Some(hint) = hint(reason) else {
            return;
        };
        if self.is_news(verb, reason, Instant::now()) {
            tracing::warn!(%error, "the cluster refuses writes: {hint}");
        }
    }

    /// Such a write was accepted.
    pub(crate) fn over(&self, verb: Verb) {
        if is_write(verb) && self.is_over(verb) {
            tracing::info!("the cluster takes such writes again");
        }
    }

    fn is_news(&self, verb: Verb, reason: Reason, now: Instant) -> bool {
        let mut said = self.0.lock();
        let before = said.get(&reason);
        if before.is_some_and(|said| said.open || now.duration_since(said.at) < QUIET) {
            return false;
        }
        let news = Said {
            verb,
            at: now,
            open: true,
        };
        said.insert(reason, news);
        true
    }

    fn is_over(&self, verb: Verb) -> bool {
        let mut said = self.0.lock();
        let mut open = false;
        for said in said.values_mut() {
            open |= said.verb == verb && std::mem::take(&mut said.open);
        }
        open
    }
}

fn is_write(verb: Verb) -> bool {
    match verb {
        Verb::List | Verb::Watch | Verb::Get => false,
        Verb::Create | Verb::Replace | Verb::Remove => true,
    }
}

/// What to do about it.
fn hint(reason: Reason) -> Option<&'static str> {
    Some(match reason {
        Reason::Quota => "raise the quota, or delete entries",
        Reason::Admission => "a policy of the cluster forbids it",
        Reason::Forbidden => {
            "grant the gateway get, list, watch, create, update and delete on entries.kubekv.io"
        }
        Reason::Unauthorized => "the gateway's token or certificate is not valid: renew it",
        Reason::Terminating => "the namespace is being deleted, or is gone",
        Reason::Definition => INSTALL,
        Reason::TooLarge => "they are larger than it takes",
        Reason::Throttled => return None,
        Reason::Other => "it says why",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_state_is_said_once() {
        let said = Complaints::default();
        let begun = Instant::now();
        assert!(said.is_news(Verb::Create, Reason::Quota, begun));
        assert!(!said.is_news(Verb::Create, Reason::Quota, begun + QUIET * 2));
        assert!(!said.is_over(Verb::Replace), "that was never refused");
        assert!(said.is_over(Verb::Create));
        assert!(!said.is_over(Verb::Create));
        assert!(!said.is_news(Verb::Create, Reason::Quota, begun + QUIET / 2));
        assert!(said.is_news(Verb::Create, Reason::Quota, begun + QUIET));
    }
}
