//! The threads of a run, and their results together.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::context::RunContext;
use super::fill::{self, FillError};
use super::options::LoadOptions;
use super::progress::{ProgressSink, Tally};
use super::thread;
use crate::bench::keys::KeyChooser;
use crate::bench::measure::{
    ClientLoad, GapMeter, NoProcess, Recorder, ServerProcesses, ServerUse, ThreadUse,
};
use crate::bench::target::LoadTarget;

/// How often progress is shown.
const PROGRESS: Duration = Duration::from_secs(1);

/// How long threads have to start before the first operation.
const SETTLE: Duration = Duration::from_millis(50);

/// What came of a run.
#[derive(Debug)]
pub struct Measured {
    /// The operations that were due while it was measured.
    pub recorder: Recorder,
    /// How many operations were due, and no client was free to send them, until the end.
    pub not_sent: u64,
    /// How long it was measured.
    pub elapsed: Duration,
    /// The load on the client.
    pub client: ClientLoad,
    /// The longest time without a success.
    pub longest_gap: Duration,
    /// The server process before and after.
    pub server: Option<(ServerUse, ServerUse)>,
}

/// Why a run did not happen.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The keys could not be written before it.
    #[error(transparent)]
    Fill(#[from] FillError),
    /// A thread could not be started.
    #[error("cannot start a thread of clients: {0}")]
    Thread(#[from] io::Error),
    /// There is no such process.
    #[error(transparent)]
    NoServer(#[from] NoProcess),
}

/// Runs a load against a target; `server` has the processes whose use of the machine is measured. It blocks the calling thread,
/// which must not be one of a runtime.
pub fn run(
    target: &Arc<LoadTarget>,
    options: LoadOptions,
    server: &ServerProcesses,
    progress: ProgressSink<'_>,
) -> Result<Measured, RunError> {
    server.look()?;
    fill::fill(target, &options)?;
    let began = Instant::now() + SETTLE;
    let start = began + options.warm_up;
    let end = start + options.duration;
    let context = Arc::new(RunContext {
        target: Arc::clone(target),
        chooser: KeyChooser::new(options.distribution, options.keys.count),
        unique: format!("{:08x}", fastrand::u32(..)),
        tally: Tally::default(),
        gap: GapMeter::new(start),
        began,
        start,
        end,
        options,
    });
    let mut threads = Vec::new();
    for number in 0..context.options.threads.max(1) {
        let context = Arc::clone(&context);
        let thread = std::thread::Builder::new().name(format!("load-{number}"));
        threads.push(thread.spawn(move || thread::run(&context, number))?);
    }
    let before = watch_until(&context, start, progress, server)?;
    // By this thread, which is not busy: those of the clients may be too busy to look in time.
    let busy_before = ThreadUse::of_all();
    let after = watch_until(&context, end, progress, server)?;
    let busy_after = ThreadUse::of_all();
    let mut recorder = Recorder::default();
    let mut not_sent = 0;
    for thread in threads {
        let ended = thread.join().map_err(|_| io::Error::other("it panicked"))?;
        let report = ended?;
        recorder.add(&report.recorder);
        not_sent += report.not_sent;
    }
    let elapsed = context.options.duration;
    let mut client = ClientLoad::between(&busy_before, &busy_after, elapsed);
    client.lateness = recorder.lateness.clone();
    Ok(Measured {
        recorder,
        not_sent,
        elapsed,
        client,
        longest_gap: context.gap.longest(end),
        server: before.zip(after),
    })
}

/// Shows progress until a time; then the server's use of the machine.
fn watch_until(
    context: &RunContext,
    until: Instant,
    progress: ProgressSink<'_>,
    server: &ServerProcesses,
) -> Result<Option<ServerUse>, RunError> {
    let mut last = Instant::now();
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        std::thread::sleep(left.min(PROGRESS));
        let mut seen = context.tally.take();
        seen.elapsed = Instant::now().saturating_duration_since(context.began);
        seen.since = last.elapsed();
        last = Instant::now();
        seen.is_warm_up = last <= context.start;
        // The moment between the warm-up and the first second is no line of its own.
        if seen.since >= PROGRESS / 2 {
            progress(&seen);
        }
    }
    Ok(server.look()?)
}
