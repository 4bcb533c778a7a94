//! The context of a run, which all of its threads share.

use std::sync::Arc;

use tokio::time::Instant;

use super::options::LoadOptions;
use super::progress::Tally;
use crate::bench::keys::KeyChooser;
use crate::bench::measure::GapMeter;
use crate::bench::target::LoadTarget;

/// What all threads of a run share.
#[derive(Debug)]
pub(super) struct RunContext {
    pub(super) target: Arc<LoadTarget>,
    pub(super) options: LoadOptions,
    pub(super) chooser: KeyChooser,
    /// The part of new keys' names that no other run has.
    pub(super) unique: String,
    pub(super) tally: Tally,
    pub(super) gap: GapMeter,
    /// When it began.
    pub(super) began: Instant,
    /// When it begins to be measured.
    pub(super) start: Instant,
    /// When no more operations are due.
    pub(super) end: Instant,
}
