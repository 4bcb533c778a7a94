//! Missed events of a watch that resumes: found in the history of commits, and before it among the last changes of each
//! key.
//!
//! Real etcd keeps the last 1,000 events of the whole store and refuses to resume from before them (401), which ends
//! Docker's watches for good (moby#19554 and many more). kubekv knows the index of the last change of every key, even
//! of most deleted ones: that change stands for all earlier ones of the same key.

use std::sync::Arc;

use super::event::{self, NodeEvent};
use super::watch_scope::WatchScope;
use crate::face::etcd::error::{V2Error, V2ErrorCode};
use crate::model::{Commit, DirMark, Key, KeyRange};
use crate::space::tree::{self, Node};
use crate::space::{Keyspace, Lookup, View};

/// The first missed change in the scope from index `since` on, if there is one: its index and its events.
pub(super) fn find(
    space: &Keyspace,
    view: &View,
    scope: &WatchScope,
    since: u64,
) -> Result<Option<(u64, Vec<NodeEvent>)>, V2Error> {
    let pick = |commit: &Arc<Commit>| {
        let events = scope.events(commit, view);
        (!events.is_empty()).then(|| (commit.revision, events))
    };
    let mut from = since;
    loop {
        match space.find_commit(view, from, pick) {
            Ok(found) => return Ok(found),
            // The history may lose more commits between two lookups: then the loop looks before the new floor too.
            Err(floor) => {
                if let Some(old) = before_history(view, scope, from, floor)? {
                    return Ok(Some(old));
                }
                from = floor + 1;
            }
        }
    }
}

/// The oldest change in `since..=floor` within the scope, among the last changes of each key.
fn before_history(
    view: &View,
    scope: &WatchScope,
    since: u64,
    floor: u64,
) -> Result<Option<(u64, Vec<NodeEvent>)>, V2Error> {
    let gap = since..=floor;
    let mut oldest: Option<(u64, NodeEvent)> = None;
    let mut offer = |index: u64, event: Option<NodeEvent>| {
        if let Some(event) = event
            && gap.contains(&index)
            && oldest.as_ref().is_none_or(|(best, _)| index < *best)
        {
            oldest = Some((index, event));
        }
    };
    let concerns = |key: &Key| key.node().is_some_and(|path| scope.covers(path));
    for range in scope.ranges() {
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
    let knows_all_deletions = view.knows_deletions_from(since);
    if let Some((index, event)) = oldest
        && (knows_all_deletions || !scope.recursive)
    {
        return Ok(Some((index, vec![event])));
    }
    // A node that exists was not deleted since its last change, which is among those above. Of others that is unknown.
    let nothing_missed = knows_all_deletions
        || (!scope.recursive && !matches!(tree::node(view, &scope.path), Node::Absent));
    if nothing_missed {
        return Ok(None);
    }
    let oldest_index = view.index_floor() + 1;
    let cause = format!("the requested history has been cleared [{oldest_index}/{since}]");
    Err(V2Error::new(V2ErrorCode::EventIndexCleared, cause))
}
