//! `DockerClient`: what dockerd needs of a store that it uses over `zk://`, without which it crashes.
//!
//! libnetwork looks the counts of endpoints up by their full keys, and takes the version of a list for that of each entry in
//! it. libkv's lists have bare names and the version of the parent. So dockerd's lists have a version that stands for "not
//! changed since this list" ([`ListVersion`]), and the list of counts names its children by their full keys. The doubled paths
//! that full names lead to are taken as the children's. Other clients get none of this ([`Signs`]).

mod list_version;
mod network_path;
mod signs;

use std::str::FromStr;

use self::list_version::ListVersion;
use self::network_path::{NetworkList, is_in_tree, take_child_of_doubled};
use self::signs::Signs;
use super::operations::Reply;
use super::path::ZnodePath;
use super::session::ClientSession;
use super::znode::{Znode, zxid};
use crate::space::View;
use crate::wire::zookeeper::{ClientChange, ClientRequest, ConnectRequest};

/// The version that is wanted of a node that has changed since the list: none has it.
const NEVER: i32 = -2;

/// The session timeout that dockerd asks for, in milliseconds.
const TIMEOUT_MS: i32 = 10_000;

/// The longest frame that dockerd's client library reads, in bytes with its length: it ends dockerd where one is longer.
const LONGEST_FRAME: usize = 4 + 1_572_848;

/// Which connections get dockerd's answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DockerAnswers {
    /// Those that are recognized as dockerd's.
    #[default]
    Recognized,
    /// All.
    Always,
    /// None.
    Never,
}

/// The mode is `auto`, `on` or `off`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("neither auto, on nor off")]
pub struct UnknownDockerAnswers;

impl FromStr for DockerAnswers {
    type Err = UnknownDockerAnswers;

    fn from_str(text: &str) -> Result<Self, UnknownDockerAnswers> {
        match text {
            "auto" => Ok(Self::Recognized),
            "on" => Ok(Self::Always),
            "off" => Ok(Self::Never),
            _ => Err(UnknownDockerAnswers),
        }
    }
}

/// What is known of a connection: whether it is dockerd's.
#[derive(Debug)]
pub(super) struct DockerClient {
    recognized: Recognized,
    /// How many zxids each state of the store has.
    step: i64,
}

/// Whether a connection is dockerd's.
#[derive(Debug)]
enum Recognized {
    /// It is another's.
    No,
    /// It may be: what it did so far.
    Maybe(Signs),
    /// It is.
    Yes,
}

/// What a request of dockerd's needs.
#[derive(Debug, Default)]
pub(super) struct DockerRequest {
    /// Its answer is a list to be changed.
    pub(super) list: Option<DockerList>,
    /// With it the connection was recognized, which is to be kept with the session.
    pub(super) is_recognized: bool,
}

/// A list that dockerd asked for.
#[derive(Debug)]
pub(super) struct DockerList {
    path: String,
    list: NetworkList,
    step: i64,
}

impl DockerClient {
    /// Of a connection that begins so, with this session.
    pub(super) fn new(
        answers: DockerAnswers,
        request: &ConnectRequest,
        session: &ClientSession,
        indexes_per_state: u64,
    ) -> Self {
        // A Go client, which leaves the last field out, with the timeout that libkv sets.
        let may_be = request.read_only.is_none() && request.timeout_ms == TIMEOUT_MS;
        let recognized = match answers {
            DockerAnswers::Always => Recognized::Yes,
            DockerAnswers::Recognized if session.is_dockerd => Recognized::Yes,
            DockerAnswers::Recognized if may_be => Recognized::Maybe(Signs::default()),
            DockerAnswers::Recognized | DockerAnswers::Never => Recognized::No,
        };
        let step = i64::try_from(indexes_per_state).unwrap_or(1).max(1);
        Self { recognized, step }
    }

    /// Whether the client can read a frame of so many bytes.
    pub(super) fn reads_frame(&self, bytes: usize) -> bool {
        match self.recognized {
            Recognized::No | Recognized::Maybe(_) => true,
            Recognized::Yes => bytes <= LONGEST_FRAME,
        }
    }

    /// Reads a request as dockerd means it; the view is of now.
    pub(super) fn take(
        &mut self,
        request: &mut ClientRequest,
        view: impl FnOnce() -> View,
    ) -> DockerRequest {
        let mut is_recognized = false;
        if let Recognized::Maybe(signs) = &mut self.recognized {
            self.recognized = match signs.follow(request) {
                None => return DockerRequest::default(),
                Some(false) => Recognized::No,
                Some(true) => Recognized::Yes,
            };
            is_recognized = matches!(self.recognized, Recognized::Yes);
        }
        if !matches!(self.recognized, Recognized::Yes) {
            return DockerRequest::default();
        }
        let list = if let ClientRequest::GetChildren2(read) = &*request {
            DockerList::of(&read.path, self.step)
        } else {
            None
        };
        mean(request, self.step, view);
        DockerRequest {
            list,
            is_recognized,
        }
    }
}

/// Changes a request to what dockerd means by it.
fn mean(request: &mut ClientRequest, step: i64, view: impl FnOnce() -> View) {
    if let ClientRequest::GetData(read) = request {
        take_child_of_doubled(&mut read.path);
    }
    if let ClientRequest::Change(ClientChange::SetData(write)) = request {
        write.version = wanted((write.version, step), &write.path, view);
    } else if let ClientRequest::Change(ClientChange::Delete(write)) = request {
        write.version = wanted((write.version, step), &write.path, view);
    }
}

/// The version of a node that the version of a list stands for; any other version as it is.
fn wanted((version, step): (i32, i64), path: &str, view: impl FnOnce() -> View) -> i32 {
    let Some(listed) = ListVersion::of_client(version).filter(|_| is_in_tree(path)) else {
        return version;
    };
    let mut view = view();
    let now = zxid(view.revision());
    let node = ZnodePath::of_read(path).and_then(|path| Znode::find(&mut view, &path));
    // An older view is no danger: the version that it shows must still be the node's when the change is made.
    let stat = node.map(|node| node.stat(&mut view));
    stat.filter(|stat| stat.modified <= listed.zxid(now, step))
        .map_or(NEVER, |stat| stat.version)
}

impl DockerList {
    fn of(path: &str, step: i64) -> Option<Self> {
        let list = NetworkList::of(path)?;
        let path = path.to_owned();
        Some(Self { path, list, step })
    }

    /// Makes the answer dockerd's: it shows the list at this zxid.
    pub(super) fn change(self, reply: &mut Reply, zxid: i64) {
        let Reply::Children(names, Some(stat)) = reply else {
            return;
        };
        stat.version = ListVersion::at(zxid, self.step).number();
        if self.list == NetworkList::Counts {
            let directory = self.path.trim_start_matches('/');
            for name in names {
                *name = format!("{directory}/{name}");
            }
        }
    }
}
