//! The state of a thread, which its clients share.

use std::cell::RefCell;
use std::sync::Arc;

use tokio::time::Instant;

use super::context::RunContext;
use super::options::{LoadOptions, Pace};
use crate::bench::client::{Failure, Outcome};
use crate::bench::measure::{Latencies, Recorder, Timing};
use crate::bench::operation::Operation;
use crate::bench::pace::{Pacer, Schedule};
use crate::bench::target::TargetProtocol;

/// What a thread's clients share.
#[derive(Debug)]
pub(super) struct ThreadState {
    pub(super) context: Arc<RunContext>,
    /// The number of the thread.
    thread: u32,
    /// Hands out what is due; none where each client sends when its last operation was answered.
    pacer: Option<Pacer>,
    recorder: RefCell<Recorder>,
    /// What happened since progress was last reported.
    recent: RefCell<(Latencies, u64)>,
}

impl ThreadState {
    /// A state in which nothing was recorded.
    pub(super) fn new(context: &Arc<RunContext>, thread: u32) -> Self {
        let options = &context.options;
        let pacer = match options.pace {
            Pace::Closed => None,
            Pace::Open(rate, arrivals) => {
                let schedule = Schedule::new(rate, arrivals, thread, options.threads, options.seed);
                // All threads count from the same time, so that their requests are spread evenly.
                Some(Pacer::new(schedule, context.began, context.end))
            }
        };
        Self {
            context: Arc::clone(context),
            thread,
            pacer,
            recorder: RefCell::default(),
            recent: RefCell::default(),
        }
    }

    /// The options of the run.
    pub(super) fn options(&self) -> &LoadOptions {
        &self.context.options
    }

    /// The protocol.
    pub(super) fn protocol(&self) -> TargetProtocol {
        self.context.target.protocol
    }

    /// The pacer, if operations are due at a rate.
    pub(super) fn pacer(&self) -> Option<&Pacer> {
        self.pacer.as_ref()
    }

    /// Whether operations are due, or may be.
    pub(super) fn goes_on(&self) -> bool {
        match &self.pacer {
            Some(pacer) => !pacer.is_closed(),
            None => Instant::now() < self.context.end,
        }
    }

    /// Waits until an operation is due; `None` when no more are.
    pub(super) async fn due(&self) -> Option<Instant> {
        match &self.pacer {
            Some(pacer) => pacer.next().await,
            None => Some(Instant::now()),
        }
    }

    /// How many operations were due, and no client was free to send them.
    pub(super) fn waiting(&self) -> u64 {
        self.pacer.as_ref().map_or(0, Pacer::waiting)
    }

    /// Records how late an operation was sent although its client was free: that is no fault of the server.
    pub(super) fn sent(&self, due: Instant, free: Instant, sent: Instant) {
        if self.pacer.is_some() && due >= self.context.start {
            let late = sent.saturating_duration_since(due.max(free));
            self.recorder.borrow_mut().lateness.record(late);
        }
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
        let end = self.context.end;
        self.recorder
            .borrow_mut()
            .record(operation, timing, result, end);
    }

    /// What was recorded.
    pub(super) fn recorded(&self) -> Recorder {
        self.recorder.borrow().clone()
    }

    /// Reports progress.
    pub(super) fn report(&self) {
        let mut recent = self.recent.borrow_mut();
        let tally = &self.context.tally;
        tally.add(self.thread, &recent.0, recent.1, self.waiting());
        recent.0.clear();
        recent.1 = 0;
    }
}
