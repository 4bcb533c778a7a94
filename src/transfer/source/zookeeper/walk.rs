//! One pass over a tree.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};

use super::session::{Reply, Session};
use crate::model::DirMark;
use crate::transfer::{Error, Item, Left, Listing, shown};
use crate::wire::zookeeper::{
    AclReply, ChildrenReply, Code, DataReply, Op, Path, Stat, WatchedPath,
};

/// ZooKeeper's own nodes: quotas and the list of its servers.
const OWN: &str = "/zookeeper";

/// All that a node may be allowed: to read, write, create, delete and administer.
const ALL: i32 = 31;

/// What is asked of a node, by its key.
#[derive(Clone, Debug)]
enum Job {
    Data(String),
    Children(String),
    Acl(String),
}

/// What a pass is to read, and as of when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    /// The node that keys begin beneath; empty, or with a slash before it.
    pub(super) chroot: &'a str,
    /// What keys begin with.
    pub(super) prefix: &'a str,
    /// The change it is to be as of: what is newer has changed meanwhile.
    pub(super) since: i64,
}

/// A pass that is being made.
struct Walk<'a> {
    place: Place<'a>,
    listing: &'a mut Listing,
    /// What is to be asked for; the last first, so that it stays short.
    jobs: Vec<Job>,
    sessions: BTreeSet<i64>,
    /// The holders of locks, by the locks: the lowest number, and its session.
    locks: BTreeMap<String, (String, i64)>,
}

impl Place<'_> {
    /// A key's node.
    pub(super) fn path(&self, key: &str) -> String {
        match (self.chroot, key) {
            ("", "") => "/".to_owned(),
            (chroot, "") => chroot.to_owned(),
            (chroot, key) => format!("{chroot}/{key}"),
        }
    }

    /// The key of the node that all keys with the prefix are beneath; `None` where no node has a key like that.
    fn top(&self) -> Option<&str> {
        let (directory, _) = self.prefix.rsplit_once('/').unwrap_or_default();
        let fits = |part: &str| !matches!(part, "" | "." | "..") && !part.contains('\0');
        (directory.is_empty() && !self.prefix.starts_with('/') || directory.split('/').all(fits))
            .then_some(directory)
    }

    /// Whether a node's key, or one beneath it, begins with the prefix.
    fn concerns(&self, key: &str) -> bool {
        format!("{key}/").starts_with(self.prefix)
    }
}

/// Makes one; what has changed since it began is left out as [`Left::Changing`].
pub(super) async fn walk<S: AsyncRead + AsyncWrite + Unpin>(
    session: &mut Session<S>,
    place: Place<'_>,
    listing: &mut Listing,
) -> Result<(), Error> {
    let Some(top) = place.top() else {
        return Ok(());
    };
    let mut walk = Walk {
        place,
        listing,
        jobs: vec![Job::Data(top.to_owned())],
        sessions: BTreeSet::new(),
        locks: BTreeMap::new(),
    };
    let mut asked = VecDeque::new();
    loop {
        while session.has_room()
            && let Some(job) = walk.jobs.pop()
        {
            ask(session, &place, &job)?;
            asked.push_back(job);
        }
        let Some(job) = asked.pop_front() else {
            break;
        };
        let reply = session.reply().await?;
        walk.take(job, &reply, session.server(), top)?;
    }
    walk.end();
    Ok(())
}

fn ask<S: AsyncRead + AsyncWrite + Unpin>(
    session: &mut Session<S>,
    place: &Place<'_>,
    job: &Job,
) -> Result<(), Error> {
    let watched = |key: &str| WatchedPath {
        path: place.path(key),
        watch: false,
    };
    match job {
        Job::Data(key) => session.ask(Op::GetData, &watched(key)),
        Job::Children(key) => session.ask(Op::GetChildren2, &watched(key)),
        Job::Acl(key) => session.ask(Op::GetAcl, &Path(place.path(key))),
    }
}

impl Walk<'_> {
    fn take(&mut self, job: Job, reply: &Reply, server: &str, top: &str) -> Result<(), Error> {
        match job {
            Job::Data(key) => match reply.read(server)? {
                Ok(DataReply { data, stat }) => self.data(key, data, &stat),
                // Nothing is there yet, or any more; or it has gone since its parent named it.
                Err(Code::NoNode) if key == top => {}
                Err(Code::NoNode) => self.changing(&key),
                Err(code) => return Err(self.refused(&key, code)),
            },
            Job::Children(key) => match reply.read(server)? {
                Ok(ChildrenReply { names, stat }) => self.children(&key, names, &stat),
                Err(Code::NoNode) => self.changing(&key),
                Err(code) => return Err(self.refused(&key, code)),
            },
            Job::Acl(key) => match reply.read(server)? {
                Ok(AclReply { list, .. }) => {
                    let free = list
                        .iter()
                        .any(|entry| entry.scheme == "world" && entry.permissions & ALL == ALL);
                    if !free {
                        self.listing.leave(Left::AccessList, shown(key.as_bytes()));
                    }
                }
                Err(Code::NoNode) => self.changing(&key),
                Err(code) => return Err(self.refused(&key, code)),
            },
        }
        Ok(())
    }

    fn data(&mut self, key: String, data: Vec<u8>, stat: &Stat) {
        if stat.children > 0 {
            self.jobs.push(Job::Children(key.clone()));
        }
        // A directory's name ends with a slash, as do those of keys that no node has.
        let mut name = key.clone();
        if data.is_empty() {
            name.push('/');
        }
        if key.is_empty() || !name.starts_with(self.place.prefix) {
            return;
        }
        if stat.ephemeral_owner != 0 {
            return self.lent(&key, stat.ephemeral_owner);
        }
        if stat.modified > self.place.since || stat.children_modified > self.place.since {
            self.changing(&key);
        }
        self.jobs.push(Job::Acl(key));
        let item = Item {
            value: Bytes::from(data),
            ..Item::default()
        };
        self.listing.items.insert(name.into_bytes(), item);
    }

    /// A node that goes with a session.
    fn lent(&mut self, key: &str, session: i64) {
        let held = format!("{} (by {session:#x})", shown(key.as_bytes()));
        self.listing.leave(Left::Ephemeral, held);
        self.sessions.insert(session);
        // In line for a lock, by the names of ZooKeeper's own recipe, which libkv, Curator and Kazoo use: `...lock...`
        // and the number that the parent gave it.
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

    fn children(&mut self, key: &str, names: Vec<String>, stat: &Stat) {
        if stat.children_modified > self.place.since {
            self.changing(key);
        }
        for name in names {
            let child = if key.is_empty() {
                name
            } else {
                format!("{key}/{name}")
            };
            if self.place.concerns(&child) && self.place.path(&child) != OWN {
                self.jobs.push(Job::Data(child));
            }
        }
    }

    /// Something is not as it was when this began.
    fn changing(&mut self, key: &str) {
        let name = if key.is_empty() { "/" } else { key };
        self.listing.leave(Left::Changing, shown(name.as_bytes()));
    }

    /// Names sessions and locks, and says of directories why they are there.
    fn end(self) {
        let Self {
            listing,
            sessions,
            locks,
            ..
        } = self;
        for session in sessions {
            listing.leave(Left::Session, format!("{session:#x}"));
        }
        for (key, (_, session)) in locks {
            let held = format!("{} (by {session:#x})", shown(key.as_bytes()));
            listing.leave(Left::Lock, held);
        }
        let names: Vec<Vec<u8>> = listing.items.keys().cloned().collect();
        let mut next = names.iter().skip(1);
        for name in &names {
            let beneath = next.next().is_some_and(|next| next.starts_with(name));
            let item = listing.items.get_mut(name);
            if let Some(item) = item.filter(|_| name.ends_with(b"/")) {
                // Made for its own sake where nothing else is a reason for it.
                item.dir = if beneath {
                    DirMark::Implied
                } else {
                    DirMark::Made
                };
            }
        }
    }

    fn refused(&self, key: &str, code: Code) -> Error {
        let path = self.place.path(key).escape_debug().to_string();
        Error::Refused(if code == Code::NoAuth {
            format!(
                "ZooKeeper lets nobody read {path} who is not named there: give --from-user and the password of one \
                 who is, or leave it out by --prefix"
            )
        } else {
            format!("ZooKeeper refused to tell {path}: {code}")
        })
    }
}
