//! Commits as they are shown, prepared and loaded.

use super::*;
use crate::model::{Cause, Change, Deadline, Record, Revision};
use crate::space::timers::Timed;

fn entry(revision: u64, record: Record) -> Arc<Entry> {
    let modified = Revision::new(revision, 0);
    Arc::new(Entry { record, modified })
}

fn commit(key: Key, now: Arc<Entry>) -> Arc<Commit> {
    let revision = now.modified.main;
    let now = Some(now);
    let before = None;
    Arc::new(Commit {
        revision,
        cause: Cause::Set,
        subject: None,
        changes: vec![Change { key, now, before }],
    })
}

/// A write of an entry that ends at once.
fn ends_at_once(revision: u64) -> Arc<Commit> {
    let mut record = Record::default();
    record.attrs.deadline = Some(Deadline {
        at_ms: 0,
        ttl_ms: 0,
    });
    commit(Key::user(revision.to_string()), entry(revision, record))
}

/// Or else it never ends: expiry finds nothing to end, and its timer is gone.
#[tokio::test]
async fn no_entry_is_due_before_the_view_contains_it() {
    const WRITES: u64 = 20_000;
    let applier = Applier::new(None);
    applier.load(&StoreContents::default());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for revision in 1..=WRITES {
                applier.deliver(vec![ends_at_once(revision)]);
            }
        });
        let mut ended = 0;
        while ended < WRITES {
            let (due, _) = applier.timers.take_due(usize::MAX);
            let current = applier.current();
            for item in due {
                let Timed::Entry(key) = item else { continue };
                assert!(current.entries.contains_key(&key), "{key} is not there");
                ended += 1;
            }
        }
    });
}

#[tokio::test]
async fn what_is_prepared_is_shown_when_it_is_delivered_and_not_before() {
    let write = |revision: u64| {
        let key = Key::user(revision.to_string());
        commit(key, entry(revision, Record::default()))
    };
    let applier = Applier::new(None);
    applier.load(&StoreContents::default());
    let shown = || (applier.current().revision, applier.current().entries.len());
    let past = || applier.history.count_from(1);
    for revision in [1, 3, 5] {
        let commits = [write(revision), write(revision + 1)];
        let before = shown();
        applier.prepare(&commits);
        assert_eq!((shown(), past()), (before, before.1), "nobody sees it yet");
        applier.deliver(commits.to_vec());
        let last = usize::try_from(revision).unwrap() + 1;
        assert_eq!((shown(), past()), ((revision + 1, last), last));
    }
    // What was prepared for other commits is not shown.
    applier.prepare(&[write(7)]);
    applier.deliver(vec![write(8)]);
    assert!(!applier.current().entries.contains_key(&Key::user("7")));
}

#[tokio::test]
async fn commits_delivered_while_a_store_is_opened_are_kept() {
    let key = Key::user("k");
    let at = |revision| entry(revision, Record::default());
    let write = |revision| commit(key.clone(), at(revision));
    let applier = Applier::new(None);
    applier.deliver(vec![write(4), write(5)]);
    applier.load(&StoreContents {
        revision: 4,
        entries: vec![(key.clone(), at(4))],
        history: vec![write(3), write(4)],
        history_floor: 2,
        ..StoreContents::default()
    });
    applier.deliver(vec![write(6)]);
    let shown = applier
        .current()
        .entries
        .get(&key)
        .map(|entry| entry.index());
    assert_eq!(shown, Some(6));
    let mut delivered = Vec::new();
    let all = applier.history.find(3, |commit| {
        delivered.push(commit.revision);
        None::<()>
    });
    assert_eq!((all, delivered), (Ok(None), vec![3, 4, 5, 6]));
}
