//! Idle clients: connections, or sessions, that do nothing, and the memory that a server takes for each.

mod opening;
mod options;
mod result;

use std::rc::Rc;
use std::sync::Arc;

use tokio::task::LocalSet;
use tokio::time::{Instant, sleep};

pub use options::{IdleKind, IdleOptions};
pub use result::{IdleMeasured, IdleSummary};

use self::opening::open_all;
use crate::bench::keys::KeyShape;
use crate::bench::measure::ServerUse;
use crate::bench::run::{ClientsError, FILL_RETRIES, write_all};
use crate::bench::target::LoadTarget;
use crate::bench::value::ValueShape;

/// The length of the value that connections read, in bytes.
const VALUE_BYTES: usize = 16;

/// Opens connections or sessions and lets them rest. It blocks the calling thread, which must not be one of a runtime.
pub fn measure(
    target: &Arc<LoadTarget>,
    options: &IdleOptions,
) -> Result<IdleMeasured, ClientsError> {
    options.server.look()?;
    let key = KeyShape {
        prefix: options.prefix.clone(),
        count: 1,
        per_directory: 0,
        width: 8,
    };
    let value = ValueShape::Changing(VALUE_BYTES);
    write_all(target, &key, &value, FILL_RETRIES)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let idle = rest(target, options, key.name(0));
    let measured = LocalSet::new().block_on(&runtime, idle);
    // Connections end.
    runtime.shutdown_background();
    measured
}

async fn rest(
    target: &Arc<LoadTarget>,
    options: &IdleOptions,
    key: String,
) -> Result<IdleMeasured, ClientsError> {
    let look = || options.server.look();
    // What the server did before is done, and what it needed is free again.
    sleep(options.settle).await;
    let before = look()?;
    let from = Instant::now();
    let (opened, clients) = open_all(target, &Rc::new(options.clone()), key).await;
    let elapsed = from.elapsed();
    sleep(options.settle).await;
    let idle = look()?;
    // Until here they are open.
    drop(clients);
    let resident = |of: Option<ServerUse>| of.map(|of| of.resident_bytes);
    Ok(IdleMeasured {
        summary: IdleSummary {
            kind: options.kind,
            open: opened.answered,
            resident_bytes_before: resident(before),
            resident_bytes_idle: resident(idle),
        },
        opened,
        elapsed,
        server: before.zip(idle),
    })
}
