//! Event before data: what a view shows is in the queue, whatever happens meanwhile.

use std::time::Duration;

use tokio::time::Instant;

use super::*;
use crate::model::{Cause, Change, Commit, Entry, Mark, Record, Revision};
use crate::space::applier::Applier;
use crate::space::directories::NodeFate;
use crate::space::node_commit::CommitEffects;
use crate::store::{CommitSink, StoreContents};

/// How long anything is waited for.
const LIMIT: Duration = Duration::from_secs(60);

fn applier() -> Arc<Applier> {
    let applier = Applier::new(None);
    applier.load(&StoreContents::default());
    Arc::new(applier)
}

/// A commit that writes these keys, of which those with a minus are deleted.
fn commit(revision: u64, keys: &[&str]) -> Arc<Commit> {
    let change = |key: &&str| {
        let modified = Revision::new(revision, 0);
        let mut record = Record::default();
        // Not made anew where there was one.
        record.attrs.created = Mark::At(revision);
        let now = (!key.starts_with('-')).then(|| Arc::new(Entry { record, modified }));
        Change {
            key: Key::user(key.trim_start_matches('-')),
            now,
            before: None,
        }
    };
    Arc::new(Commit {
        revision,
        cause: Cause::Set,
        subject: None,
        changes: keys.iter().map(change).collect(),
    })
}

fn subscribe(applier: &Applier) -> Subscription {
    Subscription::new(&applier.watches, Flow::Exempt, Visibility::All, None)
}

fn view(applier: &Applier) -> View {
    View::new(applier.current(), Visibility::All)
}

/// A writer that is never so far ahead that a queue overflows.
fn wait_for_takers(applier: &Applier) {
    let begin = Instant::now();
    while applier.watches.usage().bytes() > 100_000 {
        wait_on(begin, "nobody takes");
        std::thread::yield_now();
    }
}

/// Ends a test in which something that has been waited for since then does not come.
fn wait_on(since: Instant, otherwise: &str) {
    assert!(since.elapsed() < LIMIT, "{otherwise}");
}

/// The revisions in the queue up to a view.
fn taken(subscription: &mut Subscription, view: &View) -> Vec<u64> {
    std::iter::from_fn(|| subscription.next_in(view))
        .map(|commit| commit.unwrap().revision())
        .collect()
}

#[test]
fn whoever_reads_a_view_has_every_commit_of_it_in_the_queue_and_none_after() {
    const COMMITS: u64 = 50_000;
    let applier = applier();
    let mut subscription = subscribe(&applier);
    subscription.add(Interest::Node("a".to_owned()));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut revision = 0;
            while revision < COMMITS {
                let batch = (1..=3)
                    .map(|next| commit(revision + next, &["a"]))
                    .collect();
                revision += 3;
                wait_for_takers(&applier);
                applier.deliver(batch);
            }
        });
        let begin = Instant::now();
        let mut seen = 0;
        while seen < COMMITS {
            wait_on(begin, "no commit arrives");
            let view = view(&applier);
            for revision in taken(&mut subscription, &view) {
                assert_eq!(revision, seen + 1);
                seen = revision;
            }
            assert_eq!(seen, view.revision());
        }
    });
}

#[test]
fn an_interest_added_while_commits_arrive_misses_none_that_a_later_view_shows() {
    const COMMITS: u64 = 50_000;
    let applier = applier();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for revision in 1..=COMMITS {
                wait_for_takers(&applier);
                applier.deliver(vec![commit(revision, &["a"])]);
            }
        });
        let mut last = 0;
        while last < COMMITS {
            let mut subscription = subscribe(&applier);
            subscription.add(Interest::Node("a".to_owned()));
            let armed = view(&applier).revision();
            let begin = Instant::now();
            let mut seen = Vec::new();
            last = loop {
                wait_on(begin, "no commit arrives");
                let view = view(&applier);
                // The writer waits while a queue is long: one that filled up before the first view is taken from, too.
                seen.extend(taken(&mut subscription, &view));
                if view.revision() > armed || armed == COMMITS {
                    break view.revision();
                }
            };
            seen.retain(|revision| *revision > armed);
            let expected: Vec<u64> = (armed + 1..=last).collect();
            assert_eq!(seen, expected);
        }
    });
}

/// Commits that arrive as one group, before any view shows them.
fn announce(applier: &Applier, commits: &[Arc<Commit>]) {
    let changed = commits.iter().map(|commit| CommitEffects {
        commit: Arc::clone(commit),
        effects: Arc::default(),
        states: None,
    });
    applier.watches.announce(changed.collect());
}

fn revisions(subscription: &mut Subscription, up_to: u64) -> Vec<u64> {
    std::iter::from_fn(|| subscription.next_up_to(up_to))
        .map(|commit| commit.unwrap().revision())
        .collect()
}

#[test]
fn an_interest_added_between_announcement_and_view_gets_what_is_on_its_way_in_order() {
    let applier = applier();
    let mut subscription = subscribe(&applier);
    subscription.add(Interest::Node("a".to_owned()));
    announce(
        &applier,
        &[commit(1, &["b"]), commit(2, &["a"]), commit(3, &["c"])],
    );
    subscription.add(Interest::Node("b".to_owned()));
    assert_eq!(revisions(&mut subscription, 0), Vec::<u64>::new());
    assert_eq!(revisions(&mut subscription, 3), [1, 2]);
    // They are still announced, but the session has been told of everything up to there.
    subscription.add(Interest::Tree(String::new()));
    assert_eq!(revisions(&mut subscription, 3), Vec::<u64>::new());
    applier.watches.deliver(None);
    announce(&applier, &[commit(4, &["c"])]);
    assert_eq!(revisions(&mut subscription, 4), [4]);
}

/// What a subscription hears of a commit.
fn heard(subscription: &mut Subscription, applier: &Applier) -> Vec<(String, NodeFate)> {
    let view = view(applier);
    let commits = std::iter::from_fn(|| subscription.next_in(&view));
    commits
        .flat_map(|commit| {
            let commit = commit.unwrap();
            let nodes = commit.nodes();
            let nodes = nodes.map(|node| (node.path.to_owned(), node.fate));
            nodes.collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn implied_nodes_come_and_go_with_what_is_beneath_them() {
    let applier = applier();
    let mut above = subscribe(&applier);
    above.add(Interest::Node("a".to_owned()));
    let mut children = subscribe(&applier);
    children.add(Interest::Children("a/b".to_owned()));
    let mut other = subscribe(&applier);
    other.add(Interest::Tree("a/bc".to_owned()));
    applier.deliver(vec![commit(1, &["a/b/c"])]);
    use NodeFate::{Came, Went, Written};
    let named = |path: &str, fate| (path.to_owned(), fate);
    let came = [named("a", Came), named("a/b", Came), named("a/b/c", Came)];
    assert_eq!(heard(&mut above, &applier), came);
    assert_eq!(heard(&mut children, &applier), came);
    applier.deliver(vec![commit(2, &["a/b/c"]), commit(3, &["a/b/d"])]);
    assert_eq!(heard(&mut above, &applier), []);
    assert_eq!(heard(&mut children, &applier), [named("a/b/d", Came)]);
    applier.deliver(vec![commit(4, &["-a/b/c"]), commit(5, &["-a/b/d", "a"])]);
    let gone = [
        named("a/b/d", Went),
        named("a/b", Went),
        named("a", Written),
    ];
    assert_eq!(heard(&mut above, &applier), gone);
    let gone_too = [&[named("a/b/c", Went)], &gone[..]].concat();
    assert_eq!(heard(&mut children, &applier), gone_too);
    assert_eq!(heard(&mut other, &applier), []);
}

#[test]
fn of_a_node_that_goes_nothing_else_is_told_however_many_entries_it_had() {
    use NodeFate::{Went, Written};
    let applier = applier();
    let mut all = subscribe(&applier);
    all.add(Interest::Tree(String::new()));
    let named = |path: &str, fate| (path.to_owned(), fate);
    let made = ["a/", "a/b", "c", "c/", "d/", "d/e"];
    applier.deliver(vec![commit(1, &made)]);
    heard(&mut all, &applier);
    // Entries of their own go first; that of a node that stays is a change of its data.
    let deleted = ["-a/", "-a/b", "-c", "-c/", "-d/"];
    applier.deliver(vec![commit(2, &deleted)]);
    let told = [
        named("a/b", Went),
        named("a", Went),
        named("c", Went),
        named("d", Written),
    ];
    assert_eq!(heard(&mut all, &applier), told);
}

/// Each change of a commit that looks through all the others is minutes here, in which the store's writer does nothing else.
#[test]
fn a_delete_of_many_nodes_is_told_without_comparing_each_with_all_others() {
    const NODES: usize = 20_000;
    let applier = applier();
    let mut subscription = subscribe(&applier);
    subscription.add(Interest::Children("d".to_owned()));
    // An entry that goes while its node stays, as long as the last beneath it does, and others in between.
    let own = (0..NODES).map(|node| format!("d/{node:05}"));
    let others = (0..NODES).map(|node| format!("d/{node:05}-"));
    let beneath = (0..NODES).map(|node| format!("d/{node:05}/x"));
    let keys: Vec<String> = own.chain(others).chain(beneath).collect();
    let made: Vec<&str> = keys.iter().map(String::as_str).collect();
    applier.deliver(vec![commit(1, &made)]);
    // And the directory of all of them.
    let heard_first = heard(&mut subscription, &applier);
    assert_eq!(heard_first.len(), made.len() + 1);
    let gone: Vec<String> = keys.iter().map(|key| format!("-{key}")).collect();
    let gone: Vec<&str> = gone.iter().map(String::as_str).collect();
    applier.deliver(vec![commit(2, &gone)]);
    let heard = heard(&mut subscription, &applier);
    let all_went = heard.iter().all(|(_, fate)| *fate == NodeFate::Went);
    assert!(all_went && heard.len() == made.len() + 1, "{}", heard.len());
}

#[test]
fn a_removed_interest_is_heard_of_no_more_and_a_dropped_subscription_leaves_nothing() {
    let applier = applier();
    let mut subscription = subscribe(&applier);
    let interest = Interest::Tree(String::new());
    assert!(subscription.add(interest.clone()));
    assert!(!subscription.add(interest.clone()));
    applier.deliver(vec![commit(1, &["a"])]);
    assert!(subscription.remove(&interest) && !subscription.remove(&interest));
    applier.deliver(vec![commit(2, &["a"])]);
    assert_eq!(taken(&mut subscription, &view(&applier)), [1]);
    subscription.add(interest);
    drop(subscription);
    assert!(!applier.watches.has_subscriptions());
    assert_eq!(applier.watches.usage().bytes(), 0);
}

#[test]
fn a_subscription_that_takes_nothing_is_interrupted_and_says_where() {
    let applier = applier();
    let mut subscription = subscribe(&applier);
    subscription.add(Interest::Node("a".to_owned()));
    for revision in 1..=2_000 {
        applier.deliver(vec![commit(revision, &["a"])]);
    }
    let first = subscription.next_in(&view(&applier)).unwrap();
    assert_eq!(first.unwrap_err(), Interrupted::Lagged(1));
    let usage = applier.watches.usage().bytes();
    assert_eq!((usage, applier.watches.lagged()), (0, 1));
}

/// Wakes are lost if a subscriber goes to sleep between an announcement and the view that shows it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_waiting_subscriber_is_woken_for_each_commit() {
    const COMMITS: u64 = 20_000;
    let applier = applier();
    let mut subscription = subscribe(&applier);
    subscription.add(Interest::Node("a".to_owned()));
    let writer = {
        let applier = Arc::clone(&applier);
        tokio::task::spawn_blocking(move || {
            for revision in 1..=COMMITS {
                wait_for_takers(&applier);
                applier.deliver(vec![commit(revision, &["a"])]);
            }
        })
    };
    let mut seen = 0;
    while seen < COMMITS {
        let filled = tokio::time::timeout(LIMIT, subscription.filled());
        filled.await.expect("it is woken");
        seen = taken(&mut subscription, &view(&applier))
            .last()
            .copied()
            .unwrap_or(seen);
    }
    writer.await.unwrap();
}
