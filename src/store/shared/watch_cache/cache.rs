//! What a follower knows: every entry, the lead, and which writes it waits for.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::model::{Commit, Entry, Key, Proposal, Target};
use crate::store::shared::election::leader_record::{Fence, LeaderRecord};
use crate::store::shared::log::{LogContents, LogEvent};
use crate::store::shared::members::member::{self, Replicas};
use crate::store::shared::watch_cache::delivery_queue::{DeliveryQueue, Step};
use crate::store::shared::watch_cache::recent_history::Past;
use crate::store::shared::watch_cache::relist;
use crate::store::shared::write_ids::WriteId;
use crate::store::shared::write_ids::WriteIds;
use crate::store::{CommitError, CommitSink, StoreContents};

/// What became of a write.
pub(in crate::store::shared) type Outcome = Result<Arc<Commit>, CommitError>;

/// The lead's record as it was told last.
#[derive(Clone, Debug)]
pub(in crate::store::shared) struct Status {
    /// The record; `None` where there is none.
    pub(in crate::store::shared) lead: Option<Arc<LeaderRecord>>,
    /// When it was written.
    pub(in crate::store::shared) lead_revision: Option<u64>,
    /// The last record there was: where somebody took it away, terms and indexes go on from it.
    pub(in crate::store::shared) last: Option<Arc<LeaderRecord>>,
    /// Where the term of that one began, which no heartbeat has noted yet: whoever leads next must.
    pub(in crate::store::shared) fence: Option<Fence>,
    /// The highest term that ever wrote, as far as that is known.
    pub(in crate::store::shared) term: u64,
    /// When it was told, by the monotonic clock: whoever would take the lead waits from here.
    pub(in crate::store::shared) since: Instant,
    /// Everything before this revision is in the view.
    pub(in crate::store::shared) revision: u64,
    /// The log was read at least once.
    pub(in crate::store::shared) loaded: bool,
    /// Whether it has any entries.
    pub(in crate::store::shared) empty: bool,
    /// Counts how often the view had to be given up: what led before does so no more.
    pub(in crate::store::shared) epoch: u64,
    /// The highest revision a client of any gateway may have seen.
    pub(in crate::store::shared) highest: u64,
    /// The offset that a log had which is gone: nothing in the one there is now, however far it is, may be told with
    /// such an offset, as clients would take it for what they have seen.
    pub(in crate::store::shared) outgrown: Option<u64>,
    /// The gateways of this store.
    pub(in crate::store::shared) replicas: Replicas,
    /// This gateway does not know what went up to here, or not when.
    pub(in crate::store::shared) floor: u64,
    /// The keyspace is not told yet of everything.
    pub(in crate::store::shared) is_behind: bool,
}

impl Status {
    /// Whether the lead's record says, to whoever leads next, how high an index this gateway may tell of what is not there.
    pub(in crate::store::shared) fn is_floor_noted(&self) -> bool {
        self.last
            .as_deref()
            .is_some_and(|lead| self.floor <= lead.floor)
    }
}

/// The state of a follower.
pub(in crate::store::shared) struct View {
    entries: HashMap<Key, Arc<Entry>>,
    past: Past,
    pending: HashMap<WriteId, oneshot::Sender<Outcome>>,
    outlet: DeliveryQueue,
    /// The name of this gateway's process in the lead's record.
    holder: String,
    write_ids: Arc<WriteIds>,
    /// The log's incarnation that `entries` came from.
    incarnation: u64,
    pub(in crate::store::shared) told: Status,
}

impl View {
    pub(in crate::store::shared) fn new(holder: &str, write_ids: Arc<WriteIds>) -> Self {
        Self {
            holder: holder.to_owned(),
            write_ids,
            incarnation: 0,
            entries: HashMap::new(),
            past: Past::default(),
            pending: HashMap::new(),
            outlet: DeliveryQueue::default(),
            told: Status {
                lead: None,
                lead_revision: None,
                last: None,
                fence: None,
                term: 0,
                since: Instant::now(),
                revision: 0,
                loaded: false,
                empty: true,
                epoch: 0,
                highest: 0,
                outgrown: None,
                replicas: Replicas::default(),
                floor: 0,
                is_behind: false,
            },
        }
    }

    /// Everything known, and whom to tell from now on.
    pub(in crate::store::shared) fn open(&mut self, feed: Arc<dyn CommitSink>) -> StoreContents {
        self.outlet.open(feed);
        self.past.tidy();
        let entries = self.entries.iter();
        StoreContents {
            revision: self.told.revision,
            identity: self.told.lead.as_ref().map_or(0, |lead| lead.identity),
            entries: entries
                .map(|(key, entry)| (key.clone(), Arc::clone(entry)))
                .collect(),
            history: self.past.commits(),
            history_floor: self.past.floor(),
            deletions: self.past.deletions(),
            deletions_floor: self.past.deletions_floor(),
            gaps: self.past.gaps(),
            index_floor: self.told.last.as_ref().map_or(0, |lead| lead.floor),
        }
    }

    /// Nobody is to be told any more.
    pub(in crate::store::shared) fn close(&mut self) {
        self.outlet.close();
        self.told.is_behind = false;
    }

    /// Names a write and waits for what becomes of it; `None` where somebody else leads.
    ///
    /// The name is of the term that was told last: no fence that would make it void has passed yet.
    pub(in crate::store::shared) fn expect(
        &mut self,
    ) -> Option<(WriteId, oneshot::Receiver<Outcome>)> {
        let write_id = self.write_ids.next()?;
        let (sender, receiver) = oneshot::channel();
        self.pending.insert(write_id, sender);
        Some((write_id, receiver))
    }

    /// Waits no more.
    pub(in crate::store::shared) fn forget(&mut self, write_id: WriteId) {
        self.pending.remove(&write_id);
    }

    /// Whether every guard holds now, and no key is written twice.
    pub(in crate::store::shared) fn allows(&self, proposal: &Proposal) -> bool {
        let mut seen = HashSet::new();
        proposal.writes.iter().all(|write| match &write.target {
            Target::InOrder(_) => write.before.is_none(),
            Target::Key(key) => {
                let expected = write.before.as_ref().map(|entry| entry.modified);
                self.entries.get(key).map(|entry| entry.modified) == expected && seen.insert(key)
            }
        })
    }

    /// Takes in what a log holds, anew or for the first time.
    pub(in crate::store::shared) fn install(&mut self, loaded: LogContents, incarnation: u64) {
        let LogContents {
            revision,
            entries,
            lead,
            write_ids,
        } = loaded;
        let entries: HashMap<_, _> = entries.into_iter().collect();
        let same = |lead: &LeaderRecord| (lead.identity, lead.offset);
        let was = self.told.last.as_deref().map(same);
        let is = lead.as_ref().map(|(lead, _)| same(lead));
        let fell = |(_, revision): &(LeaderRecord, u64)| Some(*revision) < self.told.lead_revision;
        let replaced = incarnation != self.incarnation || lead.as_ref().is_some_and(fell);
        // Where a lead was taken away and there is none yet, the entries may still be the same.
        let another = (was.is_some() && is.is_some() && was != is) || replaced;
        self.incarnation = incarnation;
        if !self.told.loaded || another || revision < self.told.revision {
            if self.told.loaded && replaced {
                // It may be ahead by now, but its entries are not as new as those that clients were shown.
                self.told.outgrown = self.told.last.as_deref().map(|lead| lead.offset);
            }
            self.begin_anew(revision, entries);
        } else {
            let commits = relist::commits(&self.entries, self.told.revision, &entries, revision);
            let commits = commits.into_iter().map(|commit| self.apply(commit));
            let commits = commits.collect();
            self.deliver(commits);
            self.past.lose(self.told.revision, revision);
            self.outlet.push(Step::Lost(revision));
            self.told.revision = revision;
            self.resolve_over_gap(&write_ids);
        }
        let written = write_ids.iter().map(|write_id| write_id.term).max();
        self.told.term = self.told.term.max(written.unwrap_or_default());
        self.lead_is(lead);
        self.told.replicas = member::all(&self.entries);
        self.told.loaded = true;
        self.told.empty = self.entries.is_empty();
        self.tell();
    }

    /// Tells the keyspace. What could make an index fall at the next leader is told when the lead's record says so.
    fn tell(&mut self) {
        self.told.floor = self.past.index_floor();
        let lead = self.told.lead.as_deref();
        if !self.outlet.is_open() || self.told.is_floor_noted() {
            self.outlet.flow();
        } else if lead.is_none_or(|lead| lead.holder != self.holder) {
            // This gateway will not note it any more.
            self.outlet.close();
        }
        self.told.is_behind = self.outlet.keeps();
    }

    fn begin_anew(&mut self, revision: u64, entries: HashMap<Key, Arc<Entry>>) {
        if self.told.loaded {
            tracing::error!(
                revision,
                known = self.told.revision,
                "the store went back, or is another one: all clients begin anew"
            );
            self.told.epoch += 1;
        }
        self.told.highest = self.told.highest.max(self.told.revision);
        self.told.fence = None;
        // Their senders go: nobody will ever know.
        self.outlet.close();
        self.pending.clear();
        self.entries = entries;
        self.past = Past::from(revision);
        self.told.revision = revision;
    }

    /// What was written while nothing was told is known by its write id, unless something else has replaced it since.
    fn resolve_over_gap(&mut self, write_ids: &HashSet<WriteId>) {
        for (write_id, sender) in std::mem::take(&mut self.pending) {
            let why = if write_ids.contains(&write_id) {
                "it is there, but its revision is not known"
            } else {
                "what happened meanwhile was not told"
            };
            // Whoever asked may be gone.
            let _gone = sender.send(Err(CommitError::Unknown(why.to_owned())));
        }
    }

    /// Takes in what has happened. Says whether what is known may be wrong: another gateway was refused, which was as sure
    /// as this one is of what there is; or there is a lead's record again, without which a list tells no late writes.
    pub(in crate::store::shared) fn take(&mut self, news: Vec<LogEvent>) -> bool {
        let mut doubtful = false;
        let mut commits = Vec::new();
        let mut done = Vec::new();
        for one in news {
            match one {
                LogEvent::Commit { commit, write_id } => {
                    let commit = self.apply(commit);
                    if let Some(sender) =
                        write_id.and_then(|write_id| self.pending.remove(&write_id))
                    {
                        done.push((sender, Ok(Arc::clone(&commit))));
                    }
                    self.told.revision = self.told.revision.max(commit.revision);
                    commits.push(commit);
                }
                LogEvent::Refused(write_id) => match self.pending.remove(&write_id) {
                    Some(sender) => done.push((sender, Err(CommitError::Conflict))),
                    None => doubtful = true,
                },
                LogEvent::Stale(revision) | LogEvent::Progress(revision) => {
                    self.told.revision = self.told.revision.max(revision);
                }
                LogEvent::Leader { record, revision } => {
                    doubtful |= record.is_some() && self.told.lead.is_none();
                    self.told.revision = self.told.revision.max(revision);
                    // All before the fence is told before it counts.
                    self.deliver(std::mem::take(&mut commits));
                    self.lead_is(record.map(|record| (record, revision)));
                }
            }
        }
        self.deliver(commits);
        self.told.empty = self.entries.is_empty();
        for (sender, outcome) in done {
            self.outlet.push(Step::Answer(sender, outcome));
        }
        self.tell();
        doubtful
    }

    /// Moves on by one commit, and adds what was there before where the log does not tell.
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
        self.past.push(&commit);
        commit
    }

    fn deliver(&mut self, commits: Vec<Arc<Commit>>) {
        if commits.is_empty() {
            return;
        }
        if commits.iter().any(|commit| member::concerns(commit)) {
            self.told.replicas = member::all(&self.entries);
        }
        self.outlet.push(Step::Commits(commits));
    }

    fn lead_is(&mut self, lead: Option<(LeaderRecord, u64)>) {
        let revision = lead.as_ref().map(|(_, revision)| *revision);
        if revision == self.told.lead_revision {
            return;
        }
        let term = lead.as_ref().map_or(0, |(lead, _)| lead.term);
        // A write of an earlier term that was not told before this fence is void from here on: it did not happen.
        let void: Vec<_> = self
            .pending
            .keys()
            .filter(|write_id| write_id.term < term)
            .copied()
            .collect();
        for write_id in void {
            if let Some(sender) = self.pending.remove(&write_id) {
                let answer = Step::Answer(sender, Err(CommitError::Conflict));
                self.outlet.push(answer);
            }
        }
        let ours = lead.as_ref().filter(|(lead, _)| lead.holder == self.holder);
        self.write_ids.enter(ours.map_or(0, |(lead, _)| lead.term));
        self.told.term = self.told.term.max(term);
        if let Some((lead, revision)) = &lead {
            let (term, revision) = (lead.term, *revision);
            self.told.fence = (lead.beat == 0).then_some(Fence { term, revision });
        }
        self.told.lead = lead.map(|(lead, _)| Arc::new(lead));
        if let Some(lead) = &self.told.lead {
            self.told.last = Some(Arc::clone(lead));
        }
        self.told.lead_revision = revision;
        self.told.since = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use parking_lot::Mutex;

    use super::*;
    use crate::model::{Cause, Change, Record, Revision};

    #[derive(Debug, Default)]
    struct Status(Mutex<Vec<u64>>);

    impl CommitSink for Status {
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

    fn lead(floor: u64, beat: u64) -> LeaderRecord {
        LeaderRecord {
            term: 1,
            holder: "this".to_owned(),
            identity: 7,
            floor,
            beat,
            ..LeaderRecord::default()
        }
    }

    fn loaded(revision: u64, keys: &[&str], lead: (LeaderRecord, u64)) -> LogContents {
        let entry = |key: &&str| (Key::user(*key), entry(3));
        LogContents {
            revision,
            entries: keys.iter().map(entry).collect(),
            lead: Some(lead),
            ..LogContents::default()
        }
    }

    /// A view whose gateway leads and serves.
    fn serving() -> (View, Arc<Status>) {
        let mut view = View::new("this", Arc::default());
        view.install(loaded(10, &["a", "b"], (lead(10, 1), 9)), 0);
        let feed = Arc::<Status>::default();
        let told: Arc<dyn CommitSink> = Arc::<Status>::clone(&feed);
        let opened = view.open(told);
        assert_eq!((opened.revision, opened.index_floor), (10, 10));
        (view, feed)
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

    fn written(view: &mut View, revision: u64) -> oneshot::Receiver<Outcome> {
        let (write_id, receiver) = view.expect().unwrap();
        let (commit, write_id) = (commit(revision), Some(write_id));
        view.take(vec![LogEvent::Commit { commit, write_id }]);
        receiver
    }

    #[test]
    fn what_went_at_a_time_that_is_not_known_is_told_when_the_next_leader_will_know() {
        let (mut view, feed) = serving();
        view.install(loaded(20, &["a"], (lead(10, 1), 9)), 0);
        assert!(!view.told.is_floor_noted() && view.told.is_behind);
        // Neither is anything after it, nor is whoever wrote that.
        let mut answer = written(&mut view, 21);
        assert!(answer.try_recv().is_err());
        assert_eq!(*feed.0.lock(), [0; 0]);
        let record = Some(lead(20, 2));
        let revision = 22;
        view.take(vec![LogEvent::Leader { record, revision }]);
        assert!(view.told.is_floor_noted() && !view.told.is_behind);
        assert_eq!(*feed.0.lock(), [20, 21]);
        assert_eq!(answer.try_recv().unwrap().unwrap().revision, 21);
        let _answer = written(&mut view, 23);
        assert_eq!(*feed.0.lock(), [20, 21, 23]);
    }

    #[test]
    fn whoever_lost_the_lead_does_not_tell_it() {
        let (mut view, feed) = serving();
        view.install(loaded(20, &["a"], (lead(10, 1), 9)), 0);
        let mut answer = written(&mut view, 21);
        let another = LeaderRecord {
            holder: "another".to_owned(),
            term: 2,
            ..lead(10, 0)
        };
        let (record, revision) = (Some(another), 22);
        view.take(vec![LogEvent::Leader { record, revision }]);
        assert_eq!(*feed.0.lock(), [0; 0]);
        assert!(answer.try_recv().is_err(), "nobody knows");
        assert!(!view.told.is_behind);
    }

    #[test]
    fn nothing_is_answered_that_the_keyspace_is_not_told_of() {
        let (mut view, feed) = serving();
        view.install(loaded(20, &["a"], (lead(10, 1), 9)), 0);
        let (write_id, mut answer) = view.expect().unwrap();
        // Somebody deletes the record: what was sent is written still, and reads are answered until the lead is dropped.
        let (record, revision) = (None, 21);
        view.take(vec![LogEvent::Leader { record, revision }]);
        view.take(vec![LogEvent::Commit {
            commit: commit(22),
            write_id: Some(write_id),
        }]);
        assert_eq!(*feed.0.lock(), [0; 0]);
        assert!(answer.try_recv().is_err(), "nobody knows");
    }

    #[test]
    fn what_went_at_its_own_time_is_told_at_once() {
        let (mut view, feed) = serving();
        let mut answer = written(&mut view, 21);
        assert_eq!(*feed.0.lock(), [21]);
        assert_eq!(answer.try_recv().unwrap().unwrap().revision, 21);
    }

    #[test]
    fn a_write_of_another_gateway_that_is_refused_is_a_reason_to_doubt() {
        let (mut view, _feed) = serving();
        let (own, mut answer) = view.expect().unwrap();
        assert!(
            !view.take(vec![LogEvent::Refused(own)]),
            "it may lose to others"
        );
        assert!(answer.try_recv().unwrap().is_err());
        let others = WriteId { term: 2, ..own };
        assert!(view.take(vec![LogEvent::Progress(11), LogEvent::Refused(others)]));
    }

    #[test]
    fn what_was_listed_without_a_lead_is_doubted_when_there_is_one() {
        let (mut view, _feed) = serving();
        let told = |record, revision| LogEvent::Leader { record, revision };
        assert!(!view.take(vec![told(Some(lead(10, 2)), 21)]));
        assert!(!view.take(vec![told(None, 22)]));
        assert!(view.take(vec![told(Some(lead(10, 3)), 23)]));
    }
}
