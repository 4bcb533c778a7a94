//! Committed transactions whose entries are not all written to their objects, and journals to remove.
//!
//! A transaction is committed by its journal alone. The leader then writes each entry's object: a step. A transaction
//! without remaining steps is finished, and its journal can be removed.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
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
    /// The revisions of those that change an object, by its name. There can be thousands of transactions, and each delivered
    /// change asks for those of one object.
    of_object: HashMap<String, BTreeSet<u64>>,
    /// Their revisions by the names and the uids of their journals.
    by_journal: HashMap<String, u64>,
    by_uid: HashMap<String, u64>,
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

    #[cfg(test)]
    fn committed(&self) -> impl Iterator<Item = &CommittedTransaction> {
        self.committed.values()
    }

    /// Those from this revision on.
    pub(crate) fn committed_from(
        &self,
        revision: u64,
    ) -> impl Iterator<Item = (u64, &CommittedTransaction)> {
        let from = self.committed.range(revision..);
        from.map(|(revision, transaction)| (*revision, transaction))
    }

    /// The journals to remove after this name.
    pub(crate) fn obsolete_after(
        &self,
        name: Option<&str>,
    ) -> impl Iterator<Item = (&String, &ObsoleteJournal)> {
        let from = name.map_or(Bound::Unbounded, Bound::Excluded);
        self.obsolete.range::<str, _>((from, Bound::Unbounded))
    }

    #[cfg(test)]
    pub(crate) fn obsolete(&self) -> impl Iterator<Item = (&String, &ObsoleteJournal)> {
        self.obsolete_after(None)
    }

    pub(crate) fn insert(&mut self, transaction: CommittedTransaction) {
        let revision = transaction.commit.revision;
        self.remove(revision);
        for name in transaction.involved.iter().chain(transaction.steps.keys()) {
            self.of_object
                .entry(name.clone())
                .or_default()
                .insert(revision);
        }
        self.by_journal.insert(transaction.name.clone(), revision);
        self.by_uid.insert(transaction.uid.clone(), revision);
        self.committed.insert(revision, transaction);
    }

    fn remove(&mut self, revision: u64) {
        let Some(transaction) = self.committed.remove(&revision) else {
            return;
        };
        // A step that is written is no longer among the steps.
        for name in transaction.involved.iter().chain(transaction.steps.keys()) {
            if let Some(revisions) = self.of_object.get_mut(name) {
                revisions.remove(&revision);
                if revisions.is_empty() {
                    self.of_object.remove(name);
                }
            }
        }
        for (index, name) in [
            (&mut self.by_journal, &transaction.name),
            (&mut self.by_uid, &transaction.uid),
        ] {
            if index.get(name) == Some(&revision) {
                index.remove(name);
            }
        }
    }

    /// The transactions that change an object, with their revisions.
    fn of_object(&self, name: &str) -> impl Iterator<Item = (u64, &CommittedTransaction)> {
        let revisions = self.of_object.get(name).into_iter().flatten();
        revisions.filter_map(|revision| Some((*revision, self.committed.get(revision)?)))
    }

    /// No transaction up to this revision needs to write this object any more.
    fn drop_steps(&mut self, name: &str, revision: u64) {
        let revisions = self.of_object.get(name).into_iter();
        for revision in revisions.flat_map(|own| own.range(..=revision)) {
            if let Some(transaction) = self.committed.get_mut(revision) {
                transaction.steps.remove(name);
            }
        }
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
        let revision = self.by_journal.get(&journal.name);
        let known = revision.and_then(|revision| self.committed.get_mut(revision));
        if let Some(transaction) = known {
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
        let revision = self.by_uid.get(uid).copied();
        let finished = revision.filter(|revision| {
            let known = self.committed.get(revision);
            known.is_some_and(CommittedTransaction::is_finished)
        });
        if let Some(revision) = finished {
            self.remove(revision);
        }
    }

    /// A later write replaced this object: no earlier transaction needs to write it.
    pub(crate) fn supersede(&mut self, name: &str) {
        self.drop_steps(name, u64::MAX);
    }

    /// The step of the transaction at a revision was written. The steps of those before it are superseded only now:
    /// until then, a gateway that loads judges each transaction by the effects of the ones before it.
    pub(crate) fn step_written(&mut self, name: &str, revision: u64) {
        self.drop_steps(name, revision);
    }

    /// Whether a transaction after this revision still has to write an object.
    pub(crate) fn has_later_step(&self, name: &str, revision: u64) -> bool {
        self.of_object(name)
            .any(|(own, transaction)| own > revision && transaction.steps.contains_key(name))
    }

    /// Whether any transaction still has to write an object.
    pub(crate) fn has_step(&self, name: &str) -> bool {
        self.of_object(name)
            .any(|(_, transaction)| transaction.steps.contains_key(name))
    }

    /// Whether any transaction changes an object, written or not.
    pub(crate) fn involve(&self, name: &str) -> bool {
        self.of_object(name)
            .any(|(_, transaction)| transaction.involved.contains(name))
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

    #[test]
    fn what_is_known_of_an_object_goes_with_its_last_transaction() {
        let mut transactions = transactions(&[(5, &["a", "b"]), (7, &["a"])]);
        transactions.step_written("b", 5);
        transactions.step_written("a", 7);
        assert!(!transactions.has_step("a") && transactions.involve("b"));
        transactions.deleted(&journal("j5", 8));
        assert!(!transactions.involve("b") && transactions.involve("a"));
        assert!(!transactions.update(&journal("j5", 9)));
        assert!(transactions.update(&journal("j7", 9)));
        transactions.not_found("j7", "uid of j7");
        assert!(!transactions.involve("a") && transactions.is_empty());
        assert!(transactions.of_object.is_empty());
        assert!(transactions.by_journal.is_empty() && transactions.by_uid.is_empty());
    }
}
