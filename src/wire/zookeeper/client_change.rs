//! `ClientChange`: the request of a change to nodes, which a server may begin while those before it are in flight.

use super::{
    CreateRequest, CreateTtlRequest, MultiRequest, SetAclRequest, SetDataRequest, VersionedPath,
};

/// A change to nodes, by its operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientChange {
    /// Creates a node; answers with its path.
    Create(CreateRequest),
    /// Creates a node; answers with its path and its `Stat`.
    Create2(CreateRequest),
    /// Creates a container; answers as `Create2` does.
    CreateContainer(CreateRequest),
    /// Creates a node with a TTL; answers as `Create2` does.
    CreateTtl(CreateTtlRequest),
    /// Deletes a node.
    Delete(VersionedPath),
    /// Replaces a node's data.
    SetData(SetDataRequest),
    /// Replaces a node's access list.
    SetAcl(SetAclRequest),
    /// Does all of these changes, or none.
    Multi(MultiRequest),
}
