//! `Signs`: by what a connection is recognized as dockerd's.
//!
//! libnetwork finds networks in one way: it asks whether the directory of networks is there, lists it, asks whether that of the
//! counts is there, and lists that. It lists no directory above these, and sends no other requests than libkv's. A client that
//! does anything else first is another, and stays so.

use super::list_version::ListVersion;
use super::network_path::{NetworkList, is_doubled, is_in_tree, prefix_of_tree};
use crate::wire::zookeeper::{ClientChange, ClientRequest};

/// The longest path that is looked at, in bytes.
const LONGEST: usize = 1 << 10;

/// How far a connection is in dockerd's way to find networks.
#[derive(Debug, Default)]
pub(in crate::face::zookeeper) struct Signs {
    step: Step,
    /// What is before the tree.
    prefix: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Step {
    #[default]
    Nothing,
    NetworksExist,
    NetworksListed,
    CountsExist,
}

impl Signs {
    /// Follows a request. Returns whether the connection is dockerd's; `None` where that is not known yet.
    pub(super) fn follow(&mut self, request: &ClientRequest) -> Option<bool> {
        match request {
            ClientRequest::Exists(read) if read.watch => Some(false),
            ClientRequest::Exists(read) => {
                self.checked(&read.path);
                None
            }
            ClientRequest::GetChildren2(read) => self.listed(&read.path, read.watch),
            // Only dockerd got these paths and versions, on an earlier connection.
            ClientRequest::GetData(read) if is_doubled(&read.path) => Some(true),
            ClientRequest::Change(change) => changed(change),
            ClientRequest::GetData(_)
            | ClientRequest::SetWatches(_)
            | ClientRequest::Ping
            | ClientRequest::CloseSession => None,
            ClientRequest::GetAcl(_)
            | ClientRequest::GetChildren(_)
            | ClientRequest::Sync(_)
            | ClientRequest::MultiRead(_)
            | ClientRequest::CheckWatches(_)
            | ClientRequest::RemoveWatches(_)
            | ClientRequest::AddWatch(_)
            | ClientRequest::GetEphemerals(_)
            | ClientRequest::GetAllChildrenNumber(_)
            | ClientRequest::WhoAmI
            | ClientRequest::Auth(_)
            | ClientRequest::Refused(_)
            | ClientRequest::Unknown(_) => Some(false),
        }
    }

    fn checked(&mut self, path: &str) {
        if path.len() > LONGEST {
            return;
        }
        let (Some(list), Some(prefix)) = (NetworkList::of(path), prefix_of_tree(path)) else {
            return;
        };
        // Anything else between these is of its other goroutines.
        if self.step == Step::Nothing && list == NetworkList::Networks {
            self.step = Step::NetworksExist;
            prefix.clone_into(&mut self.prefix);
        } else if self.step == Step::NetworksListed
            && list == NetworkList::Counts
            && prefix == self.prefix
        {
            self.step = Step::CountsExist;
        }
    }

    fn listed(&mut self, path: &str, watch: bool) -> Option<bool> {
        let list = NetworkList::of(path).filter(|_| !watch);
        let (Some(list), Some(prefix)) = (list, prefix_of_tree(path)) else {
            return Some(false);
        };
        if prefix != self.prefix {
            return None;
        }
        if self.step == Step::NetworksExist && list == NetworkList::Networks {
            self.step = Step::NetworksListed;
        }
        (self.step == Step::CountsExist && list == NetworkList::Counts).then_some(true)
    }
}

/// What a change says of a client.
fn changed(change: &ClientChange) -> Option<bool> {
    match change {
        ClientChange::SetData(write) => is_of_list(write.version, &write.path),
        ClientChange::Delete(write) => is_of_list(write.version, &write.path),
        ClientChange::Create(_) | ClientChange::Multi(_) => None,
        ClientChange::Create2(_)
        | ClientChange::CreateContainer(_)
        | ClientChange::CreateTtl(_)
        | ClientChange::SetAcl(_) => Some(false),
    }
}

/// Whether a client wants the version of a list: no other is known to be dockerd's.
fn is_of_list(version: i32, path: &str) -> Option<bool> {
    let is_listed = ListVersion::of_client(version).is_some() && is_in_tree(path);
    is_listed.then_some(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::zookeeper::{AclEntry, CreateRequest, NodePath, WatchablePath};

    const NETWORKS: &str = "/docker/network/v1.0/network";
    const COUNTS: &str = "/docker/network/v1.0/endpoint_count";

    fn read(path: &str, watch: bool) -> WatchablePath {
        let path = path.to_owned();
        WatchablePath { path, watch }
    }

    fn exists(path: &str) -> ClientRequest {
        ClientRequest::Exists(read(path, false))
    }

    fn list(path: &str) -> ClientRequest {
        ClientRequest::GetChildren2(read(path, false))
    }

    /// What becomes of a connection that sends these, until it is known.
    fn follow(requests: &[ClientRequest]) -> Option<bool> {
        let mut signs = Signs::default();
        requests.iter().find_map(|request| signs.follow(request))
    }

    #[test]
    fn dockerd_is_recognized_by_how_it_finds_networks() {
        let create = ClientRequest::Change(ClientChange::Create(CreateRequest {
            path: "/docker".to_owned(),
            data: None,
            acl: Vec::<AclEntry>::new(),
            flags: 0,
        }));
        // With other goroutines between, on a new store.
        let way = [
            ClientRequest::GetData(read("/docker/network/v1.0/idm/vxlan-id", false)),
            exists(NETWORKS),
            exists(NETWORKS),
            create,
            list(NETWORKS),
            exists(NETWORKS),
            exists(COUNTS),
            list(NETWORKS),
            ClientRequest::GetData(read(&format!("{COUNTS}/1"), true)),
            list("/docker/network/v1.0/endpoint/1"),
            list(COUNTS),
        ];
        assert_eq!(follow(&way), Some(true));
        assert_eq!(follow(&way[..10]), None);
        // Each of the four steps counts.
        for left_out in [exists(NETWORKS), list(NETWORKS), exists(COUNTS)] {
            let rest = way.iter().filter(|request| **request != left_out);
            assert_eq!(follow(&rest.cloned().collect::<Vec<_>>()), None);
        }
    }

    #[test]
    fn a_client_that_does_anything_else_is_another() {
        let others = [
            list("/docker"),
            list("/docker/nodes"),
            list("/docker/network/v1.0"),
            ClientRequest::GetChildren2(read(NETWORKS, true)),
            ClientRequest::GetChildren(read(NETWORKS, false)),
            ClientRequest::Exists(read(NETWORKS, true)),
            ClientRequest::Sync(NodePath("/".to_owned())),
            ClientRequest::WhoAmI,
        ];
        let way = [
            exists(NETWORKS),
            list(NETWORKS),
            exists(COUNTS),
            list(COUNTS),
        ];
        for other in others {
            let mut requests = vec![other];
            requests.extend(way.iter().cloned());
            assert_eq!(follow(&requests), Some(false), "{:?}", requests[0]);
        }
        // A walk in the order of names, and one through another tree.
        let walk = [
            exists(COUNTS),
            list(COUNTS),
            exists(NETWORKS),
            list(NETWORKS),
        ];
        assert_eq!(follow(&walk), None);
        let beside = [
            exists(NETWORKS),
            list(NETWORKS),
            exists(&format!("/x{COUNTS}")),
            list(&format!("/x{COUNTS}")),
        ];
        assert_eq!(follow(&beside), None);
    }

    #[test]
    fn it_is_recognized_by_what_it_was_told_on_an_earlier_connection() {
        let doubled = ClientRequest::GetData(read(&format!("{COUNTS}{COUNTS}/1"), false));
        assert_eq!(follow(&[doubled]), Some(true));
        let child = || format!("{COUNTS}/1");
        let of_list = is_of_list(ListVersion::at(7, 1).number(), &child());
        assert_eq!(of_list, Some(true));
        assert_eq!(is_of_list(7, &child()), None);
        assert_eq!(is_of_list(ListVersion::at(7, 1).number(), "/a"), None);
    }
}
