//! The sequencer: preconditions and revisions, for the stores that number their own commits.

use std::collections::HashMap;
use std::sync::Arc;

use super::KeyHash;
use crate::model::{Change, Commit, Entry, Key, Proposal, Revision, Target};
use crate::store::CommitError;

/// Checks preconditions and assigns revisions, one proposal after another.
#[derive(Debug, Default)]
pub(crate) struct Sequencer {
    revision: u64,
    /// The revision of every entry, including those accepted but not yet durable.
    entries: HashMap<Key, Revision, KeyHash>,
}

impl Sequencer {
    /// Continues after `revision`, over these entries.
    pub(crate) fn new<'a>(
        revision: u64,
        entries: impl IntoIterator<Item = &'a (Key, Arc<Entry>)>,
    ) -> Self {
        let entries = entries
            .into_iter()
            .map(|(key, entry)| (key.clone(), entry.modified))
            .collect();
        Self { revision, entries }
    }

    /// The last revision assigned.
    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }

    /// Turns a proposal into the next commit; a refused proposal changes nothing.
    pub(crate) fn accept(&mut self, proposal: Proposal) -> Result<Commit, CommitError> {
        let commit = number(proposal, self.revision + 1);
        self.take(&commit)?;
        Ok(commit)
    }

    /// Moves on by a commit that was numbered as the next one; a refused commit changes nothing.
    pub(crate) fn take(&mut self, commit: &Commit) -> Result<(), CommitError> {
        if commit.revision != self.revision + 1 {
            return Err(CommitError::Conflict);
        }
        self.take_changes(commit.changes.iter())?;
        self.revision = commit.revision;
        Ok(())
    }

    /// Takes changes of a commit that is numbered later. Until then nothing else may be written to these keys.
    pub(crate) fn take_changes<'c>(
        &mut self,
        changes: impl DoubleEndedIterator<Item = &'c Change> + Clone,
    ) -> Result<(), CommitError> {
        // One access for each key, as a commit may change hundreds of thousands: it is taken back where one does not fit.
        for (place, change) in changes.clone().enumerate() {
            let expected = change.before.as_ref().map(|entry| entry.modified);
            let found = self.set(&change.key, change.now.as_ref().map(|now| now.modified));
            if found != expected {
                self.set(&change.key, found);
                let taken: Vec<_> = changes.take(place).collect();
                self.take_back(taken.into_iter());
                return Err(CommitError::Conflict);
            }
        }
        Ok(())
    }

    /// Undoes [`Self::take_changes`].
    pub(crate) fn take_back<'c>(&mut self, changes: impl DoubleEndedIterator<Item = &'c Change>) {
        for change in changes.rev() {
            let before = change.before.as_ref().map(|before| before.modified);
            self.set(&change.key, before);
        }
    }

    /// Numbers a commit whose changes were all taken.
    pub(crate) fn number_taken(&mut self) -> u64 {
        self.revision += 1;
        self.revision
    }

    /// Sets the revision of a key's entry, `None` if there is none; returns the one it had.
    fn set(&mut self, key: &Key, now: Option<Revision>) -> Option<Revision> {
        match now {
            Some(now) => self.entries.insert(key.clone(), now),
            None => self.entries.remove(key),
        }
    }
}

/// The commit of a proposal with this main revision.
pub(crate) fn number(proposal: Proposal, main: u64) -> Commit {
    let numbered = (0_u32..).zip(proposal.writes).map(|(sub, write)| {
        let key = match write.target {
            Target::Key(key) => key,
            Target::InOrder(parent) => in_order(&parent, main),
        };
        let modified = Revision::new(main, sub);
        let now = write.put.map(|record| Arc::new(Entry { record, modified }));
        Change {
            key,
            now,
            before: write.before,
        }
    });
    Commit {
        revision: main,
        cause: proposal.cause,
        subject: proposal.subject,
        changes: numbered.collect(),
    }
}

/// The key under `parent` that is named after the revision of its commit.
fn in_order(parent: &Key, main: u64) -> Key {
    let mut bytes = parent.as_bytes().to_vec();
    bytes.extend_from_slice(format!("{main:020}").as_bytes());
    Key::new(parent.realm(), bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Record, Write};

    fn write(key: &str, before: Option<&Arc<Entry>>, puts: bool) -> Write {
        Write {
            target: Target::Key(Key::user(key)),
            before: before.cloned(),
            put: puts.then(Record::default),
        }
    }

    fn proposal(writes: Vec<Write>) -> Proposal {
        Proposal {
            writes,
            ..Proposal::default()
        }
    }

    #[test]
    fn refused_commit_changes_nothing_however_far_it_was_taken() {
        let mut sequencer = Sequencer::default();
        let writes = ["a", "b"].map(|key| write(key, None, true)).into();
        let first = sequencer.accept(proposal(writes)).unwrap();
        let entry = |place: usize| first.changes[place].now.as_ref();
        let before = sequencer.entries.clone();
        let refused = [
            vec![
                write("a", entry(0), false),
                write("c", None, true),
                write("b", entry(0), true),
            ],
            vec![write("c", None, true), write("c", None, true)],
            vec![write("a", entry(0), true), write("a", entry(0), false)],
            vec![write("b", entry(1), false), write("b", entry(1), false)],
        ];
        for writes in refused {
            let outcome = sequencer.accept(proposal(writes));
            assert!(matches!(outcome, Err(CommitError::Conflict)), "{outcome:?}");
            assert_eq!((sequencer.revision, &sequencer.entries), (1, &before));
        }
        let writes = vec![write("a", entry(0), false), write("b", entry(1), true)];
        assert_eq!(sequencer.accept(proposal(writes)).unwrap().revision, 2);
        assert_eq!(sequencer.entries.len(), 1);
    }
}
