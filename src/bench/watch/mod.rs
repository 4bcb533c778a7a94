//! Watchers: many clients that wait for changes of keys, while a writer changes them.

mod options;
mod result;
mod watcher;
mod writer;

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::LocalSet;
use tokio::time::{Instant, sleep};

pub use options::{WatchKind, WatchOptions};
pub use result::{WatchMeasured, WatchSummary};

use self::watcher::{WatchContext, watch};
use self::writer::ChangeWriter;
use crate::bench::client::Consistency;
use crate::bench::run::{AnyClient, ClientsError, FILL_RETRIES, write_all};
use crate::bench::target::LoadTarget;

/// Measures watchers. It blocks the calling thread, which must not be one of a runtime.
pub fn measure(
    target: &Arc<LoadTarget>,
    options: &WatchOptions,
    progress: &dyn Fn(&str),
) -> Result<WatchMeasured, ClientsError> {
    options.server.look()?;
    write_all(target, &options.keys, &options.value, FILL_RETRIES)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let measured = LocalSet::new().block_on(&runtime, watchers(target, options, progress));
    // The waiting requests end with their connections.
    runtime.shutdown_background();
    measured
}

async fn watchers(
    target: &Arc<LoadTarget>,
    options: &WatchOptions,
    progress: &dyn Fn(&str),
) -> Result<WatchMeasured, ClientsError> {
    let look = || options.server.look();
    let before = look()?;
    let (events, mut seen) = mpsc::unbounded_channel();
    let context = Rc::new(WatchContext::new(events, options));
    for number in 0..options.watchers {
        let number = u64::from(number);
        let client = AnyClient::new(target, number, Consistency::Default);
        tokio::task::spawn_local(watch(Rc::clone(&context), client, number));
    }
    let shown = Cell::new(0);
    while context.armed() < options.watchers {
        if let Some(failure) = context.failures().pop() {
            return Err(ClientsError::Watcher(failure));
        }
        sleep(Duration::from_millis(10)).await;
        // A line for each thousand.
        if context.armed() / 1_000 > shown.get() {
            shown.set(context.armed() / 1_000);
            progress(&format!("{} watchers wait", context.armed()));
        }
    }
    sleep(options.settle).await;
    let waiting = look()?;
    progress(&format!("{} watchers wait; writing", options.watchers));
    let from = Instant::now();
    let mut writer = ChangeWriter::new(target, options);
    writer.run(&mut seen, progress).await;
    let elapsed = from.elapsed();
    writer.count_others(&mut seen, options.settle).await;
    let after = look()?;
    let failures = context.failures();
    for failure in &failures {
        writer.events.fail(failure.to_string());
    }
    Ok(WatchMeasured {
        writes: writer.writes,
        events: writer.events,
        last_events: writer.last_events,
        summary: WatchSummary {
            watchers: options.watchers,
            keys: options.keys.count,
            writes: writer.count,
            expected: writer.expected,
            woken: writer.woken,
            missed: writer.expected.saturating_sub(writer.woken),
            others: writer.others,
            lost: u32::try_from(failures.len()).unwrap_or(u32::MAX),
            resident_bytes_before: before.map(|server| server.resident_bytes),
            resident_bytes_waiting: waiting.map(|server| server.resident_bytes),
        },
        elapsed,
        client: writer.client_use,
        server: waiting.zip(after),
    })
}
