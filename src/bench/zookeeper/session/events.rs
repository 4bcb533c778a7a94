//! `Watchers`: the queues of those who wait for events, by the path they wait for.

use std::collections::{HashMap, VecDeque};
use std::task::{Context, Poll, Waker};

use crate::wire::zookeeper::WatcherEvent;

/// The events of one watcher that it has not taken.
#[derive(Debug)]
struct Queue {
    path: String,
    is_recursive: bool,
    events: VecDeque<WatcherEvent>,
    waker: Option<Waker>,
}

impl Queue {
    fn push(&mut self, event: &WatcherEvent) {
        self.events.push_back(event.clone());
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    /// Whether an event at a path is for this recursive watcher.
    fn is_beneath(&self, path: &str) -> bool {
        let rest = path.strip_prefix(self.path.trim_end_matches('/'));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

/// The watchers of a session.
#[derive(Debug, Default)]
pub(super) struct Watchers {
    queues: HashMap<u64, Queue>,
    /// The watchers of single nodes, by path.
    exact: HashMap<String, Vec<u64>>,
    recursive: Vec<u64>,
    last: u64,
}

impl Watchers {
    /// Adds a watcher; returns its number.
    pub(super) fn add(&mut self, path: &str, is_recursive: bool) -> u64 {
        self.last = self.last.saturating_add(1);
        if is_recursive {
            self.recursive.push(self.last);
        } else {
            self.exact
                .entry(path.to_owned())
                .or_default()
                .push(self.last);
        }
        let queue = Queue {
            path: path.to_owned(),
            is_recursive,
            events: VecDeque::new(),
            waker: None,
        };
        self.queues.insert(self.last, queue);
        self.last
    }

    /// Removes a watcher.
    pub(super) fn remove(&mut self, number: u64) {
        let Some(queue) = self.queues.remove(&number) else {
            return;
        };
        if queue.is_recursive {
            self.recursive.retain(|other| *other != number);
        } else if let Some(same) = self.exact.get_mut(&queue.path) {
            same.retain(|other| *other != number);
            if same.is_empty() {
                self.exact.remove(&queue.path);
            }
        }
    }

    /// Hands an event to all who wait for it.
    pub(super) fn deliver(&mut self, event: &WatcherEvent) {
        for number in self.exact.get(&event.path).into_iter().flatten() {
            if let Some(queue) = self.queues.get_mut(number) {
                queue.push(event);
            }
        }
        for number in &self.recursive {
            if let Some(queue) = self.queues.get_mut(number)
                && queue.is_beneath(&event.path)
            {
                queue.push(event);
            }
        }
    }

    /// Takes the next event of a watcher, or waits for it.
    pub(super) fn poll_event(&mut self, number: u64, cx: &Context<'_>) -> Poll<WatcherEvent> {
        let Some(queue) = self.queues.get_mut(&number) else {
            return Poll::Pending;
        };
        if let Some(event) = queue.events.pop_front() {
            return Poll::Ready(event);
        }
        queue.waker = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Wakes everybody who waits.
    pub(super) fn wake_all(&mut self) {
        for queue in self.queues.values_mut() {
            if let Some(waker) = queue.waker.take() {
                waker.wake();
            }
        }
    }
}
