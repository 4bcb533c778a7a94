//! Subscriptions: one queue of commits for interests that come and go, filled before any view shows a commit.
//!
//! A session that reads a view, takes what its queue has up to the view's revision, and only then answers, never shows a
//! change before its event, and never an event before its change.

use std::collections::HashSet;
use std::sync::Arc;

use super::interrupted::Interrupted;
use super::node_commit::NodeCommit;
use super::node_index::Interest;
use super::subscription_queue::SubscriptionQueue;
use super::view::View;
use super::visibility::Visibility;
use super::watch_rights::WatchRights;
use super::watches::Watches;
use crate::model::{Flow, Key, KeyRange};

/// A session's subscription: every commit that changes a node it is interested in, in order, each once.
///
/// It may also have commits that were on their way when an interest was added and concern another node. Dropping it ends
/// it.
#[derive(Debug)]
pub struct Subscription {
    watches: Arc<Watches>,
    queue: Arc<SubscriptionQueue>,
    interests: HashSet<Interest>,
    visibility: Visibility,
    rights: Option<WatchRights>,
    /// Set once for good when the caller may see other nodes than before.
    rights_changed: bool,
}

impl Subscription {
    /// One without interests. The visibility was asked for after the epoch of `rights` was subscribed to.
    pub(crate) fn new(
        watches: &Arc<Watches>,
        flow: Flow,
        visibility: Visibility,
        rights: Option<WatchRights>,
    ) -> Self {
        Self {
            watches: Arc::clone(watches),
            queue: watches.new_queue(flow, visibility.is_part()),
            interests: HashSet::new(),
            visibility,
            rights,
            rights_changed: false,
        }
    }

    /// Adds an interest; says whether it is new. Of a view that is read from now on, all later commits that concern it will
    /// be in the queue; some that the view shows may be, too.
    pub fn add(&mut self, interest: Interest) -> bool {
        if self.interests.contains(&interest) {
            return false;
        }
        self.watches.add_interest(&interest, &self.queue);
        self.interests.insert(interest)
    }

    /// Removes an interest; says whether there was one. What is in the queue for it stays there.
    pub fn remove(&mut self, interest: &Interest) -> bool {
        let removed = self.interests.remove(interest);
        if removed {
            self.watches.remove_interest(interest, &self.queue);
        }
        removed
    }

    /// How many interests it has.
    pub fn interests(&self) -> usize {
        self.interests.len()
    }

    /// The next commit that is not later than a view; `None` where there is none. Whoever has taken them all has
    /// observed everything that the view shows.
    ///
    /// # Errors
    ///
    /// The subscription yields nothing more: another must be begun in its place.
    pub fn next_in(&mut self, view: &View) -> Option<Result<NodeCommit, Interrupted>> {
        self.next_up_to(view.revision())
    }

    /// As [`Self::next_in`], for a commit of this revision that was answered: before an answer is passed on, all up to it
    /// must be taken.
    ///
    /// # Errors
    ///
    /// As for [`Self::next_in`].
    pub fn next_up_to(&mut self, revision: u64) -> Option<Result<NodeCommit, Interrupted>> {
        if self.rights.as_ref().is_some_and(WatchRights::has_moved) {
            self.ask_again();
        }
        if self.rights_changed {
            return Some(Err(Interrupted::RightsChanged));
        }
        let taken = self.queue.take(revision, self.watches.lagged_count())?;
        let taken = taken.map(|commit| NodeCommit::new(commit, self.visibility.clone()));
        Some(taken.map_err(Interrupted::Lagged))
    }

    /// Waits until a view shows a commit that is in the queue, or the subscription is interrupted. Safe to drop and call
    /// again.
    pub async fn filled(&mut self) {
        while self.queue.begins_to_wait(self.watches.shown()) {
            let filled = self.queue.filled.notified();
            match &mut self.rights {
                None => filled.await,
                Some(rights) => tokio::select! {
                    () = filled => {}
                    moved = rights.moved() => {
                        if moved {
                            return;
                        }
                        self.rights = None;
                    }
                },
            }
        }
    }

    /// Asks the guard again what the caller may see.
    fn ask_again(&mut self) {
        let ranges: Vec<KeyRange> = self.interests.iter().flat_map(ranges).collect();
        if let Some(rights) = &mut self.rights {
            self.rights_changed |= rights.ask_again(&ranges, &mut self.visibility);
        }
    }
}

/// The keys of the nodes somebody is interested in.
fn ranges(interest: &Interest) -> Vec<KeyRange> {
    let (path, beneath) = match interest {
        Interest::Node(path) => (path, None),
        Interest::Children(path) | Interest::Tree(path) => {
            let prefix = if path.is_empty() {
                Key::user("")
            } else {
                Key::user(format!("{path}/"))
            };
            (path, Some(KeyRange::Prefix(prefix)))
        }
    };
    let own = KeyRange::Exact(Key::user(path));
    std::iter::once(own).chain(beneath).collect()
}

impl Drop for Subscription {
    fn drop(&mut self) {
        for interest in &self.interests {
            self.watches.remove_interest(interest, &self.queue);
        }
    }
}

#[cfg(test)]
mod tests;
