//! A thread of a run: its clients, its pacer, and what it recorded.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::LocalSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::any_client::AnyClient;
use super::client_task::ClientTask;
use super::options::{LoadOptions, Pace};
use super::progress::Tally;
use crate::bench::client::{Failure, Outcome};
use crate::bench::keys::KeyChooser;
use crate::bench::measure::{GapMeter, Latencies, Recorder, ThreadUse, Timing};
use crate::bench::operation::Operation;
use crate::bench::pace::{Pacer, Schedule};
use crate::bench::target::Target;

/// How often a thread reports progress.
const REPORT: Duration = Duration::from_millis(250);

/// How long operations that were due in time may take after the end.
const GRACE: Duration = Duration::from_secs(1);

/// What all threads of a run share.
#[derive(Debug)]
pub(super) struct RunContext {
    pub(super) target: Arc<Target>,
    pub(super) options: LoadOptions,
    pub(super) chooser: KeyChooser,
    /// The part of new keys' names that no other run has.
    pub(super) unique: String,
    pub(super) tally: Tally,
    pub(super) gap: GapMeter,
    /// When it begins to be measured, and when it ends.
    pub(super) start: Instant,
    pub(super) end: Instant,
}

/// What a thread's clients share.
#[derive(Debug)]
pub(super) struct ThreadState {
    pub(super) options: LoadOptions,
    pub(super) pacer: Pacer,
    context: Arc<RunContext>,
    recorder: RefCell<Recorder>,
    /// What happened since progress was last reported.
    recent: RefCell<(Latencies, u64)>,
}

/// What a thread did.
#[derive(Debug)]
pub(super) struct ThreadReport {
    pub(super) recorder: Recorder,
    /// Its use of the processor while it was measured.
    pub(super) use_: ThreadUse,
}

impl ThreadState {
    /// Records an operation: for progress always, for the result if it was due after the start.
    pub(super) fn record(
        &self,
        operation: Operation,
        timing: &Timing,
        result: &Result<Outcome, Failure>,
        start: Instant,
    ) {
        let mut recent = self.recent.borrow_mut();
        match result {
            Ok(_) => recent
                .0
                .record(timing.ended.saturating_duration_since(timing.due)),
            Err(_) => recent.1 += 1,
        }
        if timing.due < start {
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

    fn report(&self) {
        let mut recent = self.recent.borrow_mut();
        let tally = &self.context.tally;
        tally.add(&recent.0, recent.1, self.pacer.waiting());
        recent.0.clear();
        recent.1 = 0;
    }
}

/// Runs a thread's share of the clients until the end.
pub(super) fn run(context: &Arc<RunContext>, thread: u32) -> io::Result<ThreadReport> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let report = LocalSet::new().block_on(&runtime, clients(context, thread));
    // Parked requests end with their connections.
    runtime.shutdown_background();
    report
}

async fn clients(context: &Arc<RunContext>, thread: u32) -> io::Result<ThreadReport> {
    let options = &context.options;
    let (start, end) = (context.start, context.end);
    let state = Rc::new(ThreadState {
        options: options.clone(),
        pacer: Pacer::new(),
        context: Arc::clone(context),
        recorder: RefCell::default(),
        recent: RefCell::default(),
    });
    let step = usize::try_from(options.threads.max(1)).unwrap_or(1);
    let mut running = Vec::new();
    for number in (thread..options.clients).step_by(step) {
        let number = u64::from(number);
        let task = ClientTask {
            client: AnyClient::new(&context.target, number, options.consistency),
            chooser: context.chooser.of_client(number),
            random: fastrand::Rng::with_seed(options.seed.wrapping_add(number)),
            unique: format!("{}-{number}", context.unique),
            state: Rc::clone(&state),
            count: 0,
            value: Vec::new(),
        };
        running.push(tokio::task::spawn_local(task.run(start, end)));
    }
    let reporting = {
        let state = Rc::clone(&state);
        tokio::task::spawn_local(async move {
            loop {
                sleep(REPORT).await;
                state.report();
            }
        })
    };
    let measuring = tokio::task::spawn_local(async move {
        sleep_until(start).await;
        let before = ThreadUse::now();
        sleep_until(end).await;
        ThreadUse::now().since(before)
    });
    if let Pace::Open(rate, arrivals) = options.pace {
        let schedule = Schedule::new(rate, arrivals, thread, options.threads, options.seed);
        // All threads count from the same time, so that their requests are spread evenly.
        let from = start.checked_sub(options.warm_up).unwrap_or(start);
        state.pacer.run(schedule, from, end).await?;
    }
    let use_ = measuring.await.unwrap_or_default();
    drain(&state, running).await;
    reporting.abort();
    state.report();
    let recorder = state.recorder.borrow().clone();
    Ok(ThreadReport { recorder, use_ })
}

/// Waits for operations that were due before the end: those of a server that stalled belong to the result. What no client
/// took within the grace failed.
async fn drain(state: &ThreadState, running: Vec<tokio::task::JoinHandle<()>>) {
    let grace = sleep(
        state
            .options
            .timeout
            .min(GRACE.max(state.options.timeout / 2)),
    );
    tokio::pin!(grace);
    if matches!(state.options.pace, Pace::Open(..)) {
        while state.pacer.waiting() > 0 {
            tokio::select! {
                () = &mut grace => break,
                () = sleep(Duration::from_millis(1)) => {}
            }
        }
    }
    state.pacer.close();
    for mut client in running {
        tokio::select! {
            () = &mut grace => client.abort(),
            _ended = &mut client => {}
        }
    }
}
