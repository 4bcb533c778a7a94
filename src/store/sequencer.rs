//! The sequencer: preconditions and revisions, for the stores that number their own commits.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::model::{Change, Commit, Entry, Key, Proposal, Revision, Target};
use crate::store::CommitError;

/// Checks preconditions and assigns revisions, one proposal after another.
#[derive(Debug, Default)]
pub(crate) struct Sequencer {
    revision: u64,
    /// The revision of every entry, including those accepted but not yet durable.
    entries: HashMap<Key, Revision>,
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
        let mut seen = HashSet::new();
        for change in &commit.changes {
            let expected = change.before.as_ref().map(|entry| entry.modified);
            if self.entries.get(&change.key).copied() != expected || !seen.insert(&change.key) {
                return Err(CommitError::Conflict);
            }
        }
        self.revision = commit.revision;
        for change in &commit.changes {
            match &change.now {
                Some(entry) => self.entries.insert(change.key.clone(), entry.modified),
                None => self.entries.remove(&change.key),
            };
        }
        Ok(())
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
