//! A thread of a run: its clients, its pacer, and what it recorded.

use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::LocalSet;
use tokio::time::{sleep, sleep_until};

use super::any_client::AnyClient;
use super::client_task::ClientTask;
use super::context::RunContext;
use super::options::Pace;
use super::thread_state::ThreadState;
use crate::bench::measure::Recorder;
use crate::bench::pace::Schedule;

/// How often a thread reports progress.
const REPORT: Duration = Duration::from_millis(250);

/// How long operations that were due in time may take after the end.
const GRACE: Duration = Duration::from_secs(1);

/// Runs a thread's share of the clients until the end.
pub(super) fn run(context: &Arc<RunContext>, thread: u32) -> io::Result<Recorder> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let report = LocalSet::new().block_on(&runtime, clients(context, thread));
    // Parked requests end with their connections.
    runtime.shutdown_background();
    report
}

async fn clients(context: &Arc<RunContext>, thread: u32) -> io::Result<Recorder> {
    let options = &context.options;
    let (start, end) = (context.start, context.end);
    let state = Rc::new(ThreadState::new(context));
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
                state.report(thread);
            }
        })
    };
    if let Pace::Open(rate, arrivals) = options.pace {
        let schedule = Schedule::new(rate, arrivals, thread, options.threads, options.seed);
        // All threads count from the same time, so that their requests are spread evenly.
        let from = start.checked_sub(options.warm_up).unwrap_or(start);
        state.pacer.run(schedule, from, end).await?;
    }
    sleep_until(end).await;
    drain(&state, running).await;
    reporting.abort();
    state.report(thread);
    Ok(state.recorded())
}

/// Waits for operations that were due before the end: those of a server that stalled belong to the result. What no client
/// took within the grace failed.
async fn drain(state: &ThreadState, running: Vec<tokio::task::JoinHandle<()>>) {
    let grace = sleep(
        state
            .options()
            .timeout
            .min(GRACE.max(state.options().timeout / 2)),
    );
    tokio::pin!(grace);
    if matches!(state.options().pace, Pace::Open(..)) {
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
    state.give_up();
}
