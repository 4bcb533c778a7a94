//! One pass over a tree of nodes.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};

use super::session::{SessionReply, ZooKeeperSession};
use crate::model::{AccessEntry, AccessList, DirMark};
use crate::transfer::{Error, Item, ItemVersions, LeftOutReason, Listing, ZnodeItem, printable};
use crate::wire::zookeeper::{
    AclEntry, AclReply, ChildrenReply, DataReply, ErrorCode, NodePath, OpCode, Stat, WatchablePath,
};

/// ZooKeeper's own nodes: quotas and the list of its servers.
const RESERVED: &str = "/zookeeper";

/// The end of a digest that the server shows instead of the password's hash, to a client that may not change the list.
const MASKED: &str = ":x";

/// A request about a node, by the node's key.
#[derive(Clone, Debug)]
enum NodeRequest {
    Data(String),
    Children(String),
    /// With the name of the item.
    Acl(String, String),
}

/// The part of the tree that a pass reads, and the zxid that it is as of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Subtree<'a> {
    /// The node under which keys begin; empty, or beginning with a slash.
    pub(super) chroot: &'a str,
    /// The prefix of keys.
    pub(super) prefix: &'a str,
    /// The zxid that the pass is as of: newer nodes have changed meanwhile.
    pub(super) since: i64,
}

/// The state of a pass.
struct TreePass<'a> {
    subtree: Subtree<'a>,
    listing: &'a mut Listing,
    /// The requests to send, the last one first, so that the list stays short.
    to_request: Vec<NodeRequest>,
    sessions: BTreeSet<i64>,
    /// The holder of each lock: the lowest sequence number, and its session.
    locks: BTreeMap<String, (String, i64)>,
}

impl Subtree<'_> {
    /// The path of a key's node.
    pub(super) fn path(&self, key: &str) -> String {
        match (self.chroot, key) {
            ("", "") => "/".to_owned(),
            (chroot, "") => chroot.to_owned(),
            (chroot, key) => format!("{chroot}/{key}"),
        }
    }

    /// The key of the node that contains all keys with the prefix; `None` if no node can have such a key.
    fn root_key(&self) -> Option<&str> {
        let (directory, _) = self.prefix.rsplit_once('/').unwrap_or_default();
        let fits = |part: &str| !matches!(part, "" | "." | "..") && !part.contains('\0');
        (directory.is_empty() && !self.prefix.starts_with('/') || directory.split('/').all(fits))
            .then_some(directory)
    }

    /// Whether the key of a node or of one beneath it begins with the prefix.
    fn includes(&self, key: &str) -> bool {
        format!("{key}/").starts_with(self.prefix)
    }
}

/// Makes a pass; nodes that have changed since it began are listed as left out, with the reason [`LeftOutReason::Changing`].
pub(super) async fn walk<S: AsyncRead + AsyncWrite + Unpin>(
    session: &mut ZooKeeperSession<S>,
    subtree: Subtree<'_>,
    listing: &mut Listing,
) -> Result<(), Error> {
    let Some(root_key) = subtree.root_key() else {
        return Ok(());
    };
    let mut pass = TreePass {
        subtree,
        listing,
        to_request: vec![NodeRequest::Data(root_key.to_owned())],
        sessions: BTreeSet::new(),
        locks: BTreeMap::new(),
    };
    let mut unanswered = VecDeque::new();
    loop {
        while session.can_send()
            && let Some(request) = pass.to_request.pop()
        {
            send(session, &subtree, &request)?;
            unanswered.push_back(request);
        }
        let Some(request) = unanswered.pop_front() else {
            break;
        };
        let reply = session.reply().await?;
        pass.add_reply(request, &reply, session.server(), root_key)?;
    }
    pass.finish();
    Ok(())
}

fn send<S: AsyncRead + AsyncWrite + Unpin>(
    session: &mut ZooKeeperSession<S>,
    subtree: &Subtree<'_>,
    request: &NodeRequest,
) -> Result<(), Error> {
    let watched = |key: &str| WatchablePath {
        path: subtree.path(key),
        watch: false,
    };
    match request {
        NodeRequest::Data(key) => session.send(OpCode::GetData, &watched(key)),
        NodeRequest::Children(key) => session.send(OpCode::GetChildren2, &watched(key)),
        NodeRequest::Acl(key, _) => session.send(OpCode::GetAcl, &NodePath(subtree.path(key))),
    }
}

impl TreePass<'_> {
    fn add_reply(
        &mut self,
        request: NodeRequest,
        reply: &SessionReply,
        server: &str,
        root_key: &str,
    ) -> Result<(), Error> {
        match request {
            NodeRequest::Data(key) => match reply.read(server)? {
                Ok(DataReply { data, stat }) => self.add_data(key, data, &stat),
                // The root does not exist; any other node was deleted since its parent listed it.
                Err(ErrorCode::NoNode) if key == root_key => {}
                Err(ErrorCode::NoNode) => self.add_changing(&key),
                Err(code) => return Err(self.refused(&key, code)),
            },
            NodeRequest::Children(key) => match reply.read(server)? {
                Ok(ChildrenReply { names, stat }) => self.add_children(&key, names, &stat),
                Err(ErrorCode::NoNode) => self.add_changing(&key),
                Err(code) => return Err(self.refused(&key, code)),
            },
            NodeRequest::Acl(key, name) => match reply.read(server)? {
                Ok(AclReply { list, .. }) => self.add_access_list(&key, &name, list),
                Err(ErrorCode::NoNode) => self.add_changing(&key),
                Err(code) => return Err(self.refused(&key, code)),
            },
        }
        Ok(())
    }

    fn add_data(&mut self, key: String, data: Option<Vec<u8>>, stat: &Stat) {
        if stat.children > 0 {
            self.to_request.push(NodeRequest::Children(key.clone()));
        }
        // A directory's name ends with a slash, as do those of keys that no node has.
        let mut name = key.clone();
        if data.as_ref().is_none_or(Vec::is_empty) {
            name.push('/');
        }
        if key.is_empty() && self.subtree.prefix.is_empty() {
            return self.add_root(data, stat);
        }
        if key.is_empty() || !name.starts_with(self.subtree.prefix) {
            return;
        }
        if stat.ephemeral_owner != 0 {
            return self.add_ephemeral(&key, stat.ephemeral_owner);
        }
        if stat.modified > self.subtree.since || stat.children_modified > self.subtree.since {
            self.add_changing(&key);
        }
        self.to_request.push(NodeRequest::Acl(key, name.clone()));
        self.listing
            .items
            .insert(name.into_bytes(), item(data, stat));
    }

    /// The node that clients of this chroot call `/`. What is beneath it changes its children's zxid, and not what it has.
    fn add_root(&mut self, data: Option<Vec<u8>>, stat: &Stat) {
        if stat.modified > self.subtree.since {
            self.add_changing("");
        }
        let acl = NodeRequest::Acl(String::new(), String::new());
        self.to_request.push(acl);
        self.listing.root = Some(item(data, stat));
    }

    /// Gives an item its access list; names it as left out where the server does not show it.
    fn add_access_list(&mut self, key: &str, name: &str, list: Vec<AclEntry>) {
        let is_masked = |entry: &AclEntry| entry.scheme == "digest" && entry.id.ends_with(MASKED);
        if list.iter().any(is_masked) {
            let key = if key.is_empty() { "/" } else { key };
            let key = printable(key.as_bytes());
            return self.listing.leave_out(LeftOutReason::AccessList, key);
        }
        let entries = list.into_iter().map(|entry| AccessEntry {
            perms: entry.permissions,
            scheme: entry.scheme,
            id: entry.id,
        });
        let list = AccessList::from(entries.collect::<Vec<_>>());
        let item = if name.is_empty() {
            self.listing.root.as_mut()
        } else {
            self.listing.items.get_mut(name.as_bytes())
        };
        if let Some(znode) = item.and_then(|item| item.znode.as_mut()) {
            znode.acl = (!list.is_open()).then_some(list);
        }
    }

    /// Lists an ephemeral node as left out, and its lock, if it is part of one.
    fn add_ephemeral(&mut self, key: &str, session: i64) {
        let held = format!("{} (by {session:#x})", printable(key.as_bytes()));
        self.listing.leave_out(LeftOutReason::Ephemeral, held);
        self.sessions.insert(session);
        // A contender for a lock is recognized by the names of ZooKeeper's own recipe, which libkv, Curator and Kazoo use:
        // `...lock...` and the sequence number that the parent assigned.
        let (parent, name) = key.rsplit_once('/').unwrap_or_default();
        let digits = name.len().checked_sub(10).and_then(|at| name.get(at..));
        let Some(digits) = digits
            .filter(|digits| name.contains("lock") && digits.bytes().all(|b| b.is_ascii_digit()))
        else {
            return;
        };
        let first = (digits.to_owned(), session);
        let holder = self
            .locks
            .entry(parent.to_owned())
            .or_insert_with(|| first.clone());
        if first < *holder {
            *holder = first;
        }
    }

    fn add_children(&mut self, key: &str, names: Vec<String>, stat: &Stat) {
        if stat.children_modified > self.subtree.since {
            self.add_changing(key);
        }
        for name in names {
            let child = if key.is_empty() {
                name
            } else {
                format!("{key}/{name}")
            };
            if self.subtree.includes(&child) && self.subtree.path(&child) != RESERVED {
                self.to_request.push(NodeRequest::Data(child));
            }
        }
    }

    /// Lists a node as changed since the pass began.
    fn add_changing(&mut self, key: &str) {
        let name = if key.is_empty() { "/" } else { key };
        self.listing
            .leave_out(LeftOutReason::Changing, printable(name.as_bytes()));
    }

    /// Lists sessions and locks as left out, and decides which directories were made explicitly.
    fn finish(self) {
        let Self {
            listing,
            sessions,
            locks,
            ..
        } = self;
        listing.root = listing.root.take().and_then(Item::into_root);
        for session in sessions {
            listing.leave_out(LeftOutReason::Session, format!("{session:#x}"));
        }
        for (key, (_, session)) in locks {
            let held = format!("{} (by {session:#x})", printable(key.as_bytes()));
            listing.leave_out(LeftOutReason::Lock, held);
        }
        let names: Vec<Vec<u8>> = listing.items.keys().cloned().collect();
        let mut next = names.iter().skip(1);
        for name in &names {
            let beneath = next.next().is_some_and(|next| next.starts_with(name));
            let item = listing.items.get_mut(name);
            if let Some(item) = item.filter(|_| name.ends_with(b"/")) {
                // Assume that a directory was made explicitly if no key in it explains that it exists.
                item.dir = if beneath {
                    DirMark::Implied
                } else {
                    DirMark::Made
                };
            }
        }
    }

    fn refused(&self, key: &str, code: ErrorCode) -> Error {
        let path = self.subtree.path(key).escape_debug().to_string();
        Error::Refused(if code == ErrorCode::NoAuth {
            format!(
                "ZooKeeper does not permit this client to read {path}: give --from-user and a password that the node's \
                 access list permits, or leave the node out with --prefix"
            )
        } else {
            format!("ZooKeeper refused to return {path}: {code}")
        })
    }
}

/// A node as it was read, but for its access list.
fn item(data: Option<Vec<u8>>, stat: &Stat) -> Item {
    let znode = ZnodeItem {
        null: data.is_none(),
        ..ZnodeItem::default()
    };
    Item {
        value: Bytes::from(data.unwrap_or_default()),
        znode: Some(znode),
        versions: Some(ItemVersions {
            data: u64::from(stat.version.cast_unsigned()),
            acl: stat.acl_version.cast_unsigned(),
        }),
        ..Item::default()
    }
}
