//! `Znode`: a node as ZooKeeper shows it, whichever face wrote it.

use std::sync::Arc;

use super::acl::{ConnectionIdentities, permits};
use super::built_in::BuiltIn;
use super::path::ZnodePath;
use super::session::ClientSessionId;
use crate::model::{AccessEntry, AccessList, Entry, Key, Permissions};
use crate::space::{Directory, Draft, Lookup, PENDING, View, built_in_record, tree};
use crate::wire::zookeeper::Stat;

/// A zxid that is not known before the change is made: [`settle`] replaces it.
const PENDING_ZXID: i64 = i64::MAX;

/// Where nodes are looked up: a view, or a draft with its own writes.
pub(super) trait Nodes: Lookup + Sized {
    /// The counts of the children of a node, given by its tree path.
    fn directory(&mut self, path: &str) -> Directory;

    /// What clients set of a node of the server's own, given by its tree path.
    fn built_in(&self, path: &str) -> Option<Arc<Entry>>;
}

impl Nodes for View {
    fn directory(&mut self, path: &str) -> Directory {
        View::directory(self, path)
    }

    fn built_in(&self, path: &str) -> Option<Arc<Entry>> {
        View::built_in(self, path).cloned()
    }
}

impl Nodes for Draft<'_> {
    fn directory(&mut self, path: &str) -> Directory {
        self.shown_directory(path)
    }

    fn built_in(&self, path: &str) -> Option<Arc<Entry>> {
        self.peek(&built_in_record(path)).cloned()
    }
}

/// A node that exists.
#[derive(Clone, Debug)]
pub(super) struct Znode {
    path: ZnodePath,
    stands: Stands,
}

/// What stands at the path.
#[derive(Clone, Debug)]
enum Stands {
    /// An entry of its own, under this key.
    Entry(Key, Arc<Entry>),
    /// Only something beneath it.
    Implied,
    /// A node of the server's own, with what clients set of it.
    BuiltIn(BuiltIn, Option<Arc<Entry>>),
}

impl Znode {
    /// The node at a path, if there is one.
    pub(super) fn find(nodes: &mut impl Nodes, path: &ZnodePath) -> Option<Self> {
        let stands = if path.is_reserved() || path.is_root() {
            Stands::BuiltIn(BuiltIn::at(path)?, nodes.built_in(path.tree_path()))
        } else {
            let entry_at = |key: Key| {
                let entry = nodes.get(&key).map(Arc::clone);
                entry.map(|entry| (key, entry))
            };
            let own = entry_at(path.key()).or_else(|| entry_at(path.directory_key()));
            match own {
                Some((key, entry)) => Stands::Entry(key, entry),
                None if nodes.directory(path.tree_path()).children > 0 => Stands::Implied,
                None => return None,
            }
        };
        let path = path.clone();
        Some(Self { path, stands })
    }

    /// The node with another entry, which was written to its key.
    pub(super) fn rewritten(mut self, entry: Arc<Entry>) -> Self {
        self.stands = match self.stands {
            Stands::Entry(key, _) => Stands::Entry(key, entry),
            Stands::Implied => Stands::Entry(self.path.key(), entry),
            Stands::BuiltIn(built_in, _) => Stands::BuiltIn(built_in, Some(entry)),
        };
        self
    }

    /// Its entry, if it has one.
    pub(super) fn entry(&self) -> Option<&Arc<Entry>> {
        match &self.stands {
            Stands::Entry(_, entry) => Some(entry),
            Stands::BuiltIn(_, entry) => entry.as_ref(),
            Stands::Implied => None,
        }
    }

    /// The key that its data is written to.
    pub(super) fn key(&self) -> Key {
        match &self.stands {
            Stands::Entry(key, _) => key.clone(),
            Stands::Implied => self.path.key(),
            Stands::BuiltIn(..) => built_in_record(self.path.tree_path()),
        }
    }

    /// Whether it is one of the server's own.
    pub(super) fn built_in(&self) -> Option<BuiltIn> {
        match self.stands {
            Stands::BuiltIn(built_in, _) => Some(built_in),
            Stands::Entry(..) | Stands::Implied => None,
        }
    }

    /// The session that it ends with.
    pub(super) fn owner(&self) -> Option<ClientSessionId> {
        ClientSessionId::of_lease(self.entry()?.attrs().bound?)
    }

    /// The version of its data.
    pub(super) fn version(&self) -> i32 {
        self.entry()
            .map_or(0, |entry| java_int(entry.attrs().version))
    }

    /// The version of its access list.
    pub(super) fn acl_version(&self) -> i32 {
        match &self.stands {
            Stands::Entry(_, entry) | Stands::BuiltIn(_, Some(entry)) => {
                entry.attrs().aversion().cast_signed()
            }
            Stands::Implied => 0,
            Stands::BuiltIn(built_in, None) => built_in.first_acl_version(),
        }
    }

    /// Its access list.
    pub(super) fn access(&self) -> AccessList {
        if self.built_in().is_some_and(BuiltIn::is_fixed) {
            return AccessList::readable();
        }
        let list = self.entry().and_then(|entry| entry.attrs().access());
        list.cloned().unwrap_or_else(AccessList::open)
    }

    /// Whether a connection may do one of these with it.
    pub(super) fn permits(
        &self,
        identities: &ConnectionIdentities,
        permissions: Permissions,
    ) -> bool {
        match &self.stands {
            Stands::Entry(_, entry) => entry_permits(entry, identities, permissions),
            Stands::Implied => true,
            // A list that the super user set would say one thing and do another.
            Stands::BuiltIn(built_in, _) if built_in.is_fixed() => {
                AccessList::readable().permits(permissions, AccessEntry::is_world)
            }
            Stands::BuiltIn(..) => permits(&self.access(), identities, permissions),
        }
    }

    /// Its metadata.
    pub(super) fn stat(&self, nodes: &mut impl Nodes) -> Stat {
        let mut directory = nodes.directory(self.path.tree_path());
        match &self.stands {
            Stands::Entry(_, entry) => {
                if directory.ever == 0 {
                    directory.changed = entry.created();
                }
                stat_of(entry, directory)
            }
            Stands::Implied => {
                let first = tree::node(&*nodes, self.path.tree_path());
                implied_stat(first.entry(), directory)
            }
            Stands::BuiltIn(built_in, entry) => {
                built_in_stat(*built_in, entry.as_deref(), directory)
            }
        }
    }
}

/// The metadata of a node that was created just now.
pub(super) fn created_stat(entry: &Entry) -> Stat {
    let directory = Directory {
        changed: entry.created(),
        ..Directory::default()
    };
    stat_of(entry, directory)
}

/// Whether an entry's access list permits one of these.
pub(super) fn entry_permits(
    entry: &Entry,
    identities: &ConnectionIdentities,
    permissions: Permissions,
) -> bool {
    match entry.attrs().access() {
        None => true,
        Some(list) => permits(list, identities, permissions),
    }
}

/// Gives the zxids that were not known their number.
pub(super) fn settle(stat: &mut Stat, zxid: i64) {
    for field in [
        &mut stat.created,
        &mut stat.modified,
        &mut stat.children_modified,
    ] {
        if *field == PENDING_ZXID {
            *field = zxid;
        }
    }
}

/// A revision as a zxid.
pub(super) fn zxid(revision: u64) -> i64 {
    if revision == PENDING {
        return PENDING_ZXID;
    }
    i64::try_from(revision).unwrap_or(PENDING_ZXID)
}

/// A count as Java's `int`, which wraps around.
fn java_int(count: u64) -> i32 {
    let [.., a, b, c, d] = count.to_be_bytes();
    i32::from_be_bytes([a, b, c, d])
}

fn stat_of(entry: &Entry, directory: Directory) -> Stat {
    let attrs = entry.attrs();
    let owner = attrs.bound.and_then(ClientSessionId::of_lease);
    with_children(
        Stat {
            created: zxid(entry.created()),
            modified: zxid(entry.data_index()),
            ctime_ms: attrs.ctime_ms,
            mtime_ms: attrs.mtime_ms,
            version: java_int(attrs.version),
            acl_version: attrs.aversion().cast_signed(),
            ephemeral_owner: owner.map_or(0, ClientSessionId::number),
            length: i32::try_from(entry.value().len()).unwrap_or(i32::MAX),
            ..Stat::default()
        },
        directory,
    )
}

/// A directory that nobody wrote is as old as the first entry beneath it.
fn implied_stat(first: Option<&Arc<Entry>>, directory: Directory) -> Stat {
    let (created, ctime_ms) = first.map_or((directory.changed, 0), |first| {
        (first.created(), first.attrs().ctime_ms)
    });
    with_children(
        Stat {
            created: zxid(created),
            modified: zxid(created),
            ctime_ms,
            mtime_ms: ctime_ms,
            ..Stat::default()
        },
        directory,
    )
}

fn built_in_stat(built_in: BuiltIn, entry: Option<&Entry>, mut directory: Directory) -> Stat {
    // They are there, but were never created.
    let own = u64::try_from(built_in.children().len()).unwrap_or(0);
    directory.children = directory.children.saturating_add(own);
    let Some(entry) = entry else {
        let stat = Stat {
            acl_version: built_in.first_acl_version(),
            ..Stat::default()
        };
        return with_children(stat, directory);
    };
    let mut stat = Stat {
        created: 0,
        ctime_ms: 0,
        ..stat_of(entry, directory)
    };
    if entry.attrs().version == 0 {
        // Only its list was set.
        (stat.modified, stat.mtime_ms) = (0, 0);
    }
    stat
}

fn with_children(stat: Stat, directory: Directory) -> Stat {
    let ever = java_int(directory.ever);
    let children = java_int(directory.children);
    Stat {
        children_version: ever.wrapping_mul(2).wrapping_sub(children),
        children,
        children_modified: zxid(directory.changed),
        ..stat
    }
}
