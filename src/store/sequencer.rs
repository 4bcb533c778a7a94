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

    /// Turns a proposal into the next commit; a refused proposal changes nothing.
    pub(crate) fn accept(&mut self, proposal: Proposal) -> Result<Commit, CommitError> {
        let main = self.revision + 1;
        let mut seen = HashSet::new();
        let mut changes = Vec::with_capacity(proposal.writes.len());
        for (sub, write) in (0_u32..).zip(proposal.writes) {
            let key = match write.target {
                Target::Key(key) => key,
                Target::InOrder(parent) => in_order(&parent, main),
            };
            let expected = write.before.as_ref().map(|entry| entry.modified);
            if self.entries.get(&key).copied() != expected || !seen.insert(key.clone()) {
                return Err(CommitError::Conflict);
            }
            let modified = Revision::new(main, sub);
            let now = write.put.map(|record| Arc::new(Entry { record, modified }));
            changes.push(Change {
                key,
                now,
                before: write.before,
            });
        }
        self.revision = main;
        for change in &changes {
            match &change.now {
                Some(entry) => self.entries.insert(change.key.clone(), entry.modified),
                None => self.entries.remove(&change.key),
            };
        }
        Ok(Commit {
            revision: main,
            cause: proposal.cause,
            subject: proposal.subject,
            changes,
        })
    }
}

/// The key under `parent` that is named after the revision of its commit.
fn in_order(parent: &Key, main: u64) -> Key {
    let mut bytes = parent.as_bytes().to_vec();
    bytes.extend_from_slice(format!("{main:020}").as_bytes());
    Key::new(parent.realm(), bytes)
}
