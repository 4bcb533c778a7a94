//! What a follower knows: every entry, the lead, and which writes it waits for.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::gap;
use super::log::{Loaded, News};
use super::outlet::{Outlet, Step};
use super::past::Past;
use super::record::{Fence, LeadRecord, Stamp};
use super::replica::{self, Replicas};
use super::stamps::Stamps;
use crate::model::{Commit, Entry, Key, Proposal, Target};
use crate::store::{CommitError, Feed, Opened};

/// What became of a write.
pub(super) type Outcome = Result<Arc<Commit>, CommitError>;

/// The lead's record as it was told last.
#[derive(Clone, Debug)]
pub(super) struct Told {
    /// The record; `None` where there is none.
    pub(super) lead: Option<Arc<LeadRecord>>,
    /// When it was written.
    pub(super) lead_revision: Option<u64>,
    /// The last record there was: where somebody took it away, terms and indexes go on from it.
    pub(super) last: Option<Arc<LeadRecord>>,
    /// Where the term of that one began, which no heartbeat has noted yet: whoever leads next must.
    pub(super) fence: Option<Fence>,
    /// The highest term that ever wrote, as far as that is known.
    pub(super) term: u64,
    /// When it was told, by the monotonic clock: whoever would take the lead waits from here.
    pub(super) since: Instant,
    /// Everything before this revision is in the view.
    pub(super) revision: u64,
    /// The log was read at least once.
    pub(super) loaded: bool,
    /// Whether it has any entries.
    pub(super) empty: bool,
    /// Counts how often the view had to be given up: what led before does so no more.
    pub(super) epoch: u64,
    /// The highest revision a client of any gateway may have seen.
    pub(super) highest: u64,
    /// The offset that a log had which is gone: nothing in the one there is now, however far it is, may be told with
    /// such an offset, as clients would take it for what they have seen.
    pub(super) outgrown: Option<u64>,
    /// The gateways of this store.
    pub(super) replicas: Replicas,
    /// This gateway does not know what went up to here, or not when.
    pub(super) floor: u64,
    /// The keyspace is not told yet of everything.
    pub(super) is_behind: bool,
}

impl Told {
    /// Whether the lead's record says, to whoever leads next, how high an index this gateway may tell of what is not there.
    pub(super) fn is_floor_noted(&self) -> bool {
        self.last
            .as_deref()
            .is_some_and(|lead| self.floor <= lead.floor)
    }
}

/// The state of a follower.
pub(super) struct View {
    entries: HashMap<Key, Arc<Entry>>,
    past: Past,
    pending: HashMap<Stamp, oneshot::Sender<Outcome>>,
    outlet: Outlet,
    /// The name of this gateway's process in the lead's record.
    holder: String,
    stamps: Arc<Stamps>,
    /// Which log it is, counted.
    line: u64,
    pub(super) told: Told,
}

impl View {
    pub(super) fn new(holder: &str, stamps: Arc<Stamps>) -> Self {
        Self {
            holder: holder.to_owned(),
            stamps,
            line: 0,
            entries: HashMap::new(),
            past: Past::default(),
            pending: HashMap::new(),
            outlet: Outlet::default(),
            told: Told {
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
    pub(super) fn open(&mut self, feed: Arc<dyn Feed>) -> Opened {
        self.outlet.open(feed);
        self.past.tidy();
        let entries = self.entries.iter();
        Opened {
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
    pub(super) fn close(&mut self) {
        self.outlet.close();
        self.told.is_behind = false;
    }

    /// Names a write and waits for what becomes of it; `None` where somebody else leads.
    ///
    /// The name is of the term that was told last: no fence that would make it void has passed yet.
    pub(super) fn expect(&mut self) -> Option<(Stamp, oneshot::Receiver<Outcome>)> {
        let stamp = self.stamps.next()?;
        let (sender, receiver) = oneshot::channel();
        self.pending.insert(stamp, sender);
        Some((stamp, receiver))
    }

    /// Waits no more.
    pub(super) fn forget(&mut self, stamp: Stamp) {
        self.pending.remove(&stamp);
    }

    /// Whether every guard holds now, and no key is written twice.
    pub(super) fn allows(&self, proposal: &Proposal) -> bool {
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
    pub(super) fn install(&mut self, loaded: Loaded, line: u64) {
        let Loaded {
            revision,
            entries,
            lead,
            stamps,
        } = loaded;
        let entries: HashMap<_, _> = entries.into_iter().collect();
        let same = |lead: &LeadRecord| (lead.identity, lead.offset);
        let was = self.told.last.as_deref().map(same);
        let is = lead.as_ref().map(|(lead, _)| same(lead));
        let fell = |(_, revision): &(LeadRecord, u64)| Some(*revision) < self.told.lead_revision;
        let replaced = line != self.line || lead.as_ref().is_some_and(fell);
        // Where a lead was taken away and there is none yet, the entries may still be the same.
        let another = (was.is_some() && is.is_some() && was != is) || replaced;
        self.line = line;
        if !self.told.loaded || another || revision < self.told.revision {
            if self.told.loaded && replaced {
                // It may be ahead by now, but its entries are not as new as those that clients were shown.
                self.told.outgrown = self.told.last.as_deref().map(|lead| lead.offset);
            }
            self.begin_anew(revision, entries);
        } else {
            let commits = gap::commits(&self.entries, self.told.revision, &entries, revision);
            let commits = commits.into_iter().map(|commit| self.apply(commit));
            let commits = commits.collect();
            self.deliver(commits);
            self.past.lose(self.told.revision, revision);
            self.outlet.push(Step::Lost(revision));
            self.told.revision = revision;
            self.resolve_over_gap(&stamps);
        }
        let written = stamps.iter().map(|stamp| stamp.term).max();
        self.told.term = self.told.term.max(written.unwrap_or_default());
        self.lead_is(lead);
        self.told.replicas = replica::all(&self.entries);
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

    /// What was written while nothing was told is known by its stamp, unless something else has replaced it since.
    fn resolve_over_gap(&mut self, stamps: &HashSet<Stamp>) {
        for (stamp, sender) in std::mem::take(&mut self.pending) {
            let why = if stamps.contains(&stamp) {
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
    pub(super) fn take(&mut self, news: Vec<News>) -> bool {
        let mut doubtful = false;
        let mut commits = Vec::new();
        let mut done = Vec::new();
        for one in news {
            match one {
                News::Commit { commit, stamp } => {
                    let commit = self.apply(commit);
                    if let Some(sender) = stamp.and_then(|stamp| self.pending.remove(&stamp)) {
                        done.push((sender, Ok(Arc::clone(&commit))));
                    }
                    self.told.revision = self.told.revision.max(commit.revision);
                    commits.push(commit);
                }
                News::Refused(stamp) => match self.pending.remove(&stamp) {
                    Some(sender) => done.push((sender, Err(CommitError::Conflict))),
                    None => doubtful = true,
                },
                News::Void(revision) | News::Progress(revision) => {
                    self.told.revision = self.told.revision.max(revision);
                }
                News::Lead { record, revision } => {
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
        if commits.iter().any(|commit| replica::concerns(commit)) {
            self.told.replicas = replica::all(&self.entries);
        }
        self.outlet.push(Step::Commits(commits));
    }

    fn lead_is(&mut self, lead: Option<(LeadRecord, u64)>) {
        let revision = lead.as_ref().map(|(_, revision)| *revision);
        if revision == self.told.lead_revision {
            return;
        }
        let term = lead.as_ref().map_or(0, |(lead, _)| lead.term);
        // A write of an earlier term that was not told before this fence is void from here on: it did not happen.
        let void: Vec<_> = self
            .pending
            .keys()
            .filter(|stamp| stamp.term < term)
            .copied()
            .collect();
        for stamp in void {
            if let Some(sender) = self.pending.remove(&stamp) {
                let answer = Step::Answer(sender, Err(CommitError::Conflict));
                self.outlet.push(answer);
            }
        }
        let ours = lead.as_ref().filter(|(lead, _)| lead.holder == self.holder);
        self.stamps.enter(ours.map_or(0, |(lead, _)| lead.term));
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
    struct Told(Mutex<Vec<u64>>);

    impl Feed for Told {
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

    fn lead(floor: u64, beat: u64) -> LeadRecord {
        LeadRecord {
            term: 1,
            holder: "this".to_owned(),
            identity: 7,
            floor,
            beat,
            ..LeadRecord::default()
        }
    }

    fn loaded(revision: u64, keys: &[&str], lead: (LeadRecord, u64)) -> Loaded {
        let entry = |key: &&str| (Key::user(*key), entry(3));
        Loaded {
            revision,
            entries: keys.iter().map(entry).collect(),
            lead: Some(lead),
            ..Loaded::default()
        }
    }

    /// A view whose gateway leads and serves.
    fn serving() -> (View, Arc<Told>) {
        let mut view = View::new("this", Arc::default());
        view.install(loaded(10, &["a", "b"], (lead(10, 1), 9)), 0);
        let feed = Arc::<Told>::default();
        let told: Arc<dyn Feed> = Arc::<Told>::clone(&feed);
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
        let (stamp, receiver) = view.expect().unwrap();
        let (commit, stamp) = (commit(revision), Some(stamp));
        view.take(vec![News::Commit { commit, stamp }]);
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
        view.take(vec![News::Lead { record, revision }]);
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
        let another = LeadRecord {
            holder: "another".to_owned(),
            term: 2,
            ..lead(10, 0)
        };
        let (record, revision) = (Some(another), 22);
        view.take(vec![News::Lead { record, revision }]);
        assert_eq!(*feed.0.lock(), [0; 0]);
        assert!(answer.try_recv().is_err(), "nobody knows");
        assert!(!view.told.is_behind);
    }

    #[test]
    fn nothing_is_answered_that_the_keyspace_is_not_told_of() {
        let (mut view, feed) = serving();
        view.install(loaded(20, &["a"], (lead(10, 1), 9)), 0);
        let (stamp, mut answer) = view.expect().unwrap();
        // Somebody deletes the record: what was sent is written still, and reads are answered until the lead is dropped.
        let (record, revision) = (None, 21);
        view.take(vec![News::Lead { record, revision }]);
        view.take(vec![News::Commit {
            commit: commit(22),
            stamp: Some(stamp),
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
            !view.take(vec![News::Refused(own)]),
            "it may lose to others"
        );
        assert!(answer.try_recv().unwrap().is_err());
        let others = Stamp { term: 2, ..own };
        assert!(view.take(vec![News::Progress(11), News::Refused(others)]));
    }

    #[test]
    fn what_was_listed_without_a_lead_is_doubted_when_there_is_one() {
        let (mut view, _feed) = serving();
        let told = |record, revision| News::Lead { record, revision };
        assert!(!view.take(vec![told(Some(lead(10, 2)), 21)]));
        assert!(!view.take(vec![told(None, 22)]));
        assert!(view.take(vec![told(Some(lead(10, 3)), 23)]));
    }
}
