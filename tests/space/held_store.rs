//! Held store: accepts in order and makes nothing durable before it is told to.

use std::collections::VecDeque;
use std::sync::Arc;

use kubekv::guard::Bounds;
use kubekv::model::{Change, Commit, Entry, Proposal, Revision, Target};
use kubekv::space::{Admit, Keyspace};
use kubekv::store::{
    Accepted, AcceptedOutcome, BoxFuture, CommitError, CommitOrder, CommitSink, Limits,
    MemoryStore, NotAccepted, QueueRoom, RetentionFloors, Store, StoreContents, StoreError,
    Submission,
};
use parking_lot::Mutex;
use prometheus_client::registry::Registry;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A store in memory whose disk is in the hands of the test.
#[derive(Clone, Debug, Default)]
pub(crate) struct HeldStore(Arc<Held>);

#[derive(Debug, Default)]
struct Held {
    memory: MemoryStore,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    sink: Option<Arc<dyn CommitSink>>,
    revision: u64,
    generation: u64,
    /// Whether proposals are accepted in order.
    stopped: bool,
    accepted: VecDeque<Waiting>,
    /// How many of them there were when the store was woken last.
    noticed: usize,
}

struct Waiting {
    /// None of a barrier.
    commit: Option<Arc<Commit>>,
    answer: oneshot::Sender<AcceptedOutcome>,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("State")
    }
}

impl HeldStore {
    /// A keyspace over it.
    pub(crate) async fn open(&self) -> Keyspace {
        self.open_with(Arc::new(Bounds::new(self.limits()))).await
    }

    /// A keyspace over it, with a guard.
    pub(crate) async fn open_with(&self, admit: Arc<dyn Admit>) -> Keyspace {
        let shared: Arc<dyn Store> = Arc::new(self.clone());
        let opened = Keyspace::open(shared, admit, &mut Registry::default()).await;
        opened.unwrap().0
    }

    /// Waits until so many submissions are accepted and held, and the store was woken for them.
    pub(crate) async fn accepted(&self, count: usize) {
        while self.0.state.lock().noticed < count {
            tokio::task::yield_now().await;
        }
    }

    /// How many submissions are held; of those how many are barriers.
    pub(crate) fn held(&self) -> (usize, usize) {
        let state = self.0.state.lock();
        let barriers = state.accepted.iter().filter(|held| held.commit.is_none());
        (state.accepted.len(), barriers.count())
    }

    /// Makes everything accepted durable, and says how many commits that were.
    pub(crate) fn sync(&self) -> usize {
        let mut state = self.0.state.lock();
        let held = std::mem::take(&mut state.accepted);
        state.noticed = 0;
        let commits: Vec<_> = held.iter().filter_map(|held| held.commit.clone()).collect();
        let count = commits.len();
        let sink = state.sink.clone().unwrap();
        drop(state);
        if count > 0 {
            sink.deliver(commits);
        }
        for held in held {
            drop(held.answer.send(Ok(held.commit)));
        }
        count
    }

    /// Refuses the first that is held, because the disk is full, and all after it.
    pub(crate) fn refuse(&self) {
        let mut state = self.0.state.lock();
        let held = std::mem::take(&mut state.accepted);
        state.noticed = 0;
        let commits = held.iter().filter(|held| held.commit.is_some()).count();
        state.revision -= u64::try_from(commits).unwrap();
        state.generation += 1;
        drop(state);
        let mut error = CommitError::Full("no space left".to_owned());
        for held in held {
            drop(held.answer.send(Err(error)));
            error = CommitError::Conflict;
        }
    }
}

fn number(proposal: Proposal, revision: u64) -> Arc<Commit> {
    let changes = (0..).zip(proposal.writes).map(|(sub, write)| {
        let Target::Key(key) = write.target else {
            panic!("no in-order keys here");
        };
        let modified = Revision::new(revision, sub);
        let now = write.put.map(|record| Arc::new(Entry { record, modified }));
        Change {
            key,
            now,
            before: write.before,
        }
    });
    Arc::new(Commit {
        revision,
        cause: proposal.cause,
        subject: proposal.subject,
        changes: changes.collect(),
    })
}

impl CommitOrder for Held {
    fn generation(&self) -> Option<u64> {
        let state = self.state.lock();
        (!state.stopped).then_some(state.generation)
    }

    fn accept(
        &self,
        generation: u64,
        submission: Submission,
        _room: Option<QueueRoom>,
    ) -> Result<Accepted, NotAccepted> {
        let mut state = self.state.lock();
        if state.stopped || state.generation != generation {
            return Err(NotAccepted::Superseded);
        }
        let (commit, shown) = match submission {
            Submission::Barrier => (None, false),
            Submission::Small(proposal) => (Some(number(proposal, state.revision + 1)), true),
            Submission::Wide(proposal) => (Some(number(proposal, state.revision + 1)), false),
        };
        state.revision += u64::from(commit.is_some());
        let (answer, outcome) = oneshot::channel();
        let accepted = Accepted {
            revision: state.revision,
            commit: commit.clone().filter(|_| shown),
            outcome,
        };
        state.accepted.push_back(Waiting { commit, answer });
        Ok(accepted)
    }

    fn wake(&self) {
        let mut state = self.state.lock();
        state.noticed = state.accepted.len();
    }

    fn room(&self, _bytes: usize) -> BoxFuture<'_, Result<QueueRoom, CommitError>> {
        let never = CommitError::Unavailable("there is always room".to_owned());
        Box::pin(async move { Err(never) })
    }
}

impl Store for HeldStore {
    fn limits(&self) -> Limits {
        self.0.memory.limits()
    }

    fn open(&self, sink: Arc<dyn CommitSink>) -> BoxFuture<'_, Result<StoreContents, StoreError>> {
        self.0.state.lock().sink = Some(Arc::clone(&sink));
        self.0.memory.open(sink)
    }

    /// Only the keyspace's own first commit comes this way.
    fn commit(&self, proposal: Proposal) -> BoxFuture<'_, Result<Arc<Commit>, CommitError>> {
        assert!(proposal.writes.is_empty(), "it accepts in order");
        self.0.state.lock().revision += 1;
        self.0.memory.commit(proposal)
    }

    fn order(&self) -> Option<Arc<dyn CommitOrder>> {
        let order: Arc<dyn CommitOrder> = Arc::<Held>::clone(&self.0);
        Some(order)
    }

    fn trim(&self, keep: RetentionFloors) {
        self.0.memory.trim(keep);
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.0.memory.close()
    }
}

/// Lets every task run until it waits for something.
pub(crate) async fn run() {
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
}

/// Makes everything accepted durable until the task ends.
pub(crate) async fn finish<T>(store: &HeldStore, task: JoinHandle<T>) -> T {
    while !task.is_finished() {
        store.sync();
        tokio::task::yield_now().await;
    }
    task.await.unwrap()
}
