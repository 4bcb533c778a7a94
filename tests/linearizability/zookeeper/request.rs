//! ZooKeeper request: its bytes, and what a reply to it shows of nodes.

use kubekv::wire::zookeeper::{
    AclEntry, ChildrenReply, CreateRequest, CreatedReply, DataReply, ErrorCode, JuteRecord,
    JuteWriter, MultiOperation, MultiReply, MultiRequest, MultiResult, NodePath, OpCode,
    SetDataRequest, Stat, VersionedPath, WatchablePath,
};

use crate::zookeeper::connection::Frame;

/// A request about nodes. Paths are those of nodes, with a slash at the beginning.
#[derive(Clone, Debug)]
pub enum ZooKeeperRequest {
    Sync,
    Exists(String, bool),
    GetData(String, bool),
    GetChildren(String),
    MultiRead(Vec<String>),
    /// `create2` with these flags.
    Create(String, Vec<u8>, i32),
    SetData(String, Vec<u8>, i32),
    Delete(String, i32),
    Multi(Vec<MultiOperation>),
}

/// What a reply shows of a node: its metadata, or that it is not there.
pub type ShownNode = (String, Option<Stat>);

/// The path of the node of a key.
pub fn node(key: &str) -> String {
    format!("/{key}")
}

/// A create that everybody may read and write.
pub fn create_request(path: &str, data: Vec<u8>, flags: i32) -> CreateRequest {
    let all = AclEntry {
        permissions: 31,
        scheme: "world".to_owned(),
        id: "anyone".to_owned(),
    };
    CreateRequest {
        path: path.to_owned(),
        data: Some(data),
        acl: vec![all],
        flags,
    }
}

/// A `setData` of a version; -1 is any.
pub fn set_request(path: &str, data: Vec<u8>, version: i32) -> SetDataRequest {
    SetDataRequest {
        path: path.to_owned(),
        data: Some(data),
        version,
    }
}

/// A path with a version; -1 is any.
pub fn versioned(path: &str, version: i32) -> VersionedPath {
    let path = path.to_owned();
    VersionedPath { path, version }
}

fn watchable(path: &str, watch: bool) -> WatchablePath {
    let path = path.to_owned();
    WatchablePath { path, watch }
}

fn body(record: &impl JuteRecord) -> Vec<u8> {
    let mut to = JuteWriter::default();
    record.write(&mut to);
    to.frame().unwrap().split_off(4)
}

impl ZooKeeperRequest {
    /// The operation and the bytes of its record.
    pub fn encode(&self) -> (OpCode, Vec<u8>) {
        match self {
            Self::Sync => (OpCode::Sync, body(&NodePath("/".to_owned()))),
            Self::Exists(path, watch) => (OpCode::Exists, body(&watchable(path, *watch))),
            Self::GetData(path, watch) => (OpCode::GetData, body(&watchable(path, *watch))),
            Self::GetChildren(path) => (OpCode::GetChildren2, body(&watchable(path, false))),
            Self::MultiRead(paths) => {
                let reads = paths.iter().map(|path| watchable(path, false));
                let reads = reads.map(MultiOperation::GetData).collect();
                (OpCode::MultiRead, body(&MultiRequest(reads)))
            }
            Self::Create(path, data, flags) => {
                let record = create_request(path, data.clone(), *flags);
                (OpCode::Create2, body(&record))
            }
            Self::SetData(path, data, version) => {
                let record = set_request(path, data.clone(), *version);
                (OpCode::SetData, body(&record))
            }
            Self::Delete(path, version) => (OpCode::Delete, body(&versioned(path, *version))),
            Self::Multi(operations) => (OpCode::Multi, body(&MultiRequest(operations.clone()))),
        }
    }

    /// What a reply shows of nodes, as of its zxid.
    pub fn shown(&self, reply: &Frame) -> Vec<ShownNode> {
        let error = ErrorCode::of(reply.header.error);
        let gone = error == Some(ErrorCode::NoNode);
        let stat = || (error.is_none()).then(|| Stat::parse(&reply.body).unwrap());
        match self {
            Self::Sync | Self::GetChildren(_) => Vec::new(),
            Self::Exists(path, _) | Self::SetData(path, ..) => match stat() {
                Some(stat) => vec![(path.clone(), Some(stat))],
                None if gone => vec![(path.clone(), None)],
                None => Vec::new(),
            },
            Self::GetData(path, _) => match error {
                None => vec![(
                    path.clone(),
                    Some(DataReply::parse(&reply.body).unwrap().stat),
                )],
                Some(_) if gone => vec![(path.clone(), None)],
                Some(_) => Vec::new(),
            },
            Self::Create(..) => match error {
                None => {
                    let created = CreatedReply::parse(&reply.body).unwrap();
                    vec![(created.path, Some(created.stat))]
                }
                Some(_) => Vec::new(),
            },
            // Where the one above it is missing, the node is, too.
            Self::Delete(path, _) => {
                let is_gone = error.is_none() || gone;
                is_gone.then(|| (path.clone(), None)).into_iter().collect()
            }
            Self::MultiRead(paths) => {
                let results = results(reply).into_iter();
                paths.iter().cloned().zip(results.map(read)).collect()
            }
            Self::Multi(operations) => {
                let results = results(reply);
                let each = operations.iter().zip(&results);
                each.filter_map(|(operation, result)| changed(operation, result))
                    .collect()
            }
        }
    }
}

/// The results of a multi; none where it was refused as a whole.
pub fn results(reply: &Frame) -> Vec<MultiResult> {
    match ErrorCode::of(reply.header.error) {
        None => MultiReply::parse(&reply.body).unwrap().0,
        Some(_) => Vec::new(),
    }
}

/// The names of children.
pub fn children(reply: &Frame) -> Vec<String> {
    ChildrenReply::parse(&reply.body).unwrap().names
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "any other result of a read is none"
)]
fn read(result: MultiResult) -> Option<Stat> {
    match result {
        MultiResult::Data(read) => Some(read.stat),
        _ => None,
    }
}

fn changed(operation: &MultiOperation, result: &MultiResult) -> Option<ShownNode> {
    match (operation, result) {
        (MultiOperation::SetData(set), MultiResult::DataSet(stat)) => {
            Some((set.path.clone(), Some(*stat)))
        }
        (_, MultiResult::Created2(created)) => Some((created.path.clone(), Some(created.stat))),
        (MultiOperation::Delete(deleted), MultiResult::Deleted) => {
            Some((deleted.path.clone(), None))
        }
        _ => None,
    }
}
