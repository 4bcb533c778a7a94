//! The suite that every store passes.

use std::collections::HashSet;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;

use kubekv::model::{Cause, Entry, Key, Proposal, Target, Write};
use kubekv::store::shared::{SharedStore, Term};
use kubekv::store::{CommitError, CommitSink, MemoryStore, RetentionFloors, Store};
use support::kubernetes;

use crate::bulk::{bulk_change_is_atomic, bulk_deletion_of_neighbours_is_atomic_and_exact};
use crate::common::{self, Recorder, closed, delete, entry, proposal, put, record, write};
use support::etcd_member::Member;

/// A store, and the values that must live as long as it does.
struct Fixture {
    store: Arc<dyn Store>,
    _directory: Option<tempfile::TempDir>,
    _shared: Option<(SharedStore, Term)>,
    _etcd: Option<Member>,
}

fn memory() -> Fixture {
    Fixture {
        store: Arc::new(MemoryStore::new()),
        _directory: None,
        _shared: None,
        _etcd: None,
    }
}

fn embedded() -> Fixture {
    let directory = tempfile::tempdir().unwrap();
    Fixture {
        store: Arc::new(common::embedded(&directory.path().join("data"))),
        _directory: Some(directory),
        _shared: None,
        _etcd: None,
    }
}

/// A namespace of its own in the cluster that `KUBECONFIG` names, with leadership there.
async fn kubernetes() -> Fixture {
    let (shared, term) = kubernetes::lead(&kubernetes::namespace()).await;
    Fixture {
        store: term.store(),
        _directory: None,
        _shared: Some((shared, term)),
        _etcd: None,
    }
}

/// A prefix of an etcd of its own, of this component, with leadership there.
async fn etcd(component: &str) -> Fixture {
    let member = Member::start(component);
    let (shared, term) = member.lead("tests").await;
    Fixture {
        store: term.store(),
        _directory: None,
        _shared: Some((shared, term)),
        _etcd: Some(member),
    }
}

macro_rules! suite {
    ($($test:ident)*) => {
        $(mod $test {
            suite!(@own $test);

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            #[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
            async fn kubernetes() {
                super::run(super::kubernetes().await, super::$test).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            #[ignore = "needs etcd: tests/run"]
            async fn etcd_3_4() {
                super::run(super::etcd("etcd").await, super::$test).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            #[ignore = "needs etcd: tests/run"]
            async fn etcd_3_6() {
                super::run(super::etcd("etcd-3.6").await, super::$test).await;
            }
        })*
    };
    (@own $test:ident) => {
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn memory() {
                super::run(super::memory(), super::$test).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn embedded() {
                super::run(super::embedded(), super::$test).await;
            }
    };
}

/// Requirements of stores that number their commits themselves.
macro_rules! numbering {
    ($($test:ident)*) => {
        $(mod $test {
            suite!(@own $test);
        })*
    };
}

async fn run<F: Future<Output = ()>>(fixture: Fixture, test: impl FnOnce(Arc<dyn Store>) -> F) {
    test(Arc::clone(&fixture.store)).await;
    fixture.store.close().await;
}

numbering! {
    empty_store_has_a_name_and_nothing_else
    revisions_grow_by_one
    refused_proposal_uses_no_revision
    every_revision_is_a_whole_commit
}

suite! {
    preconditions_are_enforced
    proposal_is_atomic
    proposal_with_a_duplicate_key_is_refused
    in_order_keys_are_named_by_their_revision
    attributes_and_bytes_are_preserved
    access_list_is_written_beside_the_value
    realms_are_isolated
    commit_is_delivered_before_it_is_answered
    commits_are_delivered_in_order_exactly_once
    one_of_many_concurrent_conditional_writers_wins
    dropped_commit_is_whole_or_absent
    empty_proposal_is_a_commit
    closed_store_refuses_commits
    trimming_removes_no_live_entry
    commit_holds_the_previous_entries
    bulk_change_is_atomic
    bulk_deletion_of_neighbours_is_atomic_and_exact
}

async fn empty_store_has_a_name_and_nothing_else(store: Arc<dyn Store>) {
    let opened = store.open(Recorder::new()).await.unwrap();
    assert_ne!(opened.identity, 0);
    assert_eq!(opened.revision, 0);
    assert!(opened.entries.is_empty() && opened.history.is_empty());
    assert!(opened.deletions.is_empty());
    assert_eq!((opened.history_floor, opened.deletions_floor), (0, 0));
}

async fn revisions_grow_by_one(store: Arc<dyn Store>) {
    store.open(Recorder::new()).await.unwrap();
    for expected in 1..=20 {
        let key = Key::user(format!("k{expected}"));
        let commit = put(&*store, &key, None, "v").await.unwrap();
        assert_eq!(commit.revision, expected);
        assert_eq!(entry(&commit, &key).index(), expected);
    }
}

async fn preconditions_are_enforced(store: Arc<dyn Store>) {
    store.open(Recorder::new()).await.unwrap();
    let key = Key::user("k");
    let first = entry(&put(&*store, &key, None, "1").await.unwrap(), &key);
    assert_eq!(
        put(&*store, &key, None, "2").await,
        Err(CommitError::Conflict),
        "it is there"
    );
    let second = entry(&put(&*store, &key, Some(&first), "2").await.unwrap(), &key);
    assert_eq!(
        put(&*store, &key, Some(&first), "3").await,
        Err(CommitError::Conflict),
        "it is another one"
    );
    assert_eq!(
        delete(&*store, &key, &first).await,
        Err(CommitError::Conflict)
    );
    delete(&*store, &key, &second).await.unwrap();
    assert_eq!(
        delete(&*store, &key, &second).await,
        Err(CommitError::Conflict),
        "it is gone"
    );
    put(&*store, &key, None, "4").await.unwrap();
}

async fn refused_proposal_uses_no_revision(store: Arc<dyn Store>) {
    let sink = Recorder::new();
    store.open(Arc::<Recorder>::clone(&sink)).await.unwrap();
    let key = Key::user("k");
    put(&*store, &key, None, "1").await.unwrap();
    put(&*store, &key, None, "2").await.unwrap_err();
    let next = put(&*store, &Key::user("l"), None, "3").await.unwrap();
    assert_eq!(next.revision, 2);
    assert_eq!(sink.delivered().len(), 2);
}

async fn proposal_is_atomic(store: Arc<dyn Store>) {
    let sink = Recorder::new();
    store.open(Arc::<Recorder>::clone(&sink)).await.unwrap();
    let (a, b) = (Key::user("a"), Key::user("b"));
    put(&*store, &b, None, "1").await.unwrap();
    let writes = vec![write(&a, None, Some("2")), write(&b, None, Some("2"))];
    let refused = store.commit(proposal(writes)).await;
    assert_eq!(refused, Err(CommitError::Conflict));
    put(&*store, &a, None, "3").await.expect("`a` is not there");
    let (c, d) = (Key::user("c"), Key::user("d"));
    let writes = vec![write(&c, None, Some("4")), write(&d, None, Some("4"))];
    let both = store.commit(proposal(writes)).await.unwrap();
    let place = |key| entry(&both, key).modified;
    assert_eq!((place(&c).main, place(&c).sub), (both.revision, 0));
    assert_eq!((place(&d).main, place(&d).sub), (both.revision, 1));
    assert_eq!(sink.delivered().last(), Some(&both), "they are one commit");
}

async fn proposal_with_a_duplicate_key_is_refused(store: Arc<dyn Store>) {
    store.open(Recorder::new()).await.unwrap();
    let key = Key::user("k");
    let writes = vec![write(&key, None, Some("1")), write(&key, None, Some("2"))];
    let refused = store.commit(proposal(writes)).await;
    assert_eq!(refused, Err(CommitError::Conflict));
}

async fn in_order_keys_are_named_by_their_revision(store: Arc<dyn Store>) {
    store.open(Recorder::new()).await.unwrap();
    put(&*store, &Key::user("other"), None, "v").await.unwrap();
    let commit = store
        .commit(proposal(vec![Write {
            target: Target::InOrder(Key::user("queue/")),
            before: None,
            put: Some(record("job")),
        }]))
        .await
        .unwrap();
    let expected = Key::user(format!("queue/{:020}", commit.revision));
    assert_eq!(commit.changes[0].key, expected);
}

async fn attributes_and_bytes_are_preserved(store: Arc<dyn Store>) {
    let sink = Recorder::new();
    store.open(Arc::<Recorder>::clone(&sink)).await.unwrap();
    let key = Key::user(b"\xff\x00 key");
    let value: Vec<u8> = (0..=255).cycle().take(1 << 20).collect();
    let wanted = record(value);
    let commit = store
        .commit(Proposal {
            cause: Cause::CompareAndSwap,
            subject: Some(Key::user("subject")),
            writes: vec![Write {
                target: Target::Key(key.clone()),
                before: None,
                put: Some(wanted.clone()),
            }],
        })
        .await
        .unwrap();
    assert_eq!(entry(&commit, &key).record, wanted);
    assert_eq!(commit.cause, Cause::CompareAndSwap);
    assert_eq!(commit.subject, Some(Key::user("subject")));
    assert_eq!(sink.delivered(), vec![commit]);
}

async fn access_list_is_written_beside_the_value(store: Arc<dyn Store>) {
    store.open(Recorder::new()).await.unwrap();
    let (a, b) = (Key::user("a"), Key::user("b"));
    let first = entry(&put(&*store, &a, None, "").await.unwrap(), &a);
    let set = |before: &Arc<Entry>, key: &Key| Write {
        target: Target::Key(key.clone()),
        before: Some(Arc::clone(before)),
        put: Some(closed(before)),
    };
    let refresh = |writes| Proposal {
        cause: Cause::Refresh,
        ..proposal(writes)
    };
    let commit = store.commit(refresh(vec![set(&first, &a)])).await.unwrap();
    let second = entry(&commit, &a);
    assert_eq!(second.record, closed(&first));
    assert_eq!((second.data(), second.data_index()), (None, first.index()));
    // In a transaction, which some stores write in another form.
    let other = entry(&put(&*store, &b, None, "v").await.unwrap(), &b);
    let both = refresh(vec![set(&second, &a), set(&other, &b)]);
    let commit = store.commit(both).await.unwrap();
    assert_eq!(entry(&commit, &a).record, closed(&second));
    assert_eq!(entry(&commit, &a).data_index(), first.index());
    assert_eq!(entry(&commit, &b).record, closed(&other));
    let third = put(&*store, &b, Some(&entry(&commit, &b)), "w").await;
    assert_eq!(entry(&third.unwrap(), &b).record, record("w"));
}

async fn realms_are_isolated(store: Arc<dyn Store>) {
    store.open(Recorder::new()).await.unwrap();
    put(&*store, &Key::user("k"), None, "1").await.unwrap();
    put(&*store, &Key::system("k"), None, "2").await.unwrap();
}

/// The highest revision delivered.
#[derive(Default)]
struct Highest(AtomicU64);

impl CommitSink for Highest {
    fn deliver(&self, commits: Vec<Arc<kubekv::model::Commit>>) {
        for commit in commits {
            self.0.store(commit.revision, Ordering::SeqCst);
        }
    }
}

async fn commit_is_delivered_before_it_is_answered(store: Arc<dyn Store>) {
    let sink = Arc::new(Highest::default());
    store.open(Arc::<Highest>::clone(&sink)).await.unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..8 {
        let (store, sink) = (Arc::clone(&store), Arc::clone(&sink));
        tasks.spawn(async move {
            for n in 0..25 {
                let key = Key::user(format!("{task}/{n}"));
                let commit = put(&*store, &key, None, "v").await.unwrap();
                assert!(sink.0.load(Ordering::SeqCst) >= commit.revision);
            }
        });
    }
    tasks.join_all().await;
}

async fn commits_are_delivered_in_order_exactly_once(store: Arc<dyn Store>) {
    let sink = Recorder::new();
    store.open(Arc::<Recorder>::clone(&sink)).await.unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..16 {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            let mut own = Vec::new();
            for n in 0..25 {
                let key = Key::user(format!("{task}/{n}"));
                let commit = put(&*store, &key, None, "v").await.unwrap();
                own.push((commit.revision, key));
            }
            own
        });
    }
    let answered: HashSet<_> = tasks.join_all().await.into_iter().flatten().collect();
    let delivered = sink.delivered();
    let revisions: Vec<_> = delivered.iter().map(|commit| commit.revision).collect();
    assert_eq!(revisions.len(), 400);
    assert!(
        revisions.is_sorted_by(|one, next| one < next),
        "{revisions:?}"
    );
    let revisions =
        |commit: &Arc<kubekv::model::Commit>| (commit.revision, commit.changes[0].key.clone());
    assert_eq!(
        delivered.iter().map(revisions).collect::<HashSet<_>>(),
        answered
    );
}

async fn one_of_many_concurrent_conditional_writers_wins(store: Arc<dyn Store>) {
    let sink = Recorder::new();
    store.open(Arc::<Recorder>::clone(&sink)).await.unwrap();
    let key = Key::user("k");
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..32 {
        let (store, key) = (Arc::clone(&store), key.clone());
        tasks.spawn(async move { put(&*store, &key, None, "mine").await });
    }
    let outcomes = tasks.join_all().await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    assert_eq!(sink.delivered().len(), 1);
}

async fn dropped_commit_is_whole_or_absent(store: Arc<dyn Store>) {
    let sink = Recorder::new();
    store.open(Arc::<Recorder>::clone(&sink)).await.unwrap();
    for n in 0..50 {
        let key = Key::user(format!("{n}"));
        // Polled once, then dropped: the client disconnected.
        poll_once(&mut Box::pin(put(&*store, &key, None, "v"))).await;
    }
    let last = put(&*store, &Key::user("last"), None, "v").await.unwrap();
    let delivered = sink.delivered();
    assert_eq!(delivered.last(), Some(&last));
    assert!(delivered.iter().all(|commit| commit.changes.len() == 1));
}

async fn every_revision_is_a_whole_commit(store: Arc<dyn Store>) {
    let sink = Recorder::new();
    store.open(Arc::<Recorder>::clone(&sink)).await.unwrap();
    for n in 0..50 {
        let key = Key::user(format!("{n}"));
        poll_once(&mut Box::pin(put(&*store, &key, None, "v"))).await;
    }
    let last = put(&*store, &Key::user("last"), None, "v").await.unwrap();
    let count = u64::try_from(sink.delivered().len()).unwrap();
    assert_eq!(last.revision, count, "no revision is skipped");
}

/// Polls a future once, and says whether it was ready.
async fn poll_once(future: &mut (impl Future + Unpin)) -> bool {
    std::future::poll_fn(|context| {
        let polled = Pin::new(&mut *future).poll(context);
        Poll::Ready(polled.is_ready())
    })
    .await
}

async fn empty_proposal_is_a_commit(store: Arc<dyn Store>) {
    store.open(Recorder::new()).await.unwrap();
    let commit = store.commit(proposal(Vec::new())).await.unwrap();
    assert!(commit.revision > 0 && commit.changes.is_empty());
    let next = put(&*store, &Key::user("k"), None, "v").await.unwrap();
    assert!(next.revision > commit.revision);
}

async fn closed_store_refuses_commits(store: Arc<dyn Store>) {
    let sink = Recorder::new();
    store.open(Arc::<Recorder>::clone(&sink)).await.unwrap();
    put(&*store, &Key::user("k"), None, "v").await.unwrap();
    store.close().await;
    let refused = put(&*store, &Key::user("l"), None, "v").await.unwrap_err();
    assert!(matches!(refused, CommitError::Unavailable(_)), "{refused}");
    assert_eq!(sink.delivered().len(), 1);
    store.close().await;
}

async fn commit_holds_the_previous_entries(store: Arc<dyn Store>) {
    let sink = Recorder::new();
    store.open(Arc::<Recorder>::clone(&sink)).await.unwrap();
    let key = Key::user("k");
    let first = put(&*store, &key, None, "1").await.unwrap();
    let second = put(&*store, &key, Some(&entry(&first, &key)), "2").await;
    let second = second.unwrap();
    let gone = delete(&*store, &key, &entry(&second, &key)).await.unwrap();
    let before = |commit: &kubekv::model::Commit| commit.changes[0].before.clone();
    assert_eq!(before(&first), None);
    assert_eq!(before(&second), Some(entry(&first, &key)));
    assert_eq!(before(&gone), Some(entry(&second, &key)));
    assert_eq!(sink.delivered(), [first, second, gone]);
}

async fn trimming_removes_no_live_entry(store: Arc<dyn Store>) {
    store.open(Recorder::new()).await.unwrap();
    let key = Key::user("k");
    let mut latest = entry(&put(&*store, &key, None, "0").await.unwrap(), &key);
    for n in 1..100 {
        latest = entry(
            &put(&*store, &key, Some(&latest), &n.to_string())
                .await
                .unwrap(),
            &key,
        );
        store.trim(RetentionFloors {
            history_floor: n,
            deletions_floor: n,
        });
    }
    delete(&*store, &key, &latest).await.unwrap();
}
