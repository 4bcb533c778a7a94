//! The opening of idle clients, so many at once as a listen queue holds.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::options::{IdleKind, IdleOptions};
use crate::bench::client::{Consistency, Failure};
use crate::bench::measure::{OperationRecord, Timing};
use crate::bench::run::AnyClient;
use crate::bench::target::LoadTarget;

/// How many are opened at once.
const OPENING: u32 = 64;

/// What those who open share.
struct Openings {
    options: Rc<IdleOptions>,
    key: String,
    /// How many were begun.
    begun: Cell<u32>,
    record: RefCell<OperationRecord>,
    /// The clients whose connections stay open.
    held: RefCell<Vec<AnyClient>>,
}

/// Opens all; what it took, and the clients that hold them open.
pub(super) async fn open_all(
    target: &Arc<LoadTarget>,
    options: &Rc<IdleOptions>,
    key: String,
) -> (OperationRecord, Vec<AnyClient>) {
    let openings = Rc::new(Openings {
        options: Rc::clone(options),
        key,
        begun: Cell::new(0),
        record: RefCell::default(),
        held: RefCell::default(),
    });
    let mut running = JoinSet::new();
    for _one in 0..OPENING.min(options.count) {
        running.spawn_local(open_some(Rc::clone(&openings), Arc::clone(target)));
    }
    while running.join_next().await.is_some() {}
    let held = openings.held.take();
    (openings.record.take(), held)
}

/// Opens one after another until all were begun.
async fn open_some(openings: Rc<Openings>, target: Arc<LoadTarget>) {
    let mut kept: Option<AnyClient> = None;
    loop {
        let number = openings.begun.get();
        if number >= openings.options.count {
            break;
        }
        openings.begun.set(number + 1);
        let client = kept.take();
        let mut client = client
            .unwrap_or_else(|| AnyClient::new(&target, u64::from(number), Consistency::Default));
        let sent = Instant::now();
        let opening = async {
            match openings.options.kind {
                IdleKind::Connection => client.get(&openings.key).await,
                IdleKind::Session => {
                    let name = format!("{}session-{number}", openings.options.prefix);
                    client.open_session(&name).await
                }
            }
        };
        let opened = timeout(openings.options.timeout, opening).await;
        let opened = opened.unwrap_or(Err(Failure::Timeout));
        let timing = Timing {
            due: sent,
            sent,
            ended: Instant::now(),
        };
        openings.record.borrow_mut().record(&timing, &opened);
        match openings.options.kind {
            IdleKind::Connection if opened.is_ok() => openings.held.borrow_mut().push(client),
            IdleKind::Connection => {}
            // Sessions are opened over a few connections.
            IdleKind::Session => kept = Some(client),
        }
    }
    openings.held.borrow_mut().extend(kept);
}
