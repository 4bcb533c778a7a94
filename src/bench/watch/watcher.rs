//! One watcher.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use tokio::sync::Semaphore;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::Instant;

use super::options::{WatchKind, WatchOptions};
use crate::bench::client::Failure;
use crate::bench::keys::KeyShape;
use crate::bench::run::AnyClient;

/// The connections that are opened at once: more do not fit into a listen queue.
const OPENING: usize = 64;

/// A watcher that was woken.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wake {
    /// The number of the key that it waits for.
    pub(super) key: u64,
    pub(super) at: Instant,
}

/// What the watchers share.
#[derive(Debug)]
pub(super) struct WatchContext {
    kind: WatchKind,
    keys: KeyShape,
    opening: Semaphore,
    wakes: UnboundedSender<Wake>,
    armed: Cell<u32>,
    lost: Cell<u32>,
    failure: RefCell<Option<Failure>>,
}

impl WatchContext {
    pub(super) fn new(wakes: UnboundedSender<Wake>, options: &WatchOptions) -> Self {
        Self {
            kind: options.kind,
            keys: options.keys.clone(),
            opening: Semaphore::new(OPENING),
            wakes,
            armed: Cell::new(0),
            lost: Cell::new(0),
            failure: RefCell::default(),
        }
    }

    /// How many watchers wait.
    pub(super) fn armed(&self) -> u32 {
        self.armed.get()
    }

    /// How many watchers failed.
    pub(super) fn lost(&self) -> u32 {
        self.lost.get()
    }

    /// The failure of the first one that failed.
    pub(super) fn first_failure(&self) -> Option<Failure> {
        self.failure.borrow().clone()
    }
}

/// Waits for changes until it fails or is dropped.
pub(super) async fn watch(context: Rc<WatchContext>, mut client: AnyClient, number: u64) {
    let key = number.checked_rem(context.keys.count).unwrap_or(0);
    let failure = wait(&context, &mut client, key).await;
    context.lost.set(context.lost.get().saturating_add(1));
    context.failure.borrow_mut().get_or_insert(failure);
}

async fn wait(context: &WatchContext, client: &mut AnyClient, key: u64) -> Failure {
    let name = context.keys.name(key);
    let mut is_armed = false;
    let mut opening = context.opening.acquire().await.ok();
    loop {
        let woken = match context.kind {
            WatchKind::Poll => client.poll(&name).await,
            WatchKind::Stream => client.watch(&name).await,
        };
        let at = Instant::now();
        match woken {
            // The first answer has the index to wait from.
            Ok(_) if !is_armed => {
                is_armed = true;
                opening = None;
                context.armed.set(context.armed.get().saturating_add(1));
            }
            Ok(_) => {
                // The receiver lives as long as the run.
                let _sent = context.wakes.send(Wake { key, at });
            }
            Err(failure) => {
                drop(opening);
                return failure;
            }
        }
    }
}
