//! Committed transactions whose entries are not all written to their objects, and journals to remove.
//!
//! A transaction is committed by its journal alone. The leader then writes each entry's object: a step. A transaction
//! without remaining steps is finished, and its journal can be removed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::model::Commit;
use crate::store::kubernetes::codec::object::EntryObject;

/// A journal to remove.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ObsoleteJournal {
    pub(crate) uid: String,
    pub(crate) version: u64,
}

/// Transactions of which the cluster holds a journal.
#[derive(Debug, Default)]
pub(crate) struct Transactions {
    /// Committed ones, by their revision.
    committed: BTreeMap<u64, CommittedTransaction>,
    /// Journals, by name, that took no effect or are not needed any more.
    obsolete: BTreeMap<String, ObsoleteJournal>,
}

/// A committed transaction.
#[derive(Debug)]
pub(crate) struct CommittedTransaction {
    /// Of the journal's object.
    pub(crate) name: String,
    pub(crate) uid: String,
    pub(crate) version: u64,
    pub(crate) commit: Arc<Commit>,
    /// By name, the objects that are not written yet, and the index of each one's change in the commit.
    pub(crate) steps: BTreeMap<String, usize>,
    /// The names of all its objects.
    involved: BTreeSet<String>,
}

impl CommittedTransaction {
    pub(crate) fn new(
        journal: &EntryObject,
        commit: Arc<Commit>,
        steps: BTreeMap<String, usize>,
        involved: BTreeSet<String>,
    ) -> Self {
        Self {
            name: journal.name.clone(),
            uid: journal.uid.clone(),
            version: journal.version,
            commit,
            steps,
            involved,
        }
    }

    fn is_finished(&self) -> bool {
        self.steps.is_empty()
    }
}

impl Transactions {
    pub(crate) fn is_empty(&self) -> bool {
        self.committed.is_empty() && self.obsolete.is_empty()
    }

    pub(crate) fn committed(&self) -> impl Iterator<Item = &CommittedTransaction> {
        self.committed.values()
    }

    pub(crate) fn obsolete(&self) -> impl Iterator<Item = (&String, &ObsoleteJournal)> {
        self.obsolete.iter()
    }

    pub(crate) fn insert(&mut self, transaction: CommittedTransaction) {
        self.committed
            .insert(transaction.commit.revision, transaction);
    }

    pub(crate) fn mark_obsolete(&mut self, journal: &EntryObject) {
        let obsolete = ObsoleteJournal {
            uid: journal.uid.clone(),
            version: journal.version,
        };
        self.obsolete.insert(journal.name.clone(), obsolete);
    }

    /// Notes the new version of a journal that was judged before; `false` if there is none of this name.
    pub(crate) fn update(&mut self, journal: &EntryObject) -> bool {
        let mut committed = self.committed.values_mut();
        if let Some(transaction) = committed.find(|known| known.name == journal.name) {
            transaction.version = journal.version;
            return true;
        }
        let Some(obsolete) = self.obsolete.get_mut(&journal.name) else {
            return false;
        };
        obsolete.version = journal.version;
        true
    }

    /// The watch delivered that an object was deleted, which may have been a journal.
    pub(crate) fn deleted(&mut self, object: &EntryObject) {
        self.obsolete.remove(&object.name);
        self.forget_finished(&object.uid);
    }

    /// The removal of a journal was answered with 404: it was removed before.
    pub(crate) fn not_found(&mut self, name: &str, uid: &str) {
        if self
            .obsolete
            .get(name)
            .is_some_and(|known| known.uid == uid)
        {
            self.obsolete.remove(name);
        }
        self.forget_finished(uid);
    }

    fn forget_finished(&mut self, uid: &str) {
        self.committed
            .retain(|_, transaction| transaction.uid != uid || !transaction.is_finished());
    }

    /// A later write replaced this object: no earlier transaction needs to write it.
    pub(crate) fn supersede(&mut self, name: &str) {
        for transaction in self.committed.values_mut() {
            transaction.steps.remove(name);
        }
    }

    /// The step of the transaction at a revision was written. The steps of those before it are superseded only now:
    /// until then, a gateway that loads judges each transaction by the effects of the ones before it.
    pub(crate) fn step_written(&mut self, name: &str, revision: u64) {
        for (_, transaction) in self.committed.range_mut(..=revision) {
            transaction.steps.remove(name);
        }
    }

    /// Whether a transaction after this revision still has to write an object.
    pub(crate) fn has_later_step(&self, name: &str, revision: u64) -> bool {
        let mut later = self.committed.range(revision.saturating_add(1)..);
        later.any(|(_, transaction)| transaction.steps.contains_key(name))
    }

    /// Whether any transaction still has to write an object.
    pub(crate) fn has_step(&self, name: &str) -> bool {
        self.committed()
            .any(|transaction| transaction.steps.contains_key(name))
    }

    /// Whether any transaction changes an object, written or not.
    pub(crate) fn involve(&self, name: &str) -> bool {
        self.committed()
            .any(|transaction| transaction.involved.contains(name))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::Cause;

    fn journal(name: &str, version: u64) -> EntryObject {
        let metadata = json!({"name": name, "uid": format!("uid of {name}"),
            "resourceVersion": version.to_string(), "generation": 1});
        EntryObject::read(&json!({"metadata": metadata, "spec": {}}).to_string()).unwrap()
    }

    /// A transaction at each revision, with the names of its objects.
    fn transactions(of: &[(u64, &[&str])]) -> Transactions {
        let mut transactions = Transactions::default();
        for (revision, names) in of {
            let commit = Commit {
                revision: *revision,
                cause: Cause::Set,
                subject: None,
                changes: Vec::new(),
            };
            let names = names.iter().map(|name| (*name).to_owned());
            let steps: BTreeMap<_, _> = names.zip(0..).collect();
            let involved = steps.keys().cloned().collect();
            let journal = journal(&format!("j{revision}"), *revision);
            let transaction =
                CommittedTransaction::new(&journal, Arc::new(commit), steps, involved);
            transactions.insert(transaction);
        }
        transactions
    }

    #[test]
    fn written_step_supersedes_those_of_earlier_transactions_only() {
        let mut transactions = transactions(&[(5, &["a", "b"]), (7, &["a"]), (9, &["a"])]);
        assert!(transactions.has_later_step("a", 5));
        transactions.step_written("a", 7);
        let left: Vec<_> = transactions.committed().map(|it| it.steps.len()).collect();
        assert_eq!(left, [1, 0, 1]);
        assert!(transactions.has_later_step("a", 8));
        assert!(!transactions.has_later_step("a", 9));
        assert!(
            transactions.involve("a"),
            "a written step is still part of it"
        );
    }

    #[test]
    fn journal_is_kept_until_each_step_is_written_or_superseded() {
        let mut transactions = transactions(&[(5, &["a", "b"])]);
        let gone = journal("j5", 8);
        transactions.deleted(&gone);
        assert!(!transactions.is_empty(), "two steps are not written");
        transactions.step_written("a", 5);
        transactions.supersede("b");
        assert!(!transactions.has_step("b"));
        transactions.not_found(&gone.name, "another uid");
        assert!(!transactions.is_empty());
        transactions.not_found(&gone.name, &gone.uid);
        assert!(transactions.is_empty());
    }

    #[test]
    fn obsolete_journal_is_removed_at_its_last_version() {
        let mut transactions = Transactions::default();
        assert!(!transactions.update(&journal("j", 3)));
        transactions.mark_obsolete(&journal("j", 3));
        assert!(transactions.update(&journal("j", 4)));
        let versions: Vec<_> = transactions.obsolete().map(|(_, it)| it.version).collect();
        assert_eq!(versions, [4]);
        transactions.deleted(&journal("j", 5));
        assert!(transactions.is_empty());
    }
}
