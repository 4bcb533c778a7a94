//! etcd's errors: code, message, cause, index (etcdserver/api/v2error).

use axum::body::Body;
use http::{Response, StatusCode};

use super::super::gojson;
use super::reply;
use crate::space::{CommitError, Denied};
use crate::store;

/// The number of an error, which clients branch on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    KeyNotFound,
    TestFailed,
    NotFile,
    NotDir,
    NodeExist,
    RootReadOnly,
    DirNotEmpty,
    Unauthorized,
    PrevValueRequired,
    TtlNotANumber,
    IndexNotANumber,
    InvalidField,
    InvalidForm,
    RefreshValue,
    RefreshTtlRequired,
    RaftInternal,
    EventIndexCleared,
}

impl Code {
    fn number(self) -> u16 {
        match self {
            Self::KeyNotFound => 100,
            Self::TestFailed => 101,
            Self::NotFile => 102,
            Self::NotDir => 104,
            Self::NodeExist => 105,
            Self::RootReadOnly => 107,
            Self::DirNotEmpty => 108,
            Self::Unauthorized => 110,
            Self::PrevValueRequired => 201,
            Self::TtlNotANumber => 202,
            Self::IndexNotANumber => 203,
            Self::InvalidField => 209,
            Self::InvalidForm => 210,
            Self::RefreshValue => 211,
            Self::RefreshTtlRequired => 212,
            Self::RaftInternal => 300,
            Self::EventIndexCleared => 401,
        }
    }

    fn message(self) -> &'static str {
        match self {
            Self::KeyNotFound => "Key not found",
            Self::TestFailed => "Compare failed",
            Self::NotFile => "Not a file",
            Self::NotDir => "Not a directory",
            Self::NodeExist => "Key already exists",
            Self::RootReadOnly => "Root is read only",
            Self::DirNotEmpty => "Directory not empty",
            Self::Unauthorized => "The request requires user authentication",
            Self::PrevValueRequired => "PrevValue is Required in POST form",
            Self::TtlNotANumber => "The given TTL in POST form is not a number",
            Self::IndexNotANumber => "The given index in POST form is not a number",
            Self::InvalidField => "Invalid field",
            Self::InvalidForm => "Invalid POST form",
            Self::RefreshValue => "Value provided on refresh",
            Self::RefreshTtlRequired => "A TTL must be provided on refresh",
            Self::RaftInternal => "Raft Internal Error",
            Self::EventIndexCleared => "The event in requested index is outdated and cleared",
        }
    }

    fn status(self) -> StatusCode {
        match self {
            Self::KeyNotFound => StatusCode::NOT_FOUND,
            Self::NotFile | Self::DirNotEmpty => StatusCode::FORBIDDEN,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::TestFailed | Self::NodeExist => StatusCode::PRECONDITION_FAILED,
            Self::RaftInternal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::NotDir
            | Self::RootReadOnly
            | Self::PrevValueRequired
            | Self::TtlNotANumber
            | Self::IndexNotANumber
            | Self::InvalidField
            | Self::InvalidForm
            | Self::RefreshValue
            | Self::RefreshTtlRequired
            | Self::EventIndexCleared => StatusCode::BAD_REQUEST,
        }
    }
}

/// An error, but for the index it is told at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Error {
    /// Which.
    pub(super) code: Code,
    /// The key or the field it is about; left out of the answer where it is empty.
    pub(super) cause: Vec<u8>,
}

impl Error {
    /// An error with its cause.
    pub(super) fn new(code: Code, cause: impl Into<Vec<u8>>) -> Self {
        Self {
            code,
            cause: cause.into(),
        }
    }

    /// An error about the node at this path. The root has no name of its own in etcd's errors.
    pub(super) fn at(code: Code, path: &str) -> Self {
        let cause = if path.is_empty() {
            String::new()
        } else {
            format!("/{path}")
        };
        Self::new(code, cause)
    }

    /// The answer; errors of the request itself are told at index 0.
    pub(super) fn answer(&self, index: u64) -> Response<Body> {
        let mut body = Vec::with_capacity(128);
        let number = self.code.number();
        let message = self.code.message();
        body.extend_from_slice(
            format!(r#"{{"errorCode":{number},"message":"{message}""#).as_bytes(),
        );
        if !self.cause.is_empty() {
            body.extend_from_slice(br#","cause":"#);
            gojson::push_string(&mut body, &self.cause);
        }
        body.extend_from_slice(format!(",\"index\":{index}}}\n").as_bytes());
        let mut answer = reply::json(self.code.status(), body);
        reply::set_number(&mut answer, reply::ETCD_INDEX, index);
        answer
    }
}

/// The answer to a change that was not made. `revision` is where the keyspace stands.
pub(super) fn not_committed(error: CommitError<Error>, revision: u64) -> Response<Body> {
    match error {
        CommitError::Refused { error, revision } => error.answer(revision),
        CommitError::Denied(Denied::Forbidden(_)) => forbidden(),
        CommitError::Denied(denied) => {
            Error::new(Code::InvalidField, denied.to_string()).answer(revision)
        }
        CommitError::Failed(store::CommitError::TooLarge(why)) => {
            Error::new(Code::InvalidField, why).answer(revision)
        }
        CommitError::Failed(failed) => {
            tracing::warn!(error = %failed, "could not write for an etcd client");
            let cause = format!("etcdserver: {failed}");
            Error::new(Code::RaftInternal, cause).answer(0)
        }
    }
}

/// etcd's answer to what the caller has no right to, be it there or not.
pub(super) fn forbidden() -> Response<Body> {
    Error::new(Code::Unauthorized, "Insufficient credentials").answer(0)
}
