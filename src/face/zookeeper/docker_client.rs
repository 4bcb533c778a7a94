//! `DockerClient`: what dockerd needs of a store that it uses over `zk://`, without which it crashes.
//!
//! libnetwork looks the entries of a list up by their full keys, and takes the version of the list for that of each entry.
//! libkv's lists have bare names and the version of the parent. So a list in libnetwork's tree names its children by their
//! full keys, and has a version that stands for "the version that this connection last saw of the child". The doubled paths
//! that full names lead to are taken as the children's. Other clients get none of this.

use std::collections::{HashMap, VecDeque};
use std::str::FromStr;

use super::operations::Reply;
use crate::wire::zookeeper::{ClientRequest, ConnectRequest};

/// The version of lists: no node comes to have it.
const LISTED: i32 = 1_264_280_182;

/// The version that is wanted of a node that the connection never read: none has it.
const NEVER: i32 = -2;

/// The tree that libnetwork lists.
const TREE: &str = "docker/network/v1.0/";

/// The session timeout that dockerd asks for, in milliseconds.
const TIMEOUT_MS: i32 = 10_000;

/// How many paths that were asked for are remembered.
const ASKED: usize = 16;

/// The most nodes whose versions are remembered; then all are forgotten, and dockerd reads again what it must know.
const SEEN: usize = 100_000;

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

/// Whether a connection is dockerd's, and what it saw.
#[derive(Debug)]
pub(super) struct DockerClient {
    state: State,
    versions: HashMap<String, i32>,
}

#[derive(Debug)]
enum State {
    /// It is another's.
    No,
    /// It may be: the paths in libnetwork's tree that it asked for last.
    Maybe(VecDeque<String>),
    /// It is.
    Yes,
}

impl DockerClient {
    /// Of a connection that begins so.
    pub(super) fn new(answers: DockerAnswers, request: &ConnectRequest) -> Self {
        // A Go client, which leaves the last field out, with the timeout that libkv sets.
        let may_be = request.read_only.is_none() && request.timeout_ms == TIMEOUT_MS;
        let state = match answers {
            DockerAnswers::Always => State::Yes,
            DockerAnswers::Recognized if may_be => State::Maybe(VecDeque::new()),
            DockerAnswers::Recognized | DockerAnswers::Never => State::No,
        };
        Self {
            state,
            versions: HashMap::new(),
        }
    }

    /// Reads a request as dockerd means it. Returns the path whose answer must be changed or noted.
    pub(super) fn take(&mut self, request: &mut ClientRequest) -> Option<String> {
        self.recognize(request);
        if !matches!(self.state, State::Yes) {
            return None;
        }
        if let ClientRequest::Exists(read)
        | ClientRequest::GetData(read)
        | ClientRequest::GetChildren2(read) = request
        {
            return Some(child_path(&mut read.path));
        }
        if let ClientRequest::SetData(write) = request {
            let path = child_path(&mut write.path);
            write.version = self.wanted(&path, write.version);
            return Some(path);
        }
        if let ClientRequest::Delete(write) = request {
            let path = child_path(&mut write.path);
            write.version = self.wanted(&path, write.version);
        }
        None
    }

    /// Changes the answer for a path, and notes the version that it shows.
    pub(super) fn answer(&mut self, path: &str, reply: &mut Reply) {
        if let Reply::Stat(stat) | Reply::Data(_, stat) = reply {
            if self.versions.len() >= SEEN {
                self.versions.clear();
            }
            self.versions.insert(path.to_owned(), stat.version);
        }
        if let Reply::Children(names, Some(stat)) = reply
            && is_listed(path)
        {
            let directory = path.trim_start_matches('/');
            for name in names {
                *name = format!("{directory}/{name}");
            }
            stat.version = LISTED;
        }
    }

    /// libnetwork asks whether a directory exists and then lists it, which is what no other client is known to do there.
    fn recognize(&mut self, request: &ClientRequest) {
        let State::Maybe(asked) = &mut self.state else {
            return;
        };
        if let ClientRequest::Exists(read) = request
            && is_listed(&read.path)
        {
            asked.push_back(read.path.clone());
            if asked.len() > ASKED {
                asked.pop_front();
            }
        }
        if let ClientRequest::GetChildren2(read) = request
            && asked.contains(&read.path)
        {
            self.state = State::Yes;
        }
    }

    fn wanted(&self, path: &str, version: i32) -> i32 {
        if version == LISTED {
            self.versions.get(path).copied().unwrap_or(NEVER)
        } else {
            version
        }
    }
}

/// Whether a directory is in libnetwork's tree.
fn is_listed(path: &str) -> bool {
    path.contains(TREE)
}

/// Makes a doubled path, `/D/D/child` with a directory `D` in libnetwork's tree, the child's; returns it.
fn child_path(path: &mut String) -> String {
    if let Some(child) = child_of_doubled(path) {
        *path = child;
    }
    path.clone()
}

fn child_of_doubled(path: &str) -> Option<String> {
    let path = path.strip_prefix('/')?;
    path.match_indices('/').find_map(|(at, _)| {
        let (directory, child) = path.split_at_checked(at)?;
        let child = child.strip_prefix('/')?;
        let is_doubled = child
            .strip_prefix(directory)
            .is_some_and(|rest| rest.starts_with('/'));
        (is_doubled && directory.contains(TREE)).then(|| format!("/{child}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_doubled_path_is_the_childs() {
        let directory = "docker/network/v1.0/endpoint_count";
        let doubled = format!("/{directory}/{directory}/1");
        let child = format!("/{directory}/1");
        assert_eq!(child_of_doubled(&doubled), Some(child.clone()));
        let deep = format!("/x/{directory}/x/{directory}/1");
        assert_eq!(child_of_doubled(&deep), Some(format!("/x/{directory}/1")));
        for other in [
            child.as_str(),
            "/a/a/b",
            "",
            "docker",
            "/docker/network/v1.0/a",
        ] {
            assert_eq!(child_of_doubled(other), None, "{other}");
        }
    }
}
