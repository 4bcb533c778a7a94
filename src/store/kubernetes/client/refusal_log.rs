//! Log of refused writes: one line when the cluster begins to refuse them, with what to do, and one when that is over.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::error::{ApiError, INSTALL};
use crate::store::shared::metrics::{Reason, StoreVerb};

/// The shortest time between two lines with the same reason. Without it, a cluster that refuses every other write would
/// get a line for each.
const QUIET: Duration = Duration::from_secs(60);

/// The refusals that were logged, by reason.
#[derive(Debug, Default)]
pub(super) struct RefusalLog(Mutex<HashMap<Reason, LoggedRefusal>>);

#[derive(Debug)]
struct LoggedRefusal {
    /// The verb of the refused write: the refusal is over when a write with this verb succeeds.
    verb: StoreVerb,
    at: Instant,
    /// Its end was not logged yet.
    open: bool,
}

impl RefusalLog {
    /// Logs a refused write, unless that was logged already.
    pub(super) fn refused(&self, verb: StoreVerb, error: &ApiError) {
        let Some(reason) = error.reason().filter(|_| is_write(verb)) else {
            return;
        };
        // A throttled write is sent again: that is no refusal yet.
        let Some(hint) = hint(reason) else {
            return;
        };
        if self.begins(verb, reason, Instant::now()) {
            tracing::warn!(
                %error,
                "the cluster refuses writes, and clients' writes fail: {hint}"
            );
        }
    }

    /// Logs the end of a refusal, if a write like this one was refused before.
    pub(super) fn accepted(&self, verb: StoreVerb) {
        if is_write(verb) && self.ends(verb) {
            tracing::info!("the cluster accepts such writes again");
        }
    }

    fn begins(&self, verb: StoreVerb, reason: Reason, now: Instant) -> bool {
        let mut logged = self.0.lock();
        let last = logged.get(&reason);
        if last.is_some_and(|last| last.open || now.duration_since(last.at) < QUIET) {
            return false;
        }
        let refusal = LoggedRefusal {
            verb,
            at: now,
            open: true,
        };
        logged.insert(reason, refusal);
        true
    }

    fn ends(&self, verb: StoreVerb) -> bool {
        let mut logged = self.0.lock();
        let mut open = false;
        for refusal in logged.values_mut() {
            open |= refusal.verb == verb && std::mem::take(&mut refusal.open);
        }
        open
    }
}

fn is_write(verb: StoreVerb) -> bool {
    match verb {
        StoreVerb::List | StoreVerb::Watch | StoreVerb::Get => false,
        StoreVerb::Create | StoreVerb::Replace | StoreVerb::Remove => true,
    }
}

/// What the operator can do about it.
fn hint(reason: Reason) -> Option<&'static str> {
    Some(match reason {
        Reason::Quota => "raise the quota, or delete entries",
        Reason::Admission => "a policy of the cluster forbids it",
        Reason::Forbidden => {
            "grant the gateway get, list, watch, create, update and delete on entries.kubekv.io"
        }
        Reason::Unauthorized => {
            "the gateway's token or certificate is not valid: renew it, the gateway reads it again by itself"
        }
        Reason::Terminating => {
            "the namespace is being deleted or does not exist: create it, or name another in the option store"
        }
        Reason::Definition => INSTALL,
        Reason::TooLarge => "they are larger than the API server accepts: store smaller values",
        Reason::Throttled => return None,
        Reason::Other => "the error says why",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_and_its_end_are_logged_once() {
        let logged = RefusalLog::default();
        let begin = Instant::now();
        assert!(logged.begins(StoreVerb::Create, Reason::Quota, begin));
        assert!(!logged.begins(StoreVerb::Create, Reason::Quota, begin + QUIET * 2));
        assert!(!logged.ends(StoreVerb::Replace), "none was refused");
        assert!(logged.ends(StoreVerb::Create));
        assert!(!logged.ends(StoreVerb::Create));
        assert!(!logged.begins(StoreVerb::Create, Reason::Quota, begin + QUIET / 2));
        assert!(logged.begins(StoreVerb::Create, Reason::Quota, begin + QUIET));
    }
}
