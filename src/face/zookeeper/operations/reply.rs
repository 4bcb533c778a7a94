//! `Reply`: what an operation answers, before it is encoded.

use bytes::Bytes;

use crate::face::zookeeper::znode::settle;
use crate::wire::zookeeper::{
    AclEntry, CreatedReply, ErrorReply, Identities, JuteRecord as _, JuteWriter, MultiReply,
    MultiResult, NodeCount, Stat,
};

/// The record of a reply.
#[derive(Clone, Debug)]
pub(in crate::face::zookeeper) enum Reply {
    /// None.
    Empty,
    /// Of `Exists`, `SetData` and `SetAcl`.
    Stat(Stat),
    /// Of `GetData`; the data may be null.
    Data(Option<Bytes>, Stat),
    /// Of `GetAcl`.
    Acl(Vec<AclEntry>, Stat),
    /// Of `GetChildren`, and with the metadata of `GetChildren2`.
    Children(Vec<String>, Option<Stat>),
    /// Of `Create` and `Sync`.
    Path(String),
    /// Of the other creates.
    Created(CreatedReply),
    /// Of `Multi` and `MultiRead`.
    Multi(MultiReply),
    /// Of `AddWatch`.
    WatchAdded,
    /// Of `GetEphemerals`.
    Paths(Vec<String>),
    /// Of `GetAllChildrenNumber`.
    Count(i32),
    /// Of `WhoAmI`.
    Identities(Identities),
}

impl Reply {
    /// Encodes the record.
    pub(in crate::face::zookeeper) fn write(&self, to: &mut JuteWriter) {
        match self {
            Self::Empty => {}
            Self::Stat(stat) => stat.write(to),
            Self::Data(data, stat) => {
                to.nullable_buffer(data.as_deref());
                stat.write(to);
            }
            Self::Acl(list, stat) => {
                to.vector(list, |to, entry| entry.write(to));
                stat.write(to);
            }
            Self::Children(names, stat) => {
                to.vector(names, |to, name| to.text(name));
                if let Some(stat) = stat {
                    stat.write(to);
                }
            }
            Self::Path(path) => to.text(path),
            Self::Created(created) => created.write(to),
            Self::Multi(results) => results.write(to),
            Self::WatchAdded => ErrorReply(0).write(to),
            Self::Paths(paths) => to.vector(paths, |to, path| to.text(path)),
            Self::Count(count) => NodeCount(*count).write(to),
            Self::Identities(identities) => identities.write(to),
        }
    }
}

impl Reply {
    /// Gives the zxids of a change that were not known when it was decided their number.
    pub(in crate::face::zookeeper) fn settle(&mut self, zxid: i64) {
        match self {
            Self::Stat(stat) | Self::Created(CreatedReply { stat, .. }) => settle(stat, zxid),
            Self::Multi(MultiReply(results)) => {
                for result in results {
                    match result {
                        MultiResult::Created2(CreatedReply { stat, .. })
                        | MultiResult::DataSet(stat) => settle(stat, zxid),
                        MultiResult::Created(_)
                        | MultiResult::Deleted
                        | MultiResult::Checked
                        | MultiResult::Data(_)
                        | MultiResult::Children(_)
                        | MultiResult::Failed(_) => {}
                    }
                }
            }
            Self::Empty
            | Self::Data(..)
            | Self::Acl(..)
            | Self::Children(..)
            | Self::Path(_)
            | Self::WatchAdded
            | Self::Paths(_)
            | Self::Count(_)
            | Self::Identities(_) => {}
        }
    }
}
