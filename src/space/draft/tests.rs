//! Drafts over a thousand entries, and where their bounds stop them.

use super::*;
use crate::model::{Commit, Record, Revision, Target};
use crate::space::lookup::Lookup as _;
use crate::space::pending::PendingCommits;
use crate::space::snapshot::Snapshot;
use crate::space::tree::{self, Node};

/// A snapshot of so many entries, all under `a/`.
fn snapshot(count: u64) -> Snapshot {
    let mut snapshot = Snapshot::default();
    let change = |n: u64| crate::model::Change {
        key: Key::user(format!("a/{n:04}")),
        now: Some(Arc::new(Entry {
            record: Record::default(),
            modified: Revision::new(1, 0),
        })),
        before: None,
    };
    snapshot.apply(&Commit {
        revision: 1,
        cause: Cause::Set,
        subject: None,
        changes: (0..count).map(change).collect(),
    });
    snapshot
}

fn draft(base: PendingSnapshot<'_>, writes: usize, scanned: usize) -> Draft<'_> {
    let bounds = DraftBounds { writes, scanned };
    Draft::new(base, 0, None, Visibility::All, bounds)
}

#[test]
fn what_is_too_much_is_stopped_at_once() {
    let (snapshot, none) = (snapshot(1_000), PendingCommits::default());
    let base = PendingSnapshot::new(&snapshot, &none);
    type Delete = fn(&mut Draft<'_>);
    let deletes: [Delete; 2] = [
        |draft| draft.delete_all(&Key::user("a/")),
        |draft| {
            draft.delete_tree("a");
        },
    ];
    for delete in deletes {
        let mut draft = draft(base, 10, usize::MAX);
        delete(&mut draft);
        assert!(draft.is_exceeded());
        assert!(draft.work.scanned.get() <= 11, "{:?}", draft.work);
        assert_eq!(draft.writes.len(), 10);
    }
    let mut fits = draft(base, 1_000, usize::MAX);
    fits.delete_all(&Key::user("a/"));
    assert!(!fits.is_exceeded());
    assert_eq!(fits.take_proposal().writes.len(), 1_000);
}

#[test]
fn a_deletion_of_all_takes_what_the_draft_wrote_before_along() {
    let (snapshot, none) = (snapshot(4), PendingCommits::default());
    let mut draft = draft(PendingSnapshot::new(&snapshot, &none), 10, usize::MAX);
    for key in ["a/0001", "a/0001x", "b"] {
        draft.put(&Key::user(key), Record::default());
    }
    draft.delete(&Key::user("a/0002"));
    draft.delete_all(&Key::user("a/"));
    assert_eq!(draft.scan(&Key::user("")).count(), 1);
    let writes = draft.take_proposal().writes.into_iter();
    let mut written: Vec<_> = writes
        .map(|write| match write.target {
            Target::Key(key) => (key, write.before.is_some(), write.put.is_some()),
            Target::InOrder(parent) => panic!("{parent}"),
        })
        .collect();
    written.sort();
    let gone = (0..4).map(|key| (Key::user(format!("a/{key:04}")), true, false));
    let expected = gone.chain([(Key::user("b"), false, true)]);
    assert_eq!(written, expected.collect::<Vec<_>>());
}

#[test]
fn a_decision_of_too_many_steps_is_stopped() {
    let (snapshot, none) = (snapshot(0), PendingCommits::default());
    let draft = draft(PendingSnapshot::new(&snapshot, &none), 10, 100);
    assert!((0..100).all(|_| draft.takes_step()));
    assert!(!draft.is_exceeded());
    assert!(!draft.takes_step() && draft.is_exceeded());
}

#[test]
fn a_scan_ends_where_it_may_go_no_further() {
    let (snapshot, none) = (snapshot(1_000), PendingCommits::default());
    let draft = draft(PendingSnapshot::new(&snapshot, &none), 10, 100);
    assert_eq!(draft.scan(&Key::user("a/")).count(), 100);
    assert!(draft.is_exceeded());
}

#[test]
fn decisions_about_nodes_scan_nothing_that_no_tree_shows() {
    let mut snapshot = snapshot(2);
    let change = |n: u64| crate::model::Change {
        key: Key::user(format!("a/{n:04}//x")),
        now: Some(Arc::new(Entry {
            record: Record::default(),
            modified: Revision::new(2, 0),
        })),
        before: None,
    };
    snapshot.apply(&Commit {
        revision: 2,
        cause: Cause::Set,
        subject: None,
        changes: (0..1_000).map(change).collect(),
    });
    let none = PendingCommits::default();
    let mut draft = draft(PendingSnapshot::new(&snapshot, &none), 10, 10);
    assert!(!tree::is_empty(&draft, "a"));
    assert!(matches!(tree::node(&draft, "a/0007"), Node::Absent));
    draft.put(&Key::user("own//x"), Record::default());
    assert!(matches!(tree::node(&draft, "own"), Node::Absent));
    assert!(tree::is_empty(&draft, "own"));
    assert!(draft.make_parents("a/b/c").is_ok());
    assert_eq!(draft.delete_tree("a"), 3);
    assert!(!draft.is_exceeded(), "{:?}", draft.work);
}
