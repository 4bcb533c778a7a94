//! One watcher.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::{Instant, timeout};

use super::options::{WatchKind, WatchOptions};
use crate::bench::client::Failure;
use crate::bench::keys::KeyShape;
use crate::bench::run::AnyClient;

/// The connections that are opened at once: more do not fit into a listen queue.
const OPENING: usize = 64;

/// A watcher that was woken.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wake {
    /// The watcher's number.
    pub(super) watcher: u64,
    /// The number of the key that it waits for.
    pub(super) key: u64,
    pub(super) at: Instant,
}

/// What the watchers share.
#[derive(Debug)]
pub(super) struct WatchContext {
    kind: WatchKind,
    keys: KeyShape,
    timeout: Duration,
    opening: Semaphore,
    wakes: UnboundedSender<Wake>,
    armed: Cell<u32>,
    /// The failures of watchers.
    failures: RefCell<Vec<Failure>>,
}

impl WatchContext {
    pub(super) fn new(wakes: UnboundedSender<Wake>, options: &WatchOptions) -> Self {
        Self {
            kind: options.kind,
            keys: options.keys.clone(),
            timeout: options.timeout,
            opening: Semaphore::new(OPENING),
            wakes,
            armed: Cell::new(0),
            failures: RefCell::default(),
        }
    }

    /// How many watchers wait.
    pub(super) fn armed(&self) -> u32 {
        self.armed.get()
    }

    /// The failures of watchers, one each.
    pub(super) fn failures(&self) -> Vec<Failure> {
        self.failures.borrow().clone()
    }
}

/// Waits for changes until it fails or is dropped.
pub(super) async fn watch(context: Rc<WatchContext>, mut client: AnyClient, number: u64) {
    let failure = wait(&context, &mut client, number).await;
    context.failures.borrow_mut().push(failure);
}

async fn wait(context: &WatchContext, client: &mut AnyClient, watcher: u64) -> Failure {
    let key = watcher.checked_rem(context.keys.count).unwrap_or(0);
    let name = context.keys.name(key);
    {
        let _opening = context.opening.acquire().await;
        // The first answer has the index to wait from.
        let begun = timeout(context.timeout, next(context.kind, client, &name));
        if let Err(failure) = begun.await.unwrap_or(Err(Failure::Timeout)) {
            return failure;
        }
    }
    context.armed.set(context.armed.get().saturating_add(1));
    loop {
        let woken = next(context.kind, client, &name).await;
        let at = Instant::now();
        if let Err(failure) = woken {
            return failure;
        }
        // The receiver lives as long as the run.
        let _sent = context.wakes.send(Wake { watcher, key, at });
    }
}

async fn next(kind: WatchKind, client: &mut AnyClient, name: &str) -> Result<(), Failure> {
    let woken = match kind {
        WatchKind::Poll => client.poll(name).await,
        WatchKind::Stream => client.watch(name).await,
    };
    woken.map(|_change| ())
}
