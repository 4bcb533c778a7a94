//! The state of a thread, which its clients share.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use super::context::RunContext;
use super::options::LoadOptions;
use crate::bench::client::{Failure, Outcome};
use crate::bench::measure::{Latencies, Recorder, Timing};
use crate::bench::operation::Operation;
use crate::bench::pace::Pacer;

/// What a thread's clients share.
#[derive(Debug)]
pub(super) struct ThreadState {
    pub(super) context: Arc<RunContext>,
    pub(super) pacer: Pacer,
    recorder: RefCell<Recorder>,
    /// What happened since progress was last reported.
    recent: RefCell<(Latencies, u64)>,
}

impl ThreadState {
    /// A state in which nothing was recorded.
    pub(super) fn new(context: &Arc<RunContext>) -> Self {
        Self {
            context: Arc::clone(context),
            pacer: Pacer::new(),
            recorder: RefCell::default(),
            recent: RefCell::default(),
        }
    }

    /// The options of the run.
    pub(super) fn options(&self) -> &LoadOptions {
        &self.context.options
    }

    /// Records an operation: for progress always, for the result if it was due after the start.
    pub(super) fn record(
        &self,
        operation: Operation,
        timing: &Timing,
        result: &Result<Outcome, Failure>,
    ) {
        let mut recent = self.recent.borrow_mut();
        match result {
            Ok(_) => recent
                .0
                .record(timing.ended.saturating_duration_since(timing.due)),
            Err(_) => recent.1 += 1,
        }
        if timing.due < self.context.start {
            return;
        }
        if result.is_ok() {
            self.context.gap.success(timing.ended);
        }
        self.recorder.borrow_mut().record(operation, timing, result);
    }

    /// Records how late an operation was sent although its client was free.
    pub(super) fn late(&self, by: Duration) {
        self.recorder.borrow_mut().lateness.record(by);
    }

    /// What was recorded.
    pub(super) fn recorded(&self) -> Recorder {
        self.recorder.borrow().clone()
    }

    /// Reports progress.
    pub(super) fn report(&self) {
        let mut recent = self.recent.borrow_mut();
        let tally = &self.context.tally;
        tally.add(&recent.0, recent.1, self.pacer.waiting());
        recent.0.clear();
        recent.1 = 0;
    }
}
