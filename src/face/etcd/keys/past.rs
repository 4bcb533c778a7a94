//! What a watcher missed: looked up in the commits that are kept, and behind those in what is left of older ones.
//!
//! Real etcd keeps the last 1,000 events of the whole store and refuses to resume from before them (401), which ends
//! Docker's watches for good (moby#19554 and many more). Here each key that changed since is still known, with the
//! index of its last change: that change stands for all that came before it.

use std::sync::Arc;

use super::event::{self, Event};
use super::watched::Watched;
use crate::face::etcd::error::{Code, Error};
use crate::model::{Commit, DirMark, Key, KeyRange};
use crate::space::tree::{self, Node};
use crate::space::{Keyspace, Lookup, View};

/// The first thing the watcher is to be told from index `since` on, if it has happened already: the index, and its
/// events.
pub(super) fn find(
    space: &Keyspace,
    view: &View,
    watched: &Watched,
    since: u64,
) -> Result<Option<(u64, Vec<Event>)>, Error> {
    let pick = |commit: &Arc<Commit>| {
        let events = watched.events(commit, view);
        (!events.is_empty()).then(|| (commit.revision, events))
    };
    let mut from = since;
    loop {
        match space.find_commit(view, from, pick) {
            Ok(found) => return Ok(found),
            // Between two looks more may be forgotten: then what is gone by now is looked up as well.
            Err(floor) => {
                if let Some(old) = before_history(view, watched, from, floor)? {
                    return Ok(Some(old));
                }
                from = floor + 1;
            }
        }
    }
}

/// The oldest change in `since..=floor` of what is watched, among the last changes of each key.
fn before_history(
    view: &View,
    watched: &Watched,
    since: u64,
    floor: u64,
) -> Result<Option<(u64, Vec<Event>)>, Error> {
    let gap = since..=floor;
    let mut oldest: Option<(u64, Event)> = None;
    let mut offer = |index: u64, event: Option<Event>| {
        if let Some(event) = event
            && gap.contains(&index)
            && oldest.as_ref().is_none_or(|(best, _)| index < *best)
        {
            oldest = Some((index, event));
        }
    };
    let concerns = |key: &Key| key.node().is_some_and(|path| watched.covers(path));
    for range in watched.ranges() {
        let prefix = match &range {
            KeyRange::Exact(key) | KeyRange::Prefix(key) => key,
        };
        let entries = view
            .scan(prefix)
            .take_while(|(key, _)| range.contains(key))
            .filter(|(key, entry)| concerns(key) && entry.attrs().dir != DirMark::Implied);
        for (key, entry) in entries {
            let path = key.node().unwrap_or_default();
            offer(
                entry.index(),
                event::of_old_write(path, &tree::node(view, path)),
            );
        }
        for (key, index) in view.deletions(&range).filter(|(key, _)| concerns(key)) {
            let path = key.node().unwrap_or_default();
            let gone = matches!(tree::node(view, path), Node::Absent);
            offer(
                index,
                gone.then(|| event::of_old_deletion(path, key, index)),
            );
        }
    }
    let sure = view.knows_deletions_from(since);
    if let Some((index, event)) = oldest
        && (sure || !watched.recursive)
    {
        return Ok(Some((index, vec![event])));
    }
    // A node that is there was not deleted since its last change, which was looked at. Of others nobody knows.
    let known =
        sure || (!watched.recursive && !matches!(tree::node(view, &watched.path), Node::Absent));
    if known {
        return Ok(None);
    }
    let oldest_known = view.index_floor() + 1;
    let cause = format!("the requested history has been cleared [{oldest_known}/{since}]");
    Err(Error::new(Code::EventIndexCleared, cause))
}
