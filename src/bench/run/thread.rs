//! A thread of a run: its clients, its pacer, and what it recorded.

use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::LocalSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::any_client::AnyClient;
use super::client_task::ClientTask;
use super::context::RunContext;
use super::thread_state::ThreadState;
use crate::bench::measure::Recorder;

/// How often a thread reports progress.
const REPORT: Duration = Duration::from_millis(250);

/// How long clients go on after the end to send what was due before, at least.
const GRACE: Duration = Duration::from_secs(1);

/// What a thread did.
#[derive(Debug)]
pub(super) struct ThreadReport {
    pub(super) recorder: Recorder,
    /// How many operations were due, and no client was free to send them.
    pub(super) not_sent: u64,
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
    let state = Rc::new(ThreadState::new(context, thread));
    let step = usize::try_from(options.threads.max(1)).unwrap_or(1);
    let mut running = Vec::new();
    for number in (thread..options.clients).step_by(step) {
        for task in tasks(&state, u64::from(number)) {
            running.push(tokio::task::spawn_local(task.run()));
        }
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
    if let Some(pacer) = state.pacer() {
        pacer.run().await?;
    }
    sleep_until(context.end).await;
    let not_sent = drain(&state).await;
    // Each ends with its operation, at the latest by the timeout: what a stalled server owes belongs to the result.
    for client in running {
        client.await.map_err(io::Error::other)?;
    }
    reporting.abort();
    state.report();
    Ok(ThreadReport {
        recorder: state.recorded(),
        not_sent,
    })
}

/// The tasks of a client: one for each operation that it has in flight, with keys and choices of their own.
fn tasks(state: &Rc<ThreadState>, client: u64) -> Vec<ClientTask> {
    let (context, options) = (&state.context, state.options());
    let first = AnyClient::new(&context.target, client, options.consistency);
    let more = (1..options.pipeline).map_while(|_| first.on_same_connection());
    let more: Vec<_> = more.collect();
    let numbers = client.wrapping_mul(u64::from(options.pipeline))..;
    let each = numbers.zip(std::iter::once(first).chain(more));
    each.map(|(number, client)| ClientTask {
        client,
        chooser: context.chooser.of_client(number),
        random: fastrand::Rng::with_seed(options.seed.wrapping_add(number)),
        unique: format!("{}-{number}", context.unique),
        state: Rc::clone(state),
        count: 0,
        value: Vec::new(),
    })
    .collect()
}

/// Lets the clients send what was due before the end, for a time; returns how much they did not send.
async fn drain(state: &ThreadState) -> u64 {
    let Some(pacer) = state.pacer() else {
        return 0;
    };
    let timeout = state.options().timeout;
    let over = Instant::now() + timeout.min(GRACE.max(timeout / 2));
    while pacer.waiting() > 0 && Instant::now() < over {
        sleep(Duration::from_millis(1)).await;
    }
    pacer.close();
    state.waiting()
}
