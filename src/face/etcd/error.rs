//! Error of the v2 API: code, message, cause and index (etcd's `etcdserver/api/v2error`).

use std::sync::Arc;

use axum::body::Body;
use http::StatusCode;

use super::reply::Reply;
use crate::face::go::push_json_string;
use crate::model::Entry;

/// The number of an error, which clients branch on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum V2ErrorCode {
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

impl V2ErrorCode {
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

/// An error, without the index that its answer has.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct V2Error {
    /// Its code.
    pub(super) code: V2ErrorCode,
    /// The key or the field it is about; left out of the answer where it is empty.
    pub(super) cause: Vec<u8>,
    /// The entry that is not what the client expected. The cause shows both values: they may be long, so it is written when
    /// the decision is over.
    pub(super) found: Option<Arc<Entry>>,
}

impl V2Error {
    /// An error with its cause.
    pub(super) fn new(code: V2ErrorCode, cause: impl Into<Vec<u8>>) -> Self {
        Self {
            code,
            cause: cause.into(),
            found: None,
        }
    }

    /// The error about an entry that is not what the client expected.
    pub(super) fn differs(found: Arc<Entry>) -> Self {
        Self {
            code: V2ErrorCode::TestFailed,
            cause: Vec::new(),
            found: Some(found),
        }
    }

    /// An error about the node at this path. The root has no name of its own in etcd's errors.
    pub(super) fn at(code: V2ErrorCode, path: &str) -> Self {
        let cause = if path.is_empty() {
            String::new()
        } else {
            format!("/{path}")
        };
        Self::new(code, cause)
    }

    /// The answer; errors of the request itself have index 0.
    pub(super) fn reply(&self, index: u64) -> Reply {
        self.reply_with(self.body(index), index)
    }

    /// The answer with a body that was made by [`V2Error::body`].
    pub(super) fn reply_with(&self, body: impl Into<Body>, index: u64) -> Reply {
        Reply::json(self.code.status(), body).etcd_index(index)
    }

    /// The body of the answer.
    pub(super) fn body(&self, index: u64) -> Vec<u8> {
        let mut body = Vec::with_capacity(128);
        let number = self.code.number();
        let message = self.code.message();
        body.extend_from_slice(
            format!(r#"{{"errorCode":{number},"message":"{message}""#).as_bytes(),
        );
        if !self.cause.is_empty() {
            body.extend_from_slice(br#","cause":"#);
            push_json_string(&mut body, &self.cause);
        }
        body.extend_from_slice(format!(",\"index\":{index}}}\n").as_bytes());
        body
    }
}
