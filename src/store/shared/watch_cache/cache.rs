//! The watch cache's state: every entry, the recent history, the pending writes, and what the keyspace gets of them.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::model::{Commit, Entry, Key, Proposal, Target};
use crate::store::shared::election::leader_record::LeaderRecord;
use crate::store::shared::log::{LogContents, LogEvent};
use crate::store::shared::members::member;
use crate::store::shared::watch_cache::delivery_queue::{Delivery, DeliveryQueue, WriteOutcome};
use crate::store::shared::watch_cache::pending_writes::PendingWrites;
use crate::store::shared::watch_cache::recent_history::RecentHistory;
use crate::store::shared::watch_cache::relist::{Relist, commits_between};
use crate::store::shared::watch_cache::status::CacheStatus;
use crate::store::shared::write_ids::{WriteId, WriteIds};
use crate::store::{CommitError, CommitSink, StoreContents};

/// The state of the watch cache.
pub(super) struct WatchCache {
    entries: HashMap<Key, Arc<Entry>>,
    history: RecentHistory,
    pending: PendingWrites,
    queue: DeliveryQueue,
    /// The id of this gateway's process in the leader record.
    holder: String,
    write_ids: Arc<WriteIds>,
    /// The log's incarnation that `entries` came from.
    incarnation: u64,
    pub(super) status: CacheStatus,
}

impl WatchCache {
    pub(super) fn new(holder: &str, write_ids: Arc<WriteIds>) -> Self {
        Self {
            holder: holder.to_owned(),
            write_ids,
            incarnation: 0,
            entries: HashMap::new(),
            history: RecentHistory::default(),
            pending: PendingWrites::default(),
            queue: DeliveryQueue::default(),
            status: CacheStatus::new(),
        }
    }

    /// Delivers to this keyspace from now on; returns the contents that it starts from.
    pub(super) fn open(&mut self, sink: Arc<dyn CommitSink>) -> StoreContents {
        self.queue.open(sink);
        self.history.drop_overwritten();
        let entries = self.entries.iter();
        let (leader, last) = (&self.status.leader, &self.status.last_leader);
        StoreContents {
            revision: self.status.revision,
            identity: leader.as_ref().map_or(0, |leader| leader.identity),
            entries: entries
                .map(|(key, entry)| (key.clone(), Arc::clone(entry)))
                .collect(),
            history: self.history.commits(),
            history_floor: self.history.floor(),
            deletions: self.history.deletions(),
            deletions_floor: self.history.deletions_floor(),
            gaps: self.history.gaps(),
            index_floor: last.as_ref().map_or(0, |last| last.floor),
            directories: None,
        }
    }

    /// Delivers to no keyspace any more.
    pub(super) fn close(&mut self) {
        self.queue.close();
        self.status.is_behind = false;
    }

    /// Gives a write its id and waits for its outcome; `None` while another gateway leads.
    ///
    /// The id is of the last term delivered: no fence that would make the write stale has passed yet.
    pub(super) fn begin_write(&mut self) -> Option<(WriteId, oneshot::Receiver<WriteOutcome>)> {
        let write_id = self.write_ids.next()?;
        Some((write_id, self.pending.add(write_id)))
    }

    /// Waits for the outcome of a write no more.
    pub(super) fn forget_write(&mut self, write_id: WriteId) {
        let _sender = self.pending.take(write_id);
    }

    /// Whether every precondition holds in the cache, and no key is written twice.
    pub(super) fn preconditions_hold(&self, proposal: &Proposal) -> bool {
        let mut written = HashSet::new();
        proposal.writes.iter().all(|write| match &write.target {
            Target::InOrder(_) => write.before.is_none(),
            Target::Key(key) => {
                let expected = write.before.as_ref().map(|entry| entry.modified);
                self.entries.get(key).map(|entry| entry.modified) == expected && written.insert(key)
            }
        })
    }

    /// Takes in a full list, the first one or a relist.
    pub(super) fn install(&mut self, list: LogContents, incarnation: u64) {
        let relist = Relist::classify(&self.status, self.incarnation, &list, incarnation);
        self.incarnation = incarnation;
        let LogContents {
            revision,
            entries,
            leader,
            term,
            write_ids,
        } = list;
        let entries: HashMap<_, _> = entries.into_iter().collect();
        match relist {
            Relist::First => self.start_over(revision, entries),
            Relist::Continues => self.advance_to(revision, &entries, &write_ids),
            Relist::WentBack => self.reset(revision, entries),
            Relist::Replaced => {
                let last = self.status.last_leader.as_deref();
                self.status.outgrown_offset = last.map(|last| last.offset);
                self.reset(revision, entries);
            }
        }
        self.status.highest_term = self.status.highest_term.max(term);
        self.set_leader(leader);
        self.status.members = member::all(&self.entries);
        self.status.loaded = true;
        self.status.is_empty = self.entries.is_empty();
        self.flush();
    }

    /// Takes in the difference to a later list: its commits, and a gap, as the watch did not deliver them.
    fn advance_to(
        &mut self,
        revision: u64,
        listed: &HashMap<Key, Arc<Entry>>,
        write_ids: &HashSet<WriteId>,
    ) {
        let cached_at = self.status.revision;
        let commits = commits_between(&self.entries, cached_at, listed, revision);
        let commits = commits.into_iter().map(|commit| self.apply(commit));
        let commits = commits.collect();
        self.enqueue(commits);
        self.history.push_gap(cached_at, revision);
        self.queue.push(Delivery::Lost(revision));
        self.status.revision = revision;
        self.pending.fail_over_gap(write_ids);
    }

    /// Gives up a state that clients have seen.
    fn reset(&mut self, revision: u64, entries: HashMap<Key, Arc<Entry>>) {
        tracing::error!(
            revision,
            known = self.status.revision,
            "store revision regressed or store was replaced; all clients must resync"
        );
        self.status.epoch += 1;
        self.start_over(revision, entries);
    }

    fn start_over(&mut self, revision: u64, entries: HashMap<Key, Arc<Entry>>) {
        self.status.highest_shown = self.status.highest_shown.max(self.status.revision);
        self.status.unrecorded_fence = None;
        // The outcomes of pending writes stay unknown: nobody can find them out in another log.
        self.queue.close();
        self.pending.clear();
        self.entries = entries;
        self.history = RecentHistory::after(revision);
        self.status.revision = revision;
    }

    /// Takes in events of the watch. Says whether the cache may be wrong and must be checked: another gateway's write was
    /// refused, and that gateway was as sure of the entries as this one; or there is a leader record again, and a list
    /// taken without one cannot recognise stale writes.
    pub(super) fn apply_events(&mut self, events: Vec<LogEvent>) -> bool {
        let mut must_check = false;
        let mut commits = Vec::new();
        let mut answers = Vec::new();
        for event in events {
            match event {
                LogEvent::Commit { commit, write_id } => {
                    let commit = self.apply(commit);
                    let sender = write_id.and_then(|write_id| self.pending.take(write_id));
                    if let Some(sender) = sender {
                        answers.push((sender, Ok(Arc::clone(&commit))));
                    }
                    self.status.revision = self.status.revision.max(commit.revision);
                    commits.push(commit);
                }
                LogEvent::Refused(write_id) => match self.pending.take(write_id) {
                    Some(sender) => answers.push((sender, Err(CommitError::Conflict))),
                    None => must_check = true,
                },
                LogEvent::Stale(revision) | LogEvent::Progress(revision) => {
                    self.status.revision = self.status.revision.max(revision);
                }
                LogEvent::Leader { record, revision } => {
                    must_check |= record.is_some() && self.status.leader.is_none();
                    self.status.revision = self.status.revision.max(revision);
                    // Every commit before the fence is delivered before the fence counts.
                    self.enqueue(std::mem::take(&mut commits));
                    self.set_leader(record.map(|record| (record, revision)));
                }
            }
        }
        self.enqueue(commits);
        self.status.is_empty = self.entries.is_empty();
        for (sender, outcome) in answers {
            self.queue.push(Delivery::Answer(sender, outcome));
        }
        self.flush();
        must_check
    }

    /// Advances the entries by one commit, and fills in the entries before it where the log does not send them.
    fn apply(&mut self, mut commit: Arc<Commit>) -> Arc<Commit> {
        if commit.changes.iter().any(|change| change.before.is_none()) {
            for change in &mut Arc::make_mut(&mut commit).changes {
                if change.before.is_none() {
                    change.before = self.entries.get(&change.key).cloned();
                }
            }
        }
        for change in &commit.changes {
            match &change.now {
                Some(entry) => self.entries.insert(change.key.clone(), Arc::clone(entry)),
                None => self.entries.remove(&change.key),
            };
        }
        self.history.push(&commit);
        commit
    }

    fn enqueue(&mut self, commits: Vec<Arc<Commit>>) {
        if commits.is_empty() {
            return;
        }
        if commits.iter().any(|commit| member::is_changed_by(commit)) {
            self.status.members = member::all(&self.entries);
        }
        self.queue.push(Delivery::Commits(commits));
    }

    /// Delivers to the keyspace. Commits that could make an index fall at the next leader wait until the leader record has
    /// the floor that prevents it.
    fn flush(&mut self) {
        self.status.index_floor = self.history.index_floor();
        let leader = self.status.leader.as_deref();
        if !self.queue.is_open() || self.status.is_floor_recorded() {
            self.queue.flush();
        } else if leader.is_none_or(|leader| leader.holder != self.holder) {
            // This gateway leads no more, so that it will never record the floor.
            self.queue.close();
        }
        self.status.is_behind = self.queue.is_waiting();
    }

    fn set_leader(&mut self, leader: Option<(LeaderRecord, u64)>) {
        if !self.status.set_leader(leader, Instant::now()) {
            return;
        }
        // A write of an earlier term that was not delivered before this fence is stale from here on: it did not happen.
        for sender in self.pending.take_before(self.status.leader_term()) {
            let refused = Delivery::Answer(sender, Err(CommitError::Conflict));
            self.queue.push(refused);
        }
        let leader = self.status.leader.as_deref();
        let own = leader.filter(|leader| leader.holder == self.holder);
        self.write_ids.enter(own.map_or(0, |own| own.term));
    }
}

#[cfg(test)]
mod tests {
    use parking_lot::Mutex;

    use super::*;
    use crate::model::{Cause, Change, Record, Revision, Write};

    #[derive(Debug, Default)]
    struct Delivered(Mutex<Vec<u64>>);

    impl CommitSink for Delivered {
        fn deliver(&self, commits: Vec<Arc<Commit>>) {
            let revisions = commits.iter().map(|commit| commit.revision);
            self.0.lock().extend(revisions);
        }
    }

    fn entry(revision: u64) -> Arc<Entry> {
        Arc::new(Entry {
            record: Record::default(),
            modified: Revision::new(revision, 0),
        })
    }

    fn record(floor: u64, beat: u64) -> LeaderRecord {
        LeaderRecord {
            term: 1,
            holder: "this".to_owned(),
            identity: 7,
            floor,
            beat,
            ..LeaderRecord::default()
        }
    }

    fn list(revision: u64, keys: &[&str], leader: (LeaderRecord, u64)) -> LogContents {
        let entry = |key: &&str| (Key::user(*key), entry(3));
        LogContents {
            revision,
            entries: keys.iter().map(entry).collect(),
            leader: Some(leader),
            ..LogContents::default()
        }
    }

    /// The cache of a gateway that leads and serves.
    fn serving() -> (WatchCache, Arc<Delivered>) {
        let mut cache = WatchCache::new("this", Arc::default());
        cache.install(list(10, &["a", "b"], (record(10, 1), 9)), 0);
        let delivered = Arc::<Delivered>::default();
        let sink: Arc<dyn CommitSink> = Arc::<Delivered>::clone(&delivered);
        let opened = cache.open(sink);
        assert_eq!((opened.revision, opened.index_floor), (10, 10));
        (cache, delivered)
    }

    fn commit(revision: u64) -> Arc<Commit> {
        let change = Change {
            key: Key::user("c"),
            now: Some(entry(revision)),
            before: None,
        };
        Arc::new(Commit {
            revision,
            cause: Cause::Set,
            subject: None,
            changes: vec![change],
        })
    }

    fn written(cache: &mut WatchCache, revision: u64) -> oneshot::Receiver<WriteOutcome> {
        let (write_id, receiver) = cache.begin_write().unwrap();
        let (commit, write_id) = (commit(revision), Some(write_id));
        cache.apply_events(vec![LogEvent::Commit { commit, write_id }]);
        receiver
    }

    #[test]
    fn deletion_of_unknown_revision_is_delivered_only_after_its_floor_is_recorded() {
        let (mut cache, delivered) = serving();
        cache.install(list(20, &["a"], (record(10, 1), 9)), 0);
        assert!(!cache.status.is_floor_recorded() && cache.status.is_behind);
        // Nor is anything after it, and the caller that wrote it is not answered.
        let mut answer = written(&mut cache, 21);
        assert!(answer.try_recv().is_err());
        assert_eq!(*delivered.0.lock(), [0; 0]);
        let record = Some(record(20, 2));
        let revision = 22;
        cache.apply_events(vec![LogEvent::Leader { record, revision }]);
        assert!(cache.status.is_floor_recorded() && !cache.status.is_behind);
        assert_eq!(*delivered.0.lock(), [20, 21]);
        assert_eq!(answer.try_recv().unwrap().unwrap().revision, 21);
        let _answer = written(&mut cache, 23);
        assert_eq!(*delivered.0.lock(), [20, 21, 23]);
    }

    #[test]
    fn deposed_leader_never_delivers_what_waits_for_a_floor() {
        let (mut cache, delivered) = serving();
        cache.install(list(20, &["a"], (record(10, 1), 9)), 0);
        let mut answer = written(&mut cache, 21);
        let another = LeaderRecord {
            holder: "another".to_owned(),
            term: 2,
            ..record(10, 0)
        };
        let (record, revision) = (Some(another), 22);
        cache.apply_events(vec![LogEvent::Leader { record, revision }]);
        assert_eq!(*delivered.0.lock(), [0; 0]);
        assert!(answer.try_recv().is_err(), "the outcome is unknown");
        assert!(!cache.status.is_behind);
    }

    #[test]
    fn write_is_not_answered_before_the_keyspace_has_it() {
        let (mut cache, delivered) = serving();
        cache.install(list(20, &["a"], (record(10, 1), 9)), 0);
        let (write_id, mut answer) = cache.begin_write().unwrap();
        // The record is deleted: the write sent before still takes effect, and reads are answered until leadership ends.
        let (record, revision) = (None, 21);
        cache.apply_events(vec![LogEvent::Leader { record, revision }]);
        cache.apply_events(vec![LogEvent::Commit {
            commit: commit(22),
            write_id: Some(write_id),
        }]);
        assert_eq!(*delivered.0.lock(), [0; 0]);
        assert!(answer.try_recv().is_err(), "the outcome is unknown");
    }

    #[test]
    fn commit_of_the_watch_is_delivered_at_once() {
        let (mut cache, delivered) = serving();
        let mut answer = written(&mut cache, 21);
        assert_eq!(*delivered.0.lock(), [21]);
        assert_eq!(answer.try_recv().unwrap().unwrap().revision, 21);
    }

    #[test]
    fn refused_write_of_another_gateway_asks_for_a_check() {
        let (mut cache, _delivered) = serving();
        let (own, mut answer) = cache.begin_write().unwrap();
        assert!(
            !cache.apply_events(vec![LogEvent::Refused(own)]),
            "it may lose to others"
        );
        assert!(answer.try_recv().unwrap().is_err());
        let others = WriteId { term: 2, ..own };
        assert!(cache.apply_events(vec![LogEvent::Progress(11), LogEvent::Refused(others)]));
    }

    #[test]
    fn leader_record_that_appears_after_a_list_asks_for_a_check() {
        let (mut cache, _delivered) = serving();
        let leader = |record, revision| LogEvent::Leader { record, revision };
        assert!(!cache.apply_events(vec![leader(Some(record(10, 2)), 21)]));
        assert!(!cache.apply_events(vec![leader(None, 22)]));
        assert!(cache.apply_events(vec![leader(Some(record(10, 3)), 23)]));
    }

    fn proposal(writes: &[(&str, Option<u64>)]) -> Proposal {
        let write = |(key, before): &(&str, Option<u64>)| Write {
            target: Target::Key(Key::user(*key)),
            before: before.map(entry),
            put: Some(Record::default()),
        };
        Proposal {
            writes: writes.iter().map(write).collect(),
            cause: Cause::Set,
            subject: None,
        }
    }

    #[test]
    fn precondition_holds_only_at_the_cached_revision_and_once_a_key() {
        let (cache, _delivered) = serving();
        let holds = |writes: &[_]| cache.preconditions_hold(&proposal(writes));
        assert!(holds(&[("a", Some(3)), ("c", None)]));
        assert!(!holds(&[("a", Some(2))]), "an earlier revision");
        assert!(!holds(&[("a", None)]), "a key that exists");
        assert!(!holds(&[("c", Some(3))]), "a key that does not exist");
        assert!(!holds(&[("c", None), ("c", None)]), "twice");
    }

    #[test]
    fn term_of_an_edited_write_id_is_not_the_leaders() {
        let (mut cache, _delivered) = serving();
        let mut edited = list(20, &["a", "b"], (record(10, 1), 9));
        edited.term = 1;
        let (term, sequence) = (1_000_000, 1);
        edited.write_ids.insert(WriteId { term, sequence });
        cache.install(edited, 0);
        assert_eq!(cache.status.highest_term, 1);
        assert!(cache.begin_write().is_some(), "this gateway still leads");
    }

    #[test]
    fn regressed_store_resets_the_cache_and_leaves_writes_unknown() {
        let (mut cache, delivered) = serving();
        let (_write_id, mut answer) = cache.begin_write().unwrap();
        cache.install(list(8, &["a"], (record(10, 1), 9)), 0);
        let closed = oneshot::error::TryRecvError::Closed;
        assert_eq!(answer.try_recv(), Err(closed), "the outcome is unknown");
        assert_eq!((cache.status.epoch, cache.status.highest_shown), (1, 10));
        assert_eq!(cache.status.outgrown_offset, None, "the same log");
        assert!(cache.status.must_raise_indexes());
        let _answer = written(&mut cache, 11);
        assert_eq!(*delivered.0.lock(), [0; 0], "the keyspace of before");
    }

    #[test]
    fn replaced_store_outgrows_the_offset_of_the_one_before() {
        let (mut cache, _delivered) = serving();
        cache.install(list(50, &["a"], (record(10, 1), 40)), 1);
        assert_eq!(cache.status.outgrown_offset, Some(0));
        assert!(cache.status.must_raise_indexes());
    }
}
