//! The state of a thread, which its clients share.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::context::RunContext;
use super::options::LoadOptions;
use crate::bench::client::{Failure, Outcome};
use crate::bench::measure::{Latencies, Recorder, Timing};
use crate::bench::operation::Operation;
use crate::bench::pace::Pacer;
use crate::bench::target::TargetProtocol;

/// What a thread's clients share.
#[derive(Debug)]
pub(super) struct ThreadState {
    pub(super) context: Arc<RunContext>,
    pub(super) pacer: Pacer,
    recorder: RefCell<Recorder>,
    /// How many of each operation, due while it was measured, were sent and not answered.
    in_flight: RefCell<BTreeMap<Operation, u64>>,
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
            in_flight: RefCell::default(),
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

    /// Notes that an operation was sent.
    pub(super) fn begin(&self, operation: Operation, due: Instant) {
        if due >= self.context.start {
            *self.in_flight.borrow_mut().entry(operation).or_default() += 1;
        }
    }

    /// Notes that it ended.
    pub(super) fn end(&self, operation: Operation, due: Instant) {
        if due >= self.context.start
            && let Some(count) = self.in_flight.borrow_mut().get_mut(&operation)
        {
            *count = count.saturating_sub(1);
        }
    }

    /// Records what was sent or due and had no answer at the end as failed: a server that stalls until then must not be spared.
    pub(super) fn give_up(&self) {
        let mut recorder = self.recorder.borrow_mut();
        for (operation, count) in std::mem::take(&mut *self.in_flight.borrow_mut()) {
            recorder.fail(operation, &Failure::Unanswered, count);
        }
        let never_sent = u64::try_from(self.pacer.waiting()).unwrap_or(u64::MAX);
        let operation = self.options().mix.operations().next();
        if let Some(operation) = operation {
            recorder.fail(operation, &Failure::NeverSent, never_sent);
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

    /// Reports progress of the thread of a number.
    pub(super) fn report(&self, thread: u32) {
        let mut recent = self.recent.borrow_mut();
        let tally = &self.context.tally;
        tally.add(thread, &recent.0, recent.1, self.pacer.waiting());
        recent.0.clear();
        recent.1 = 0;
    }
}
