//! Watches that take what they get, and slow ones.

use super::*;
use crate::model::{Cause, Change, Commit, Key};
use crate::space::interrupted::Interrupted;
use crate::space::node_keys::node_ranges;
use crate::space::visibility::Visibility;
use crate::space::watch::Watch;
use crate::space::watch_window::MAX_BYTES;

fn commit(revision: u64, keys: &[&str]) -> Arc<Commit> {
    let changes = keys
        .iter()
        .map(|key| Change {
            key: Key::user(key),
            now: None,
            before: None,
        })
        .collect();
    Arc::new(Commit {
        revision,
        cause: Cause::Delete,
        subject: None,
        changes,
    })
}

fn deliver(watches: &Watches, commit: &Arc<Commit>) {
    let commit = Arc::clone(commit);
    let effects = Arc::default();
    let states = None;
    watches.announce(vec![CommitEffects {
        commit,
        effects,
        states,
    }]);
    watches.deliver(None);
}

fn watch(watches: &Arc<Watches>, ranges: Vec<KeyRange>) -> Watch {
    Watch::new(watches, Flow::Exempt, ranges, Visibility::All, None)
}

fn revisions(watch: &mut Watch) -> Vec<u64> {
    std::iter::from_fn(|| watch.try_next())
        .map(|next| next.unwrap().revision)
        .collect()
}

#[test]
fn a_commit_reaches_each_watch_it_touches_once() {
    let watches = Arc::new(Watches::new());
    let mut tree = watch(&watches, node_ranges("a/b", true));
    let mut node = watch(&watches, node_ranges("a/b", false));
    let mut all = watch(&watches, node_ranges("", true));
    let mut other = watch(&watches, vec![KeyRange::Prefix(Key::user("a/bc"))]);
    deliver(&watches, &commit(1, &["a/b/c", "a/b/d"]));
    deliver(&watches, &commit(2, &["a/b/"]));
    deliver(&watches, &commit(3, &["a/bc"]));
    assert_eq!(revisions(&mut tree), [1, 2]);
    assert_eq!(revisions(&mut node), [2]);
    assert_eq!(revisions(&mut all), [1, 2, 3]);
    assert_eq!(revisions(&mut other), [3]);
}

#[test]
fn a_slow_watcher_gets_the_revision_to_resume_from() {
    let watches = Arc::new(Watches::new());
    let mut slow = watch(&watches, node_ranges("a", false));
    for revision in 1..=2_000 {
        deliver(&watches, &commit(revision, &["a"]));
        if revision == 10 {
            assert_eq!(slow.try_next().unwrap().unwrap().revision, 1);
        }
    }
    assert_eq!(slow.try_next(), Some(Err(Interrupted::Lagged(2))));
    assert_eq!(slow.try_next(), Some(Err(Interrupted::Lagged(2))));
    assert_eq!((watches.usage().bytes(), watches.lagged()), (0, 1));
}

#[test]
fn a_watch_keeps_so_many_bytes_and_one_commit_whatever_it_takes() {
    let watches = Arc::new(Watches::new());
    let mut slow = watch(&watches, node_ranges("", true));
    let huge = "k".repeat(MAX_BYTES);
    deliver(&watches, &commit(1, &[&huge]));
    assert_eq!(revisions(&mut slow), [1]);
    deliver(&watches, &commit(2, &[&huge]));
    deliver(&watches, &commit(3, &["a"]));
    assert_eq!(slow.try_next(), Some(Err(Interrupted::Lagged(2))));
}

/// A hundred watches that take nothing, each of keys of its own, beside one that takes everything in time.
#[test]
fn slow_watches_together_keep_so_many_bytes_and_others_miss_nothing() {
    const LIMIT: usize = 1 << 20;
    let watches = Arc::new(Watches::new());
    watches.usage().set_limit(LIMIT);
    let mut slow: Vec<_> = (0..100)
        .map(|number| watch(&watches, node_ranges(&format!("slow/{number}"), true)))
        .collect();
    let mut quick = watch(&watches, node_ranges("", true));
    let padding = "k".repeat(1_000);
    for revision in 1..=10_000 {
        let key = format!("slow/{}/{padding}", revision % 100);
        deliver(&watches, &commit(revision, &[&key]));
        assert!(watches.usage().bytes() <= LIMIT);
        assert_eq!(revisions(&mut quick), [revision]);
    }
    for watch in &mut slow {
        assert!(matches!(
            watch.try_next(),
            Some(Err(Interrupted::Lagged(1..=100)))
        ));
    }
    assert_eq!(watches.lagged(), 100);
    assert_eq!(watches.usage().bytes(), 0);
}

#[tokio::test]
async fn each_of_thousands_of_watches_of_one_client_is_woken_once_for_a_burst() {
    const WATCHES: u64 = 2_000;
    let watches = Arc::new(Watches::new());
    let flow = Flow::of_address([10, 0, 0, 1].into());
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..WATCHES {
        let mut watch = Watch::new(&watches, flow, node_ranges("", true), Visibility::All, None);
        tasks.spawn(async move {
            let mut seen = vec![watch.next().await.unwrap().revision];
            seen.extend(revisions(&mut watch));
            seen
        });
    }
    tokio::task::yield_now().await;
    for revision in 1..=3 {
        deliver(&watches, &commit(revision, &["a"]));
    }
    assert_eq!(watches.count(), 2_000);
    while let Some(seen) = tasks.join_next().await {
        assert_eq!(seen.unwrap(), [1, 2, 3]);
    }
}
