//! Sweeper: removes containers whose children are gone, and nodes whose TTL has passed.
//!
//! All entries are looked through once a minute, as ZooKeeper does for its containers. Nodes with a TTL that were found then,
//! or created since, are looked at each second.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::face::Face;
use super::operations::remove;
use super::path::ZnodePath;
use super::znode::Znode;
use crate::face::server::Stopping;
use crate::fairness::Cost;
use crate::model::{Caller, Cause, Entry, Flow, Key, KeyRange};
use crate::space::{Directory, Draft, Keyspace, View};

/// How often nodes with a TTL are looked at.
const TICK: Duration = Duration::from_secs(1);

/// After how many of them all entries are looked through.
const TICKS_OF_ALL: u64 = 60;

/// Sweeps until the face is dropped or the gateway is stopping.
pub(super) async fn sweep(face: Weak<Face>, stopping: Stopping) {
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut count: u64 = 0;
    loop {
        tokio::select! {
            _tick = ticks.tick() => {}
            () = stopping.wait() => return,
        }
        let Some(face) = face.upgrade() else {
            return;
        };
        let containers = if count.is_multiple_of(TICKS_OF_ALL) {
            look_through(&face).await
        } else {
            Vec::new()
        };
        count += 1;
        let mut due = containers;
        let view = face.space.read(&Caller::System);
        face.ttl_nodes.retain(|path| {
            let state = state(&view, path);
            if state == State::Due {
                due.push(path.clone());
            }
            state != State::NotMeant
        });
        for path in due {
            end(&face.space, &path).await;
        }
    }
}

/// What a sweep does with a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// It is neither a container nor has a TTL, or is gone.
    NotMeant,
    /// It stays for now.
    Stays,
    /// It is to be removed.
    Due,
}

/// Finds the containers that are due, and all nodes with a TTL.
async fn look_through(face: &Arc<Face>) -> Vec<ZnodePath> {
    let view = face.space.read(&Caller::System);
    let of_face = Arc::clone(face);
    let look = move || {
        let range = KeyRange::Prefix(Key::user(""));
        let mut due = Vec::new();
        for (key, entry) in view.entries_from(&range, &Key::user("")) {
            let attrs = entry.attrs();
            if attrs.znode.is_none() {
                continue;
            }
            let Some(path) = ZnodePath::of_key(key) else {
                continue;
            };
            if attrs.childless_ttl_ms().is_some() {
                of_face.ttl_nodes.insert(path);
            } else if attrs.is_container() && state(&view, &path) == State::Due {
                due.push(path);
            }
        }
        due
    };
    // Its cost is not known before; nobody waits for it.
    let found = face.fairness.run(Flow::Exempt, Cost::new(1_024, 0), look);
    found.await.unwrap_or_default()
}

fn state(view: &View, path: &ZnodePath) -> State {
    let mut view = view.clone();
    let node = Znode::find(&mut view, path);
    let Some(entry) = node.as_ref().and_then(Znode::entry) else {
        return State::NotMeant;
    };
    let directory = view.directory(path.tree_path());
    state_of(entry, directory, crate::model::time::unix_ms())
}

fn state_of(entry: &Entry, directory: Directory, now_ms: i64) -> State {
    let attrs = entry.attrs();
    let is_due = match attrs.childless_ttl_ms() {
        Some(ttl_ms) => attrs.mtime_ms.saturating_add_unsigned(ttl_ms) <= now_ms,
        // One that was never used stays.
        None if attrs.is_container() => directory.ever > 0,
        None => return State::NotMeant,
    };
    if is_due && directory.children == 0 {
        State::Due
    } else {
        State::Stays
    }
}

/// Removes a node that is still due.
async fn end(space: &Keyspace, path: &ZnodePath) {
    let decide = |draft: &mut Draft<'_>| {
        let node = Znode::find(draft, path);
        let Some(entry) = node.as_ref().and_then(Znode::entry) else {
            return Ok(());
        };
        let directory = draft.directory(path.tree_path());
        if state_of(entry, directory, draft.now_ms()) == State::Due {
            draft.because(Cause::Expire);
            remove(draft, path);
        }
        Ok::<_, std::convert::Infallible>(())
    };
    if let Err(error) = space.commit(&Caller::System, decide).await {
        tracing::warn!(%error, "could not remove a ZooKeeper container or a node whose TTL has passed; will try again");
    }
}
