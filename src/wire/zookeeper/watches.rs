//! `WatcherEvent`, and the records of operations that set and remove watches.

use std::borrow::Cow;

use super::{JuteReader, JuteRecord, JuteWriter, Malformed};

/// An event of a watch: the record of a frame whose xid is [`xid::EVENT`](super::xid::EVENT).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatcherEvent {
    /// The kind: one of [`event_kind`].
    pub kind: i32,
    /// The state of the session: 3 while it is connected.
    pub state: i32,
    /// The node.
    pub path: String,
}

/// The kinds of events.
pub mod event_kind {
    /// The node was created.
    pub const CREATED: i32 = 1;
    /// The node was deleted.
    pub const DELETED: i32 = 2;
    /// The node's data was changed.
    pub const DATA_CHANGED: i32 = 3;
    /// A child was created or deleted.
    pub const CHILDREN_CHANGED: i32 = 4;
}

/// The request of `AddWatch`; the reply is an [`ErrorReply`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddWatchRequest {
    /// The node.
    pub path: String,
    /// 0 for events of the node and its children, 1 for those of all nodes beneath.
    pub mode: i32,
}

/// The mode of an [`AddWatchRequest`] for a node and its children.
pub const PERSISTENT: i32 = 0;
/// The mode of an [`AddWatchRequest`] for a node and everything beneath it.
pub const PERSISTENT_RECURSIVE: i32 = 1;

/// The request of `CheckWatches` and `RemoveWatches`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatcherPath {
    /// The node.
    pub path: String,
    /// The kind of watch: 1 children, 2 data, 3 any, 4 persistent, 5 recursive.
    pub kind: i32,
}

/// A number of an error as a record: the reply to `AddWatch`, where it is 0, and the result of a failed `Multi`'s operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorReply(pub i32);

/// The request of `SetWatches`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SetWatchesRequest {
    /// The last zxid that the client has seen: changes since then fire at once.
    pub relative_zxid: i64,
    /// Nodes with watches of their data.
    pub data: Vec<String>,
    /// Nodes with watches of their creation.
    pub exist: Vec<String>,
    /// Nodes with watches of their children.
    pub child: Vec<String>,
}

/// The request of `SetWatches2`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SetWatches2Request {
    /// The watches that fire once.
    pub once: SetWatchesRequest,
    /// Nodes with persistent watches.
    pub persistent: Vec<String>,
    /// Nodes with recursive watches.
    pub recursive: Vec<String>,
}

/// A list of paths; a null one is refused, as a null path is.
fn read_paths(from: &mut JuteReader<'_>) -> Result<Vec<String>, Malformed> {
    let paths = from.nullable_vector(|from| from.path().map(Cow::into_owned))?;
    paths.ok_or(Malformed::Null)
}

fn write_paths(to: &mut JuteWriter, paths: &[String]) {
    to.vector(paths, |to, path| to.text(path));
}

impl JuteRecord for WatcherEvent {
    fn read(from: &mut JuteReader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            kind: from.int()?,
            state: from.int()?,
            path: from.text()?.into_owned(),
        })
    }

    fn write(&self, to: &mut JuteWriter) {
        Self::write_parts(to, self.kind, self.state, &self.path);
    }
}

impl WatcherEvent {
    /// Encodes an event whose path is somebody else's.
    pub(super) fn write_parts(to: &mut JuteWriter, kind: i32, state: i32, path: &str) {
        to.int(kind);
        to.int(state);
        to.text(path);
    }
}

impl JuteRecord for AddWatchRequest {
    fn read(from: &mut JuteReader<'_>) -> Result<Self, Malformed> {
        let (path, mode) = (from.path()?.into_owned(), from.int()?);
        Ok(Self { path, mode })
    }

    fn write(&self, to: &mut JuteWriter) {
        to.text(&self.path);
        to.int(self.mode);
    }
}

impl JuteRecord for WatcherPath {
    fn read(from: &mut JuteReader<'_>) -> Result<Self, Malformed> {
        let (path, kind) = (from.path()?.into_owned(), from.int()?);
        Ok(Self { path, kind })
    }

    fn write(&self, to: &mut JuteWriter) {
        to.text(&self.path);
        to.int(self.kind);
    }
}

impl JuteRecord for ErrorReply {
    fn read(from: &mut JuteReader<'_>) -> Result<Self, Malformed> {
        from.int().map(Self)
    }

    fn write(&self, to: &mut JuteWriter) {
        to.int(self.0);
    }
}

impl JuteRecord for SetWatchesRequest {
    fn read(from: &mut JuteReader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            relative_zxid: from.long()?,
            data: read_paths(from)?,
            exist: read_paths(from)?,
            child: read_paths(from)?,
        })
    }

    fn write(&self, to: &mut JuteWriter) {
        to.long(self.relative_zxid);
        write_paths(to, &self.data);
        write_paths(to, &self.exist);
        write_paths(to, &self.child);
    }
}

impl JuteRecord for SetWatches2Request {
    fn read(from: &mut JuteReader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            once: SetWatchesRequest::read(from)?,
            persistent: read_paths(from)?,
            recursive: read_paths(from)?,
        })
    }

    fn write(&self, to: &mut JuteWriter) {
        self.once.write(to);
        write_paths(to, &self.persistent);
        write_paths(to, &self.recursive);
    }
}
