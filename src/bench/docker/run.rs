//! Run of a fleet: hosts that start, do things for a time, and are measured.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use super::observer::{StepFailure, StepObserver};
use super::recorder::{FleetRecorder, FleetRecords, RecentSteps};
use super::{Fleet, FleetOptions};
use crate::bench::measure::{
    ClientLoad, Latencies, NoProcess, ServerProcesses, ServerUse, ThreadUse,
};
use crate::bench::target::LoadTarget;

/// How often the lateness of the client's own timers is looked at.
const LATENESS_EVERY: Duration = Duration::from_millis(20);

/// The precision of the runtime's timers: being later than this is lateness.
const TIMER_GRAIN: Duration = Duration::from_millis(1);

/// How a fleet is measured.
#[derive(Clone, Debug)]
pub struct FleetRunOptions {
    /// The fleet.
    pub fleet: FleetOptions,
    /// The threads that simulate it.
    pub threads: usize,
    /// How long things happen before they are measured.
    pub warm_up: Duration,
    /// How long things are measured.
    pub duration: Duration,
    /// Whether containers and networks stay at the end.
    pub keep: bool,
    /// The server's processes.
    pub server: ServerProcesses,
}

/// What came of a fleet.
#[derive(Debug)]
pub struct FleetMeasured {
    /// The records of the starts of all hosts, and of the networks.
    pub start: FleetRecords,
    /// How long these starts took altogether.
    pub started_within: Duration,
    /// The records while it was measured.
    pub run: FleetRecords,
    /// How long it was measured.
    pub elapsed: Duration,
    /// The networks at the end.
    pub networks: usize,
    /// The containers at the end.
    pub containers: usize,
    /// The load on the client.
    pub client: ClientLoad,
    /// The server process before and after.
    pub server: Option<(ServerUse, ServerUse)>,
}

/// Why a fleet was not measured.
#[derive(Debug, thiserror::Error)]
pub enum FleetError {
    /// A host did not start.
    #[error("a host did not start: {0}")]
    Start(#[from] StepFailure),
    /// The runtime could not be started.
    #[error("cannot start the clients: {0}")]
    Runtime(#[from] io::Error),
    /// There is no such process.
    #[error(transparent)]
    NoServer(#[from] NoProcess),
}

/// Runs a fleet. It blocks the calling thread, which must not be one of a runtime. `progress` is called each second, with
/// the time since the start.
pub fn run(
    target: &LoadTarget,
    options: &FleetRunOptions,
    progress: &(dyn Fn(Duration, &RecentSteps) + Sync),
) -> Result<FleetMeasured, FleetError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(options.threads.max(1))
        .thread_name("docker-hosts")
        .enable_all()
        .build()?;
    let measured = runtime.block_on(measure(&runtime, target, options, progress));
    // Parked requests end with their connections.
    runtime.shutdown_background();
    measured
}

async fn measure(
    runtime: &Runtime,
    target: &LoadTarget,
    options: &FleetRunOptions,
    progress: &(dyn Fn(Duration, &RecentSteps) + Sync),
) -> Result<FleetMeasured, FleetError> {
    let recorder = Arc::new(FleetRecorder::default());
    let observer: Arc<dyn StepObserver> = Arc::<FleetRecorder>::clone(&recorder);
    let running = drive(runtime, target, options, &recorder, observer);
    tokio::pin!(running);
    let began = Instant::now();
    let mut ticks = interval(Duration::from_secs(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    // The first tick comes at once.
    ticks.tick().await;
    loop {
        tokio::select! {
            measured = &mut running => return measured,
            _at = ticks.tick() => progress(began.elapsed(), &recorder.recent()),
        }
    }
}

async fn drive(
    runtime: &Runtime,
    target: &LoadTarget,
    options: &FleetRunOptions,
    recorder: &FleetRecorder,
    observer: Arc<dyn StepObserver>,
) -> Result<FleetMeasured, FleetError> {
    let look = || options.server.look();
    let began = Instant::now();
    let mut fleet = Fleet::start(target.clone(), options.fleet.clone(), observer).await?;
    let (start, started_within) = (recorder.take(), began.elapsed());
    fleet.run(Instant::now() + options.warm_up).await;
    let _warm_up = recorder.take();
    let lateness = runtime.spawn(lateness(options.duration));
    let (before, threads, from) = (look()?, ThreadUse::of_all(), Instant::now());
    fleet.run(from + options.duration).await;
    let (elapsed, after) = (from.elapsed(), look()?);
    let mut client = ClientLoad::between(&threads, &ThreadUse::of_all(), elapsed);
    let run = recorder.take();
    client.lateness = lateness.await.unwrap_or_default();
    let population = fleet.population();
    let (networks, containers) = (population.networks(), population.containers());
    if !options.keep {
        fleet.clear().await;
    }
    fleet.stop().await;
    Ok(FleetMeasured {
        start,
        started_within,
        run,
        elapsed,
        networks,
        containers,
        client,
        server: before.zip(after),
    })
}

/// How late timers of the client's runtime are, over a time.
async fn lateness(duration: Duration) -> Latencies {
    let mut lateness = Latencies::new();
    let end = Instant::now() + duration;
    while Instant::now() < end {
        let due = Instant::now() + LATENESS_EVERY + TIMER_GRAIN;
        sleep(LATENESS_EVERY).await;
        lateness.record(Instant::now().saturating_duration_since(due));
    }
    lateness
}
