//! Tally of what an attack's requests got.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

use crate::client::Answer;

/// Counts of answers by their kind.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    done: AtomicU64,
    later: AtomicU64,
    later_without_time: AtomicU64,
    refused: AtomicU64,
    failed: AtomicU64,
    broken: AtomicU64,
    bytes: AtomicU64,
}

/// The counts at one time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counts {
    /// Answered: 2xx and 404.
    pub(crate) done: u64,
    /// "Later": 429 and 503.
    pub(crate) later: u64,
    /// "Later" that does not say when (no `Retry-After`).
    pub(crate) later_without_time: u64,
    /// Refused: any other 4xx.
    pub(crate) refused: u64,
    /// Failed: any other 5xx.
    pub(crate) failed: u64,
    /// Connections refused or lost.
    pub(crate) broken: u64,
    /// The bytes of the answers' bodies.
    pub(crate) bytes: u64,
}

impl Tally {
    /// Counts a request.
    pub(crate) fn count(&self, asked: &io::Result<Answer>) {
        let Ok(answer) = asked else {
            self.count_broken();
            return;
        };
        let bytes = u64::try_from(answer.bytes).unwrap_or(u64::MAX);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        let counter = match answer.status {
            429 | 503 => {
                if !answer.has_retry_after {
                    self.later_without_time.fetch_add(1, Ordering::Relaxed);
                }
                &self.later
            }
            400..=403 | 405..=499 => &self.refused,
            500.. => &self.failed,
            _ => &self.done,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a connection that was refused or lost.
    pub(crate) fn count_broken(&self) {
        self.broken.fetch_add(1, Ordering::Relaxed);
    }

    /// The counts now.
    pub(crate) fn counts(&self) -> Counts {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            done: of(&self.done),
            later: of(&self.later),
            later_without_time: of(&self.later_without_time),
            refused: of(&self.refused),
            failed: of(&self.failed),
            broken: of(&self.broken),
            bytes: of(&self.bytes),
        }
    }
}
