//! `MultiRequest`: several operations in one request, and their results.

use std::cmp::Ordering;

use super::multi_header::{MultiHeader, read_items, write_end};
use super::{
    ChildNames, CreateRequest, CreateTtlRequest, CreatedReply, DataReply, ErrorCode, ErrorReply,
    JuteReader, JuteRecord, JuteWriter, Malformed, NodePath, OpCode, SetDataRequest, Stat,
    VersionedPath, WatchablePath, create_flags,
};

const CREATE: i32 = OpCode::Create.number();
const CREATE_2: i32 = OpCode::Create2.number();
const CREATE_CONTAINER: i32 = OpCode::CreateContainer.number();
const CREATE_TTL: i32 = OpCode::CreateTtl.number();
const DELETE: i32 = OpCode::Delete.number();
const SET_DATA: i32 = OpCode::SetData.number();
const CHECK: i32 = OpCode::Check.number();
const GET_DATA: i32 = OpCode::GetData.number();
const GET_CHILDREN: i32 = OpCode::GetChildren.number();

/// The request of `Multi` and `MultiRead`; it may be empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MultiRequest(pub Vec<MultiOperation>);

/// The reply to `Multi` and `MultiRead`: a result for each operation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MultiReply(pub Vec<MultiResult>);

/// An operation of a [`MultiRequest`]; one that reads occurs only beside others that read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MultiOperation {
    /// Creates a node.
    Create(CreateRequest),
    /// Creates a node; its [`Stat`] is answered.
    Create2(CreateRequest),
    /// Creates a container.
    CreateContainer(CreateRequest),
    /// Creates a node with a TTL.
    CreateTtl(CreateTtlRequest),
    /// Deletes a node.
    Delete(VersionedPath),
    /// Replaces a node's data.
    SetData(SetDataRequest),
    /// Compares a node's version.
    Check(VersionedPath),
    /// Returns a node's data.
    GetData(WatchablePath),
    /// Returns the names of a node's children.
    GetChildren(WatchablePath),
}

/// The result of one operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MultiResult {
    /// A node was created.
    Created(String),
    /// A node was created, with this metadata.
    Created2(CreatedReply),
    /// A node was deleted.
    Deleted,
    /// A node's data was replaced; its metadata since.
    DataSet(Stat),
    /// A node has the version.
    Checked,
    /// A node's data.
    Data(DataReply),
    /// The names of a node's children.
    Children(Vec<String>),
    /// The error of the operation, or 0 for one before and -2 for one after the first that failed.
    Failed(i32),
}

impl MultiOperation {
    /// The operation's code.
    pub fn op(&self) -> OpCode {
        match self {
            Self::Create(_) => OpCode::Create,
            Self::Create2(_) => OpCode::Create2,
            Self::CreateContainer(_) => OpCode::CreateContainer,
            Self::CreateTtl(_) => OpCode::CreateTtl,
            Self::Delete(_) => OpCode::Delete,
            Self::SetData(_) => OpCode::SetData,
            Self::Check(_) => OpCode::Check,
            Self::GetData(_) => OpCode::GetData,
            Self::GetChildren(_) => OpCode::GetChildren,
        }
    }

    /// Whether the operation is one of `MultiRead`.
    pub fn is_read(&self) -> bool {
        matches!(self, Self::GetData(_) | Self::GetChildren(_))
    }

    fn read(kind: i32, from: &mut JuteReader<'_>) -> Result<Self, Malformed> {
        Ok(match kind {
            CREATE => Self::Create(CreateRequest::read(from)?),
            CREATE_2 => Self::Create2(CreateRequest::read(from)?),
            CREATE_CONTAINER => Self::CreateContainer(CreateRequest::read(from)?),
            CREATE_TTL => Self::CreateTtl(CreateTtlRequest::read(from)?),
            DELETE => Self::Delete(VersionedPath::read(from)?),
            SET_DATA => Self::SetData(SetDataRequest::read(from)?),
            CHECK => Self::Check(VersionedPath::read(from)?),
            GET_DATA => Self::GetData(WatchablePath::read(from)?),
            GET_CHILDREN => Self::GetChildren(WatchablePath::read(from)?),
            _ => return Err(Malformed::Operation),
        })
    }
}

impl MultiRequest {
    /// Decodes the request of `Multi` as the server does: with a read among its operations, or a create whose flags are
    /// not those of its operation's, there is no request at all, and none of its operations has an error of its own.
    pub(super) fn read_changes(from: &mut JuteReader<'_>) -> Result<Self, Malformed> {
        let request = Self::read(from)?;
        let is_change = |one: &MultiOperation| match one {
            MultiOperation::Create(node)
            | MultiOperation::Create2(node)
            | MultiOperation::CreateContainer(node) => {
                (create_flags::PERSISTENT..=create_flags::CONTAINER).contains(&node.flags)
            }
            MultiOperation::CreateTtl(_)
            | MultiOperation::Delete(_)
            | MultiOperation::SetData(_)
            | MultiOperation::Check(_) => true,
            MultiOperation::GetData(_) | MultiOperation::GetChildren(_) => false,
        };
        Self::only(request, is_change)
    }

    /// Decodes the request of `MultiRead` as the server does: with a change among its operations there is no request.
    pub(super) fn read_reads(from: &mut JuteReader<'_>) -> Result<Self, Malformed> {
        Self::only(Self::read(from)?, MultiOperation::is_read)
    }

    fn only(request: Self, belongs: impl Fn(&MultiOperation) -> bool) -> Result<Self, Malformed> {
        if request.0.iter().all(belongs) {
            Ok(request)
        } else {
            Err(Malformed::Operation)
        }
    }
}

impl JuteRecord for MultiRequest {
    fn read(from: &mut JuteReader<'_>) -> Result<Self, Malformed> {
        let operations = read_items(from, |header, from| MultiOperation::read(header.kind, from))?;
        let reads = operations.iter().filter(|one| one.is_read()).count();
        if reads != 0 && reads != operations.len() {
            return Err(Malformed::Operation);
        }
        Ok(Self(operations))
    }

    fn write(&self, to: &mut JuteWriter) {
        for operation in &self.0 {
            MultiHeader::of_operation(operation.op()).write(to);
            match operation {
                MultiOperation::Create(node)
                | MultiOperation::Create2(node)
                | MultiOperation::CreateContainer(node) => node.write(to),
                MultiOperation::CreateTtl(node) => node.write(to),
                MultiOperation::Delete(node) | MultiOperation::Check(node) => node.write(to),
                MultiOperation::SetData(node) => node.write(to),
                MultiOperation::GetData(node) | MultiOperation::GetChildren(node) => node.write(to),
            }
        }
        write_end(to);
    }
}

impl MultiResult {
    fn header(&self) -> MultiHeader {
        let op = match self {
            Self::Created(_) => OpCode::Create,
            Self::Created2(_) => OpCode::Create2,
            Self::Deleted => OpCode::Delete,
            Self::DataSet(_) => OpCode::SetData,
            Self::Checked => OpCode::Check,
            Self::Data(_) => OpCode::GetData,
            Self::Children(_) => OpCode::GetChildren,
            Self::Failed(error) => return MultiHeader::of_failure(*error),
        };
        MultiHeader::of_result(op)
    }

    fn read(header: MultiHeader, from: &mut JuteReader<'_>) -> Result<Self, Malformed> {
        if header.is_failure() {
            return ErrorReply::read(from).map(|error| Self::Failed(error.0));
        }
        Ok(match header.kind {
            CREATE => Self::Created(NodePath::read(from)?.0),
            CREATE_2 => Self::Created2(CreatedReply::read(from)?),
            DELETE => Self::Deleted,
            SET_DATA => Self::DataSet(Stat::read(from)?),
            CHECK => Self::Checked,
            GET_DATA => Self::Data(DataReply::read(from)?),
            GET_CHILDREN => Self::Children(ChildNames::read(from)?.0),
            _ => return Err(Malformed::Operation),
        })
    }
}

impl MultiReply {
    /// The reply to a `Multi` of so many operations, of which that at `failed` was the first to fail: those before it have
    /// error 0, those after it `RuntimeInconsistency`. The reply's own header has no error.
    pub fn of_failure(operations: usize, failed: usize, error: ErrorCode) -> Self {
        let result = |at: usize| match at.cmp(&failed) {
            Ordering::Less => 0,
            Ordering::Equal => error.number(),
            Ordering::Greater => ErrorCode::RuntimeInconsistency.number(),
        };
        Self(
            (0..operations)
                .map(result)
                .map(MultiResult::Failed)
                .collect(),
        )
    }
}

impl JuteRecord for MultiReply {
    fn read(from: &mut JuteReader<'_>) -> Result<Self, Malformed> {
        read_items(from, MultiResult::read).map(Self)
    }

    fn write(&self, to: &mut JuteWriter) {
        for result in &self.0 {
            result.header().write(to);
            match result {
                MultiResult::Created(path) => to.text(path),
                MultiResult::Created2(created) => created.write(to),
                MultiResult::Deleted | MultiResult::Checked => {}
                MultiResult::DataSet(stat) => stat.write(to),
                MultiResult::Data(data) => data.write(to),
                MultiResult::Children(names) => to.vector(names, |to, name| to.text(name)),
                MultiResult::Failed(error) => ErrorReply(*error).write(to),
            }
        }
        write_end(to);
    }
}
