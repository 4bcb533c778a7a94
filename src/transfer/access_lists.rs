//! `AccessLists`: the access lists in a store, for the operator of a fleet that locked itself out.

use std::convert::Infallible;

use super::source::store;
use super::target::{ImportTarget, failed};
use super::{Error, OnProgress};
use crate::config::{StoreAccess, StoreUrl};
use crate::model::{AccessList, Caller, Cause, Key, KeyRange};
use crate::space::{Draft, built_in_record};

/// The most lists that one commit resets.
const AT_ONCE: usize = 500;

/// Which access lists of which store.
#[derive(Clone, Debug)]
pub struct AccessLists {
    /// The store.
    pub store: StoreUrl,
    /// The credentials for it.
    pub access: StoreAccess,
    /// The path of a node, without a slash at its ends; that of the root is empty.
    pub node: Vec<u8>,
    /// Whether those beneath it are meant, too.
    pub recursive: bool,
}

/// The access list of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedEntry {
    /// The entry's key; that of the root is empty.
    pub key: Vec<u8>,
    /// Its list.
    pub list: AccessList,
}

impl AccessLists {
    /// The lists, read from the store's backend, which gateways may go on using unless it is embedded. An entry without one,
    /// which everybody may do everything with, is not among them. Must be called within a tokio runtime.
    ///
    /// # Errors
    ///
    /// One line if the store could not be read: a gateway uses the embedded store, or it does not answer.
    pub async fn get(self) -> Result<Vec<ListedEntry>, Error> {
        let contents = store::read(&self.store, &self.access).await?;
        let ranges = self.ranges();
        let mut found: Vec<_> = contents
            .entries
            .iter()
            .filter(|(key, _)| ranges.iter().any(|range| range.contains(key)))
            .filter_map(|(key, entry)| Some((key.clone(), entry.attrs().access()?.clone())))
            .collect();
        found.sort_by(|(one, _), (other, _)| one.cmp(other));
        Ok(shown(found))
    }

    /// Removes the lists, so that everybody may do everything with their entries; returns them as they were. Must be called
    /// within a tokio runtime.
    ///
    /// # Errors
    ///
    /// One line if the store could not be opened, because a gateway uses or leads it or it does not answer, or if it refused a
    /// write; lists that were removed by then are.
    pub async fn reset(self, progress: OnProgress<'_>) -> Result<Vec<ListedEntry>, Error> {
        let target = self.open(progress).await?;
        let found = self.find(&target);
        let mut outcome = Ok(());
        for part in found.chunks(AT_ONCE) {
            outcome = open_entries(&target, part).await;
            if outcome.is_err() {
                break;
            }
        }
        target.close().await;
        outcome.map(|()| shown(found))
    }

    async fn open(&self, progress: OnProgress<'_>) -> Result<ImportTarget, Error> {
        ImportTarget::open("kubekv acl", &self.store, &self.access, progress).await
    }

    fn find(&self, target: &ImportTarget) -> Vec<(Key, AccessList)> {
        let view = target.space.read(&Caller::Operator);
        let ranges = self.ranges();
        let listed = ranges.iter().flat_map(|range| view.listed_in(range));
        listed
            .map(|(key, list)| (key.clone(), list.clone()))
            .collect()
    }

    /// Where the keys of the nodes that are meant lie.
    fn ranges(&self) -> Vec<KeyRange> {
        let slashed = [self.node.as_slice(), b"/"].concat();
        let mut ranges = match (self.node.is_empty(), self.recursive) {
            (true, true) => vec![
                KeyRange::Prefix(built_in_record("")),
                KeyRange::Prefix(Key::user("")),
            ],
            (true, false) => vec![KeyRange::Exact(built_in_record(""))],
            (false, _) => vec![KeyRange::Exact(Key::user(&self.node))],
        };
        if !self.node.is_empty() {
            ranges.push(if self.recursive {
                KeyRange::Prefix(Key::user(slashed))
            } else {
                KeyRange::Exact(Key::user(slashed))
            });
        }
        ranges
    }
}

async fn open_entries(target: &ImportTarget, part: &[(Key, AccessList)]) -> Result<(), Error> {
    let decide = |draft: &mut Draft<'_>| {
        for (key, _) in part {
            if let Some(record) = draft.with_access(key, AccessList::open()) {
                draft.put(key, record);
            }
        }
        draft.because(Cause::Refresh);
        Ok::<_, Infallible>(())
    };
    let done = target.space.commit(&Caller::Operator, decide).await;
    done.map(|_committed| ())
        .map_err(|error| failed("access lists", &error))
}

fn shown(found: Vec<(Key, AccessList)>) -> Vec<ListedEntry> {
    let one = |(key, list): (Key, AccessList)| {
        let key = if key == built_in_record("") {
            Vec::new()
        } else {
            key.as_bytes().to_vec()
        };
        ListedEntry { key, list }
    };
    found.into_iter().map(one).collect()
}
