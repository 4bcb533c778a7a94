//! `Shared`: the state that the handles of a session and its driver have in common.
//!
//! All types are `Send`, so that a session works on any runtime. On a runtime of one thread its lock is never contended.

use std::task::Waker;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};

use super::events::Watchers;
use super::requests::Requests;
use crate::bench::client::Failure;
use crate::wire::zookeeper::Secret;

/// A session as the server granted it.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) id: i64,
    pub(super) password: Secret,
    pub(super) timeout: Duration,
}

/// A session that its handles and its driver share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) opened: Opened,
    state: Mutex<State>,
}

/// The part of a session that changes.
#[derive(Debug)]
pub(super) struct State {
    /// Frames that the driver has not taken yet.
    pub(super) output: Vec<u8>,
    pub(super) requests: Requests,
    pub(super) watchers: Watchers,
    /// The last positive zxid of a reply.
    pub(super) last_zxid: i64,
    /// How many handles there are.
    pub(super) handles: usize,
    /// The failure that ended the session.
    pub(super) failure: Option<Failure>,
    /// The driver, unless it was woken already.
    driver: Option<Waker>,
}

impl Shared {
    /// A session with one handle.
    pub(super) fn new(opened: Opened) -> Self {
        let state = State {
            output: Vec::new(),
            requests: Requests::default(),
            watchers: Watchers::default(),
            last_zxid: 0,
            handles: 1,
            failure: None,
            driver: None,
        };
        Self {
            opened,
            state: Mutex::new(state),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}

impl State {
    /// Registers the driver: whoever changes something for it wakes it once.
    pub(super) fn register_driver(&mut self, waker: &Waker) {
        self.driver = Some(waker.clone());
    }

    /// Makes the driver look at the state.
    pub(super) fn wake_driver(&mut self) {
        if let Some(driver) = self.driver.take() {
            driver.wake();
        }
    }

    /// Ends the session; a later failure does not replace the first.
    pub(super) fn fail(&mut self, failure: Failure) {
        if self.failure.is_none() {
            self.failure = Some(failure);
            self.output = Vec::new();
            self.requests.wake_all();
            self.watchers.wake_all();
        }
    }
}
