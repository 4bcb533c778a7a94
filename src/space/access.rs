//! `AccessCaller`: a caller as access lists see it, and what it may read of a snapshot.
//!
//! A list protects what a node holds and what may be done with it, not that the node is there: ZooKeeper shows the names of
//! children to whoever may read their parent. So indexes and wake-ups take no notice of lists; values, and the names beneath
//! what may not be read, do. Which permission a change needs is in `space::draft::access`.

use std::net::IpAddr;
use std::sync::Arc;

use super::node_keys::{directory_of, node_above};
use super::snapshot::Snapshot;
use crate::model::{
    Attrs, Caller, Change, Commit, Entry, FaceName, Key, KeyRange, Permissions, Record,
};

/// A caller as access lists see it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum AccessCaller {
    /// No list binds it here: the gateway itself, the operator, and clients of ZooKeeper, whose face asks the lists itself,
    /// because only its connections have identities.
    #[default]
    Exempt,
    /// It is anybody (`world`) at this address (`ip`).
    Address(IpAddr),
}

impl AccessCaller {
    /// What a caller is to lists.
    pub(crate) fn of(caller: &Caller) -> Self {
        match caller {
            Caller::Client { face, peer, .. } => match face {
                FaceName::Consul | FaceName::Etcd2 => Self::Address(peer.ip().to_canonical()),
                FaceName::ZooKeeper => Self::Exempt,
            },
            Caller::Operator | Caller::System => Self::Exempt,
        }
    }

    /// Whether the list of an entry gives one of these permissions.
    pub(crate) fn may(self, wanted: Permissions, entry: &Entry) -> bool {
        match (self, entry.attrs().access()) {
            (Self::Exempt, _) | (_, None) => true,
            (Self::Address(address), Some(list)) => list.permits_address(wanted, address),
        }
    }

    /// The commit without what the caller may not read: a change whose entry may be read neither before nor after is left
    /// out, and of one that opens or closes an entry the closed side is empty. `None` where nothing is left.
    pub(crate) fn shown(self, commit: Arc<Commit>) -> Option<Arc<Commit>> {
        let reads = |entry: &Option<Arc<Entry>>| {
            entry
                .as_ref()
                .is_none_or(|entry| self.may(Permissions::READ, entry))
        };
        let is_open = |change: &Change| reads(&change.now) && reads(&change.before);
        if self == Self::Exempt || commit.changes.iter().all(is_open) {
            return Some(commit);
        }
        let shown = |change: &Change| {
            let [now, before] =
                [&change.now, &change.before].map(|entry| entry.is_some() && reads(entry));
            (now || before).then(|| Change {
                key: change.key.clone(),
                now: if now {
                    change.now.clone()
                } else {
                    change.now.as_deref().map(closed)
                },
                before: if before {
                    change.before.clone()
                } else {
                    change.before.as_deref().map(closed)
                },
            })
        };
        let changes: Vec<_> = commit.changes.iter().filter_map(shown).collect();
        (!changes.is_empty()).then(|| {
            Arc::new(Commit {
                revision: commit.revision,
                cause: commit.cause,
                subject: commit.subject.clone(),
                changes,
            })
        })
    }
}

/// An entry that is there and may not be read.
fn closed(entry: &Entry) -> Arc<Entry> {
    let attrs = Attrs {
        created: entry.attrs().created,
        placed: entry.attrs().placed,
        ctime_ms: entry.attrs().ctime_ms,
        mtime_ms: entry.attrs().mtime_ms,
        dir: entry.attrs().dir,
        ..Attrs::default()
    };
    let record = Record {
        attrs,
        ..Record::default()
    };
    let modified = entry.modified;
    Arc::new(Entry { record, modified })
}

/// The way from where a list begins to each of its entries: it shows what a client of ZooKeeper would find that asks for the
/// children of that node, of those, and so on, and reads each.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ListWalk<'a> {
    snapshot: &'a Snapshot,
    address: IpAddr,
    /// The length of the path that it begins at; the root's is empty.
    begin: usize,
    /// Whether the names beneath that may be read.
    is_open: bool,
}

impl<'a> ListWalk<'a> {
    /// The walk of a list with this prefix; `None` where no node on any way has a list.
    pub(crate) fn new(snapshot: &'a Snapshot, address: IpAddr, prefix: &Key) -> Option<Self> {
        if !snapshot.has_lists_in(&KeyRange::Prefix(prefix.clone())) {
            return None;
        }
        let begin = directory_of(prefix.as_bytes());
        let walk = Self {
            snapshot,
            address,
            begin: begin.len(),
            is_open: true,
        };
        Some(Self {
            is_open: walk.reads(begin),
            ..walk
        })
    }

    /// Whether the list shows an entry.
    pub(crate) fn shows(&self, key: &Key, entry: &Entry) -> bool {
        let caller = AccessCaller::Address(self.address);
        if !self.is_open || !caller.may(Permissions::READ, entry) {
            return false;
        }
        // In no tree, a key is beneath nothing.
        let Some(node) = key.node() else { return true };
        let mut at = node.as_bytes();
        while at.len() > self.begin {
            if !self.reads(at) {
                return false;
            }
            at = node_above(at).unwrap_or_default();
        }
        true
    }

    fn reads(&self, node: &[u8]) -> bool {
        let own = self.snapshot.node_entry(node);
        own.is_none_or(|entry| AccessCaller::Address(self.address).may(Permissions::READ, entry))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{AccessEntry, AccessList, Cause, Revision};

    fn entry(perms: Option<i32>, value: &str) -> Arc<Entry> {
        let mut record = Record {
            value: value.to_owned().into(),
            ..Record::default()
        };
        if let Some(perms) = perms {
            record.attrs.set_access(AccessList::from(vec![AccessEntry {
                perms,
                scheme: "world".to_owned(),
                id: "anyone".to_owned(),
            }]));
        }
        let modified = Revision::new(1, 0);
        Arc::new(Entry { record, modified })
    }

    /// A key, and its entry before and after the change.
    type Changed<'a> = (&'a str, Option<Arc<Entry>>, Option<Arc<Entry>>);

    fn commit(changes: Vec<Changed<'_>>) -> Arc<Commit> {
        let change = |(key, before, now)| Change {
            key: Key::user(key),
            now,
            before,
        };
        Arc::new(Commit {
            revision: 1,
            cause: Cause::Set,
            subject: None,
            changes: changes.into_iter().map(change).collect(),
        })
    }

    fn snapshot(entries: &[(&str, Option<i32>)]) -> Snapshot {
        let mut snapshot = Snapshot::default();
        let entries = entries.iter();
        let changes = entries.map(|(key, perms)| (*key, None, Some(entry(*perms, "v"))));
        snapshot.apply(&commit(changes.collect()));
        snapshot
    }

    fn address() -> IpAddr {
        IpAddr::from([10, 0, 0, 1])
    }

    /// What is found here costs nothing for each entry elsewhere.
    #[test]
    fn ranges_without_lists_are_not_walked() {
        let mut snapshot =
            snapshot(&[("a/x", Some(0)), ("b", None), ("b/c", None), ("d", Some(1))]);
        let walks = |snapshot: &Snapshot, prefix: &str| {
            ListWalk::new(snapshot, address(), &Key::user(prefix)).is_some()
        };
        let prefixes = ["", "a", "a/", "b", "b/", "b/c/", "c", "d/", "d/e/"];
        let walked = prefixes.map(|prefix| walks(&snapshot, prefix));
        assert_eq!(
            walked,
            [true, true, true, false, false, false, false, true, false]
        );
        // As soon as the lists are gone, nothing is.
        snapshot.apply(&commit(vec![
            ("a/x", Some(entry(Some(0), "v")), Some(entry(None, "v"))),
            ("d", Some(entry(Some(1), "v")), None),
        ]));
        assert!(!snapshot.has_lists());
        assert_eq!(prefixes.map(|prefix| walks(&snapshot, prefix)), [false; 9]);
    }

    #[test]
    fn commits_show_what_may_be_read_of_each_side() {
        let caller = AccessCaller::Address(address());
        let (open, closed) = (
            |value| Some(entry(None, value)),
            |value| Some(entry(Some(2), value)),
        );
        let untouched = commit(vec![("a", open("1"), open("2")), ("b", None, open("1"))]);
        let shown = caller.shown(Arc::clone(&untouched)).unwrap();
        assert!(Arc::ptr_eq(&shown, &untouched));
        let hidden = commit(vec![
            ("a", closed("1"), closed("2")),
            ("b", closed("1"), None),
        ]);
        assert_eq!(caller.shown(Arc::clone(&hidden)), None);
        assert_eq!(
            AccessCaller::Exempt.shown(Arc::clone(&hidden)),
            Some(hidden)
        );
        let mixed = commit(vec![
            ("closes", open("1"), closed("2")),
            ("opens", closed("1"), open("2")),
            ("comes", None, closed("1")),
        ]);
        let shown = caller.shown(mixed).unwrap();
        let value = |entry: &Option<Arc<Entry>>| entry.as_ref().map(|entry| entry.value().clone());
        let sides = shown.changes.iter();
        let sides = sides.map(|change| (value(&change.before), value(&change.now)));
        let text = |text: &'static str| Some(bytes::Bytes::from(text));
        assert_eq!(
            sides.collect::<Vec<_>>(),
            [(text("1"), text("")), (text(""), text("2"))]
        );
    }
}
