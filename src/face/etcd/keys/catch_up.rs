//! Catch-up of a watch that resumes: what it missed, found in the history of commits, and before that among the last
//! changes of each key.
//!
//! Real etcd keeps the last 1,000 events of the whole store and refuses to resume from before them (401), which ends
//! Docker's watches for good (moby#19554 and many more). kubekv knows the index of the last change of every key, even
//! of most deleted ones: that change stands for all earlier ones of the same key.
//!
//! It goes on in steps of bounded size. All keys of the scope are walked once for 16,384 events, not for each event.

use std::collections::VecDeque;
use std::sync::Arc;

use super::event::{self, NodeEvent};
use super::event_cache::EventCache;
use super::events_in_scope::EventsInScope;
use super::last_changes::{LastChange, LastChangesWalk, MAX_FOUND};
use super::watch_scope::WatchScope;
use crate::face::etcd::error::{V2Error, V2ErrorCode};
use crate::model::{Caller, Commit, Key};
use crate::space::tree::{self, Node};
use crate::space::{Keyspace, Lookup, PastCommits, View};

/// How many commits are copied from the history at once.
const SLICE: usize = 64;

/// Where a catch-up looks: the keyspace, as the watch's client may see it.
#[derive(Clone, Debug)]
pub(super) struct Past {
    pub(super) space: Keyspace,
    pub(super) caller: Caller,
    pub(super) scope: Arc<WatchScope>,
    pub(super) cache: Arc<EventCache>,
}

/// The catch-up of a watch.
#[derive(Debug)]
pub(super) struct CatchUp {
    /// The next index in the history: everything before was found, or is in the scope of no event.
    since: u64,
    /// Whether one event is enough.
    one: bool,
    phase: CatchUpPhase,
}

#[derive(Debug)]
enum CatchUpPhase {
    /// Looks through the history.
    History,
    /// Looks for the last changes of each key before the history.
    Walk(Box<LastChangesWalk>, BeforeHistory),
    /// Has found these.
    Found(VecDeque<LastChange>, BeforeHistory),
}

/// What lies before the history.
#[derive(Clone, Debug)]
struct BeforeHistory {
    /// The index at which it began.
    begin: u64,
    /// Its last index.
    end: u64,
    /// The last change found so far, where there are more behind it.
    last: Option<(u64, Key)>,
}

/// What a step has found.
#[derive(Debug)]
pub(super) enum Missed {
    /// Events of a commit.
    Commit(EventsInScope),
    /// The event that stands for all changes of a key before the history.
    Old(Arc<NodeEvent>),
    /// Nothing yet.
    NotYet,
    /// Nothing, up to the commit before this index.
    Nothing(u64),
}

impl CatchUp {
    /// A catch-up from this index on. With `one` it ends after the first event.
    pub(super) fn new(since: u64, one: bool) -> Self {
        Self {
            since,
            one,
            phase: CatchUpPhase::History,
        }
    }

    /// Goes on, and looks at no more than `most` commits or keys.
    pub(super) fn step(&mut self, past: &Past, most: usize) -> Result<Missed, V2Error> {
        if let CatchUpPhase::Walk(walk, _) = &mut self.phase {
            if !walk.walk(&past.scope, most) {
                return Ok(Missed::NotYet);
            }
            self.take_found();
        }
        match &self.phase {
            CatchUpPhase::History => self.look_through_history(past, most),
            CatchUpPhase::Walk(..) | CatchUpPhase::Found(..) => self.next_found(past, most),
        }
    }

    fn look_through_history(&mut self, past: &Past, most: usize) -> Result<Missed, V2Error> {
        let mut left = most;
        while left > 0 {
            let view = past.space.read(&past.caller).to_watch();
            let slice = past.space.commits_from(&view, self.since, left.min(SLICE));
            let PastCommits { commits, next } = match slice {
                Ok(slice) => slice,
                Err(floor) => {
                    let last = floor.min(view.revision());
                    let before = BeforeHistory {
                        begin: self.since,
                        end: last,
                        last: None,
                    };
                    self.begin_walk(view, past, before)?;
                    return Ok(Missed::NotYet);
                }
            };
            for commit in &commits {
                left = left.saturating_sub(1 + commit.changes.len() / SLICE);
                self.since = commit.revision + 1;
                if let Some(events) = in_scope(past, commit, &view) {
                    return Ok(Missed::Commit(events));
                }
            }
            left = left.saturating_sub(1);
            match next {
                Some(next) => self.since = self.since.max(next),
                None => return Ok(Missed::Nothing(self.since)),
            }
        }
        Ok(Missed::NotYet)
    }

    /// Begins to look before the history. An error where deletions there are forgotten that the client must learn of.
    fn begin_walk(
        &mut self,
        view: View,
        past: &Past,
        before: BeforeHistory,
    ) -> Result<(), V2Error> {
        let scope = &past.scope;
        let resumed = before.last.as_ref().map(|(index, _)| *index);
        let knows_all_deletions = view.knows_deletions_from(before.begin)
            || resumed.is_some_and(|index| view.knows_deletions_from(index));
        // A node that exists was not deleted since its last change. Of others that is unknown.
        let exists = || !matches!(tree::node(&view, &scope.path), Node::Absent);
        let gap = before.begin..=before.end;
        let knows_deletion = || {
            let ranges = scope.own_ranges();
            let mut deletions = ranges.iter().flat_map(|range| view.deletions(range));
            deletions.any(|(_, index)| gap.contains(&index))
        };
        if !knows_all_deletions && (scope.recursive || !(exists() || knows_deletion())) {
            let (oldest, since) = (view.index_floor() + 1, before.begin);
            let cause = format!("the requested history has been cleared [{oldest}/{since}]");
            return Err(V2Error::new(V2ErrorCode::EventIndexCleared, cause));
        }
        let most = if self.one { 1 } else { MAX_FOUND };
        let walk = LastChangesWalk::new(view, scope, gap, before.last.clone(), most);
        self.phase = CatchUpPhase::Walk(Box::new(walk), before);
        Ok(())
    }

    /// Takes what a finished walk has found.
    fn take_found(&mut self) {
        let phase = std::mem::replace(&mut self.phase, CatchUpPhase::History);
        if let CatchUpPhase::Walk(walk, mut before) = phase {
            let found = walk.found();
            let last = found.changes.last().filter(|_| found.more);
            before.last = last.map(|change| (change.index, change.key.clone()));
            self.phase = CatchUpPhase::Found(found.changes.into(), before);
        }
    }

    /// The next of the events found before the history.
    fn next_found(&mut self, past: &Past, most: usize) -> Result<Missed, V2Error> {
        let CatchUpPhase::Found(changes, before) = &mut self.phase else {
            return Ok(Missed::NotYet);
        };
        let view = past.space.read(&past.caller).to_watch();
        for _ in 0..most {
            let Some(change) = changes.pop_front() else {
                let before = before.clone();
                if before.last.is_some() {
                    self.begin_walk(view, past, before)?;
                } else {
                    self.since = self.since.max(before.end + 1);
                    self.phase = CatchUpPhase::History;
                }
                return Ok(Missed::NotYet);
            };
            if let Some(event) = event_of(&view, &change) {
                return Ok(Missed::Old(Arc::new(event)));
            }
        }
        Ok(Missed::NotYet)
    }
}

/// The event of a last change, unless the key has changed since it was found: then the history has that change.
fn event_of(view: &View, change: &LastChange) -> Option<NodeEvent> {
    let LastChange { index, key, .. } = change;
    let path = key.node()?;
    if change.deleted {
        let gone = matches!(tree::node(view, path), Node::Absent);
        return gone.then(|| event::of_old_deletion(path, key, *index));
    }
    view.get(key).filter(|entry| entry.index() == *index)?;
    event::of_old_write(path, &tree::node(view, path))
}

/// The events of a commit in the scope, if it has any.
fn in_scope(past: &Past, commit: &Arc<Commit>, view: &View) -> Option<EventsInScope> {
    let events = past.cache.look_up(commit);
    let order = events.is_wide().then(|| events.order());
    let mut events = EventsInScope::of(events, &past.scope, order.as_deref())?;
    events.has_next(&past.scope, view).then_some(events)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;
    use crate::guard::memory_keyspace;
    use crate::space::Draft;

    async fn put(space: &Keyspace, keys: impl Iterator<Item = String>) {
        let keys: Vec<Key> = keys.map(Key::user).collect();
        let decide = |draft: &mut Draft<'_>| {
            for key in &keys {
                let record = draft.successor(key);
                draft.put(key, record);
            }
            Ok::<_, Infallible>(())
        };
        space.commit(&Caller::System, decide).await.unwrap();
    }

    #[tokio::test]
    async fn the_work_of_a_whole_catch_up_grows_with_the_keys_and_commits_alone() {
        let space = memory_keyspace(u64::MAX).await;
        for part in 0..20 {
            let keys = (0..1_000).map(|number| format!("t/{part}/{number}"));
            put(&space, keys).await;
        }
        for _ in 0..17_000 {
            put(&space, std::iter::once("noise".to_owned())).await;
        }
        let scope = Arc::new(WatchScope {
            path: "t".to_owned(),
            recursive: true,
        });
        let past = Past {
            space,
            caller: Caller::System,
            scope,
            cache: Arc::default(),
        };
        let mut catch_up = CatchUp::new(2, false);
        let (mut events, mut fruitless) = (0, 0);
        loop {
            match catch_up.step(&past, 1_024).unwrap() {
                Missed::Old(_) => events += 1,
                Missed::Commit(_) => panic!("no commit of the history is in the scope"),
                Missed::NotYet => fruitless += 1,
                Missed::Nothing(since) => {
                    assert_eq!(since, past.space.read(&Caller::System).revision() + 1);
                    break;
                }
            }
        }
        assert_eq!(events, 20_000);
        // Two walks of 20,000 keys, and one pass through the history of 16,384 commits.
        assert!(fruitless < 70, "{fruitless} steps of 1,024");
    }
}
