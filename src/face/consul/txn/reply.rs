//! What became of a transaction, as JSON.

use std::sync::Arc;

use http::StatusCode;

use super::super::kv::push_entry;
use super::super::reply::Reply;
use crate::face::go::json_write::{Object, push_array};
use crate::model::{Entry, Key};

/// An entry in the results.
#[derive(Clone, Debug)]
pub(super) struct Shown {
    /// Its key.
    pub(super) key: Key,
    /// What it was when its operation was done.
    pub(super) entry: Arc<Entry>,
    /// Whether its value is shown: only what was asked to be read.
    pub(super) with_value: bool,
}

/// An operation that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    /// Its place among the operations, from 0.
    pub(super) op: usize,
    /// Why, in Consul's words.
    pub(super) what: String,
}

/// Whether a transaction may have changed something; Consul tells more of those that could not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It only looked.
    Read,
    /// It had an operation that writes.
    Write,
}

/// The answer; `revision` is that of the commit.
pub(super) fn reply(
    kind: Kind,
    outcome: &Result<Vec<Shown>, Vec<Failure>>,
    revision: u64,
) -> Reply {
    let mut body = Vec::new();
    let status = match outcome {
        Ok(_) => StatusCode::OK,
        Err(_) => StatusCode::CONFLICT,
    };
    let mut object = Object::new(&mut body);
    object = match outcome {
        Ok(shown) => object
            .with("Results", |out| push_results(out, shown, revision))
            .json("Errors", b"null"),
        Err(failures) => object
            .json("Results", b"null")
            .with("Errors", |out| push_failures(out, failures)),
    };
    if kind == Kind::Read {
        object = object
            .plain("Index", 0)
            .plain("LastContact", 0)
            .plain("KnownLeader", true)
            .text("ConsistencyLevel", "");
    }
    object.end();
    let reply = Reply::json(body).with_status(status);
    match kind {
        Kind::Read => reply.led(),
        Kind::Write => reply,
    }
}

fn push_results(out: &mut Vec<u8>, shown: &[Shown], revision: u64) {
    push_array(out, shown, |out, shown| {
        Object::new(out)
            .with("KV", |out| {
                push_entry(out, &shown.key, &shown.entry, shown.with_value, revision);
            })
            .end();
    });
}

fn push_failures(out: &mut Vec<u8>, failures: &[Failure]) {
    push_array(out, failures, |out, failure| {
        Object::new(out)
            .plain("OpIndex", failure.op)
            .text("What", &failure.what)
            .end();
    });
}
