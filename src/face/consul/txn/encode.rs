//! JSON of a transaction's results or errors.

use std::sync::Arc;

use http::StatusCode;

use crate::face::consul::kv::encode::push_entry;
use crate::face::consul::reply::Reply;
use crate::face::go::json_writer::{JsonObject, push_array};
use crate::model::{Entry, Key};

/// A result: an entry.
#[derive(Clone, Debug)]
pub(super) struct TxnResult {
    /// Its key.
    pub(super) key: Key,
    /// The entry right after its operation.
    pub(super) entry: Arc<Entry>,
    /// Whether the value is results: in results of reads alone.
    pub(super) with_value: bool,
}

/// The error of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TxnError {
    /// The operation's position in the transaction, from 0.
    pub(super) op: usize,
    /// The reason, in Consul's words.
    pub(super) what: String,
}

/// The kind of a transaction; Consul answers reads with more fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TxnKind {
    /// Every operation reads.
    Read,
    /// At least one operation writes.
    Write,
}

/// The answer; `revision` is that of the commit.
pub(super) fn reply(
    kind: TxnKind,
    outcome: &Result<Vec<TxnResult>, Vec<TxnError>>,
    revision: u64,
) -> Reply {
    let mut body = Vec::new();
    let status = match outcome {
        Ok(_) => StatusCode::OK,
        Err(_) => StatusCode::CONFLICT,
    };
    let mut object = JsonObject::new(&mut body);
    object = match outcome {
        Ok(results) => object
            .with("Results", |out| push_results(out, results, revision))
            .json("Errors", b"null"),
        Err(errors) => object
            .json("Results", b"null")
            .with("Errors", |out| push_errors(out, errors)),
    };
    if kind == TxnKind::Read {
        object = object
            .display("Index", 0)
            .display("LastContact", 0)
            .display("KnownLeader", true)
            .text("ConsistencyLevel", "");
    }
    object.end();
    let reply = Reply::json(body).with_status(status);
    match kind {
        TxnKind::Read => reply.known_leader(),
        TxnKind::Write => reply,
    }
}

fn push_results(out: &mut Vec<u8>, results: &[TxnResult], revision: u64) {
    push_array(out, results, |out, result| {
        JsonObject::new(out)
            .with("KV", |out| {
                push_entry(out, &result.key, &result.entry, result.with_value, revision);
            })
            .end();
    });
}

fn push_errors(out: &mut Vec<u8>, errors: &[TxnError]) {
    push_array(out, errors, |out, error| {
        JsonObject::new(out)
            .display("OpIndex", error.op)
            .text("What", &error.what)
            .end();
    });
}
