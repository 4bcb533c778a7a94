//! Events in scope: those of a commit that a watch gets, found one after another as the client takes them.

use std::sync::Arc;

use super::commit_events::{CommitEvents, EventAt};
use super::event::{self, is_beneath};
use super::key_order::{KeyOrder, Positions};
use super::watch_scope::WatchScope;
use crate::model::{Cause, Change, Commit, Key, Realm};
use crate::space::tree::{self, Node};
use crate::space::{Lookup, View};

/// The events of a commit in a scope. All have the index of the commit, which holds only changes that the client may
/// see. It keeps positions in the commit, never events: of a commit with many changes they would be many times its size.
#[derive(Debug)]
pub(super) struct EventsInScope {
    events: Arc<CommitEvents>,
    /// The next event, where it was looked up already.
    next: Option<EventAt>,
    /// The changes to be looked at after it.
    rest: Positions,
}

/// What a search for the next event has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NextEvent {
    /// This one.
    At(EventAt),
    /// Nothing yet.
    NotYet,
    /// There are no more.
    End,
}

impl EventsInScope {
    /// The events of a commit in the scope; `None` where there are none. `order` is that of the commit where it is wide.
    pub(super) fn of(
        events: Arc<CommitEvents>,
        scope: &WatchScope,
        order: Option<&KeyOrder>,
    ) -> Option<Self> {
        let commit = events.commit();
        if commit.cause == Cause::Refresh {
            return None;
        }
        let (next, rest) = if let Some(path) = commit.subject.as_ref().and_then(Key::node) {
            let is_of_clients = |change: &Change| change.key.realm() == Realm::User;
            let in_scope = scope.covers(path) || deleted_with(commit, scope, path, order);
            if !in_scope || !commit.changes.iter().any(is_of_clients) {
                return None;
            }
            (Some(EventAt::Subject), Positions::All(0..0))
        } else {
            let all = || Positions::All(0..commit.changes.len());
            let rest = order.map_or_else(all, |order| order.within(commit, &scope.ranges()));
            (None, rest)
        };
        Some(Self { events, next, rest })
    }

    /// The commit's events.
    pub(super) fn events(&self) -> &Arc<CommitEvents> {
        &self.events
    }

    /// The next event; at most `most` changes are looked at. `view` shows what the client may see, at the commit or after it.
    pub(super) fn next(&mut self, scope: &WatchScope, view: &View, most: usize) -> NextEvent {
        if let Some(next) = self.next.take() {
            return NextEvent::At(next);
        }
        let commit = Arc::clone(self.events.commit());
        for _ in 0..most {
            let Some(at) = self.rest.next() else {
                return NextEvent::End;
            };
            let change = commit.changes.get(at);
            if change.is_some_and(|change| is_event(change, scope, view)) {
                return NextEvent::At(EventAt::Change(at));
            }
        }
        NextEvent::NotYet
    }

    /// Whether there is another event. It may look at all changes: for heavy threads, or for short commits.
    pub(super) fn has_next(&mut self, scope: &WatchScope, view: &View) -> bool {
        if self.next.is_none()
            && let NextEvent::At(next) = self.next(scope, view, usize::MAX)
        {
            self.next = Some(next);
        }
        self.next.is_some()
    }
}

/// Whether the watched node was deleted with a directory above it: the watch gets the event, although it is the
/// directory's.
fn deleted_with(
    commit: &Commit,
    scope: &WatchScope,
    directory: &str,
    order: Option<&KeyOrder>,
) -> bool {
    if !is_beneath(&scope.path, directory) {
        return false;
    }
    let is_deletion = |change: &Change| change.now.is_none() && change.key.node().is_some();
    match order {
        Some(order) => order.any(commit, &scope.ranges(), is_deletion),
        None => commit.changes.iter().any(|change| {
            let path = change.key.node();
            is_deletion(change)
                && path.is_some_and(|path| path == scope.path || is_beneath(path, &scope.path))
        }),
    }
}

/// Whether a change of one key by another protocol is an event in the scope.
fn is_event(change: &Change, scope: &WatchScope, view: &View) -> bool {
    change.key.realm() == Realm::User
        && change.key.node().is_some_and(|path| scope.covers(path))
        && event::is_event(change)
        && shows(view, change)
}

/// Whether a change of a key by another protocol shows in the tree. It does not where another node hides it: a
/// directory with entries beneath hides the value `a`, and the value `a` hides `a/`; nor does a directory vanish with
/// its own entry while entries are beneath it.
fn shows(view: &View, change: &Change) -> bool {
    let Some(path) = change.key.node() else {
        return false;
    };
    let slashed = change.key.as_bytes().ends_with(b"/");
    let hidden = slashed && view.get(&Key::user(path)).is_some();
    let filled = || match tree::node(view, path) {
        Node::Dir { .. } => !tree::is_empty(view, path),
        Node::Absent | Node::File { .. } => false,
    };
    !hidden && !filled()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn commit(keys: &[String], deletes: bool, subject: Option<&str>) -> Arc<Commit> {
        let entry = Arc::new(crate::model::Entry {
            record: crate::model::Record::default(),
            modified: crate::model::Revision::new(1, 0),
        });
        let change = |key: &String| Change {
            key: Key::user(key),
            now: (!deletes).then(|| Arc::clone(&entry)),
            before: Some(Arc::clone(&entry)),
        };
        Arc::new(Commit {
            revision: 2,
            cause: Cause::Delete,
            subject: subject.map(Key::user),
            changes: keys.iter().map(change).collect(),
        })
    }

    proptest! {
        #[test]
        fn the_order_of_keys_changes_no_event(
            keys in proptest::collection::btree_set("[ab_/]{1,5}", 1..12),
            reversed: bool,
            deletes: bool,
            subject in proptest::option::of("[ab]"),
            at in "[ab]{0,1}|[ab]/[ab]",
            recursive: bool,
        ) {
            let mut keys: Vec<String> = keys.into_iter().collect();
            if reversed {
                keys.reverse();
            }
            let commit = commit(&keys, deletes, subject.as_deref());
            let scope = WatchScope { path: at, recursive };
            let order = KeyOrder::of(&commit);
            let covered = |order| {
                let events = Arc::new(CommitEvents::new(&commit));
                let events = EventsInScope::of(events, &scope, order)?;
                let in_scope = |at: &usize| {
                    commit.changes[*at].key.node().is_some_and(|path| scope.covers(path))
                };
                Some((events.next, events.rest.filter(in_scope).collect::<Vec<_>>()))
            };
            prop_assert_eq!(covered(None), covered(Some(&order)));
        }
    }

    #[test]
    fn a_watch_looks_at_few_of_many_changes() {
        let keys: Vec<String> = (0..20_000)
            .map(|number| format!("t/{number:05}/k"))
            .collect();
        let commit = commit(&keys, true, None);
        let order = KeyOrder::of(&commit);
        let events = Arc::new(CommitEvents::new(&commit));
        for path in ["t/00007", "t/19999/k", "t/no"] {
            let scope = WatchScope {
                path: path.to_owned(),
                recursive: true,
            };
            let events = EventsInScope::of(Arc::clone(&events), &scope, Some(&order)).unwrap();
            assert!(events.rest.count() <= 1, "{path}");
        }
    }
}
