//! `ReadRequest`: an operation that reads nodes and may set watches on them.

use super::exists::exists;
use super::get_acl::get_acl;
use super::get_children::get_children;
use super::get_data::get_data;
use super::multi_read::{PartRead, multi_read, nodes_of_children, nodes_of_data, nodes_of_part};
use super::reading::{ReadOutcome, Reading, demand_of_children, demand_of_node, demand_of_watch};
use super::reply::Reply;
use crate::face::zookeeper::path::ZnodePath;
use crate::face::zookeeper::watch_table::WatchMode;
use crate::model::Verb;
use crate::space::{Demand, View};
use crate::wire::zookeeper::{ErrorCode, MultiRequest, NodePath, WatchablePath};

/// An operation that reads nodes.
#[derive(Clone, Debug)]
pub(in crate::face::zookeeper) enum ReadRequest {
    /// `Exists`.
    Exists(WatchablePath),
    /// `GetData`.
    Data(WatchablePath),
    /// `GetAcl`.
    Acl(NodePath),
    /// `GetChildren`.
    Children(WatchablePath),
    /// `GetChildren2`.
    Children2(WatchablePath),
    /// `MultiRead`.
    Multi(MultiRequest),
}

impl ReadRequest {
    /// The watches that it sets where it succeeds.
    pub(in crate::face::zookeeper) fn watches(&self) -> Vec<(String, WatchMode)> {
        let one =
            |request: &WatchablePath, mode| request.watch.then(|| (request.path.clone(), mode));
        match self {
            Self::Exists(request) | Self::Data(request) => {
                one(request, WatchMode::Data).into_iter().collect()
            }
            Self::Children(request) | Self::Children2(request) => {
                one(request, WatchMode::Child).into_iter().collect()
            }
            // The real server reads the parts of a `MultiRead` without their watches.
            Self::Acl(_) | Self::Multi(_) => Vec::new(),
        }
    }

    /// What it reads of which paths, for the audit log.
    pub(in crate::face::zookeeper) fn targets(&self) -> Vec<(Verb, String)> {
        let one = |verb, request: &WatchablePath| {
            let verb = if request.watch { Verb::Watch } else { verb };
            (verb, request.path.clone())
        };
        match self {
            Self::Exists(request) | Self::Data(request) => vec![one(Verb::Read, request)],
            Self::Acl(NodePath(path)) => vec![(Verb::Read, path.clone())],
            Self::Children(request) | Self::Children2(request) => vec![one(Verb::List, request)],
            Self::Multi(MultiRequest(all)) => all
                .iter()
                .filter_map(PartRead::of)
                .map(|read| match read {
                    PartRead::Data(path) => (Verb::Read, path.to_owned()),
                    PartRead::Children(path) => (Verb::List, path.to_owned()),
                })
                .collect(),
        }
    }

    /// What it asks for of the rights of its client.
    pub(in crate::face::zookeeper) fn demands(&self) -> Vec<Demand> {
        let node = |path: &str| ZnodePath::of_read(path).map(|path| demand_of_node(&path));
        let children = |path: &str| ZnodePath::of_read(path).map(|path| demand_of_children(&path));
        let of_part = |read| match read {
            PartRead::Children(path) => children(path),
            PartRead::Data(path) => node(path),
        };
        let reads: Vec<Demand> = match self {
            Self::Exists(request) | Self::Data(request) => {
                node(&request.path).into_iter().collect()
            }
            Self::Acl(NodePath(path)) => node(path).into_iter().collect(),
            Self::Children(request) | Self::Children2(request) => {
                children(&request.path).into_iter().collect()
            }
            Self::Multi(MultiRequest(all)) => all
                .iter()
                .filter_map(PartRead::of)
                .filter_map(of_part)
                .collect(),
        };
        let watches = self.watches().into_iter();
        let watches = watches.map(|(path, mode)| demand_of_watch(&path, mode));
        reads.into_iter().chain(watches).collect()
    }

    /// About how many nodes it reads: of a caller who may see a part of what is beneath a node, its metadata counts all of that.
    pub(in crate::face::zookeeper) fn nodes(&self, view: &View) -> usize {
        match self {
            Self::Exists(WatchablePath { path, .. })
            | Self::Data(WatchablePath { path, .. })
            | Self::Acl(NodePath(path)) => nodes_of_data(view, path),
            Self::Children(request) | Self::Children2(request) => {
                nodes_of_children(view, &request.path)
            }
            Self::Multi(MultiRequest(all)) => all
                .iter()
                .map(|read| nodes_of_part(view, read))
                .fold(0, usize::saturating_add),
        }
    }

    /// Reads.
    pub(in crate::face::zookeeper) fn read(self, reading: &mut Reading<'_>) -> ReadOutcome {
        let watches = self.watches();
        for (path, mode) in &watches {
            if let Err(refused) = reading.needs(|| demand_of_watch(path, *mode)) {
                return ReadOutcome::without_watches(Err(refused));
            }
        }
        let (reply, sets_watches) = match self {
            Self::Exists(request) => exists(reading, &request),
            Self::Data(request) => only_if_found(get_data(reading, &request.path)),
            Self::Acl(NodePath(path)) => only_if_found(get_acl(reading, &path)),
            Self::Children(request) => only_if_found(get_children(reading, &request.path, false)),
            Self::Children2(request) => only_if_found(get_children(reading, &request.path, true)),
            Self::Multi(MultiRequest(all)) => (multi_read(reading, &all), false),
        };
        let watches = if sets_watches { watches } else { Vec::new() };
        ReadOutcome::new(reply, watches)
    }
}

fn only_if_found(reply: Result<Reply, ErrorCode>) -> (Result<Reply, ErrorCode>, bool) {
    let is_found = reply.is_ok();
    (reply, is_found)
}
