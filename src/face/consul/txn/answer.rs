//! Answer to a transaction: its results or its errors, as JSON.

use std::sync::Arc;

use http::StatusCode;

use super::failure::TxnFailure;
use super::parse::TxnOp;
use crate::face::consul::kv::encode::push_entry;
use crate::face::consul::long_answer::LongAnswer;
use crate::face::consul::reply::Reply;
use crate::face::consul::weight::Weight;
use crate::face::go::json_writer::{JsonObject, push_array};
use crate::fairness::Reservation;
use crate::model::{Entry, Key};
use crate::space::{Lookup, View};

/// The most bytes around the results or errors, and around each of them.
const AROUND: usize = 256;

/// A result.
#[derive(Clone, Debug)]
pub(super) enum TxnResult {
    /// An entry right after its operation.
    Entry {
        /// Its key.
        key: Key,
        /// The entry.
        entry: Arc<Entry>,
        /// Whether the value is shown: in results of reads alone.
        with_value: bool,
    },
    /// Every entry with this prefix, in the view that a transaction reads.
    Tree(Key),
}

/// The error of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TxnError {
    /// The operation's position in the transaction, from 0.
    pub(super) position: usize,
    /// The reason.
    pub(super) failure: TxnFailure,
}

/// The kind of a transaction; Consul answers reads with more fields.
#[derive(Clone, Debug)]
pub(super) enum TxnKind {
    /// Every operation reads, in this view.
    Read(View),
    /// At least one operation writes; the commit has this revision.
    Write(u64),
}

/// What is answered to a transaction.
#[derive(Debug)]
pub(super) struct TxnAnswer {
    /// What it did.
    pub(super) kind: TxnKind,
    /// Its operations.
    pub(super) ops: Arc<Vec<TxnOp>>,
    /// Their results, or the errors of those that failed.
    pub(super) outcome: Result<Vec<TxnResult>, Vec<TxnError>>,
}

impl TxnAnswer {
    /// The answer to the client. That of a commit has its bytes reserved.
    pub(super) fn into_reply(self, reservation: Option<Reservation>) -> Reply {
        let status = match self.outcome {
            Ok(_) => StatusCode::OK,
            Err(_) => StatusCode::CONFLICT,
        };
        let is_read = matches!(self.kind, TxnKind::Read(_));
        let reply = match reservation {
            Some(reservation) => Reply::json_after_change(self, reservation),
            None => Reply::json_of(self),
        };
        let reply = reply.with_status(status);
        if is_read { reply.known_leader() } else { reply }
    }

    /// The revision of entries that the transaction itself wrote.
    fn revision(&self) -> u64 {
        match &self.kind {
            TxnKind::Read(view) => view.revision(),
            TxnKind::Write(revision) => *revision,
        }
    }

    /// Calls `visit` with each result while it says so.
    fn each_result(
        &self,
        results: &[TxnResult],
        mut visit: impl FnMut(&Key, &Arc<Entry>, bool) -> bool,
    ) {
        for result in results {
            match (result, &self.kind) {
                (
                    TxnResult::Entry {
                        key,
                        entry,
                        with_value,
                    },
                    _,
                ) => {
                    if !visit(key, entry, *with_value) {
                        return;
                    }
                }
                (TxnResult::Tree(prefix), TxnKind::Read(view)) => {
                    for (key, entry) in view.scan(prefix) {
                        if !visit(key, entry, true) {
                            return;
                        }
                    }
                }
                // A transaction that writes reads its trees itself.
                (TxnResult::Tree(_), TxnKind::Write(_)) => {}
            }
        }
    }

    fn push_results(&self, out: &mut Vec<u8>, results: &[TxnResult]) {
        let revision = self.revision();
        let mut first = true;
        out.push(b'[');
        self.each_result(results, |key, entry, with_value| {
            if !std::mem::take(&mut first) {
                out.push(b',');
            }
            JsonObject::new(out)
                .with("KV", |out| {
                    push_entry(out, key, entry, with_value, revision);
                })
                .end();
            true
        });
        out.push(b']');
    }

    fn push_errors(&self, out: &mut Vec<u8>, errors: &[TxnError]) {
        push_array(out, errors, |out, error| {
            let op = self.ops.get(error.position);
            let what = op.map(|op| error.failure.words(op)).unwrap_or_default();
            JsonObject::new(out)
                .display("OpIndex", error.position)
                .text("What", what)
                .end();
        });
    }
}

impl LongAnswer for TxnAnswer {
    fn weigh(&self, goes_on: fn(Weight) -> bool) -> Weight {
        let mut weight = Weight::of_bytes(AROUND);
        match &self.outcome {
            Ok(results) => self.each_result(results, |key, entry, with_value| {
                weight.add(key, entry, with_value);
                goes_on(weight)
            }),
            Err(errors) => {
                let ops = errors
                    .iter()
                    .filter_map(|error| self.ops.get(error.position));
                let bytes: usize = ops.map(|op| TxnFailure::max_json(op) + AROUND).sum();
                weight = weight.plus(Weight::of_bytes(bytes));
            }
        }
        weight
    }

    fn encode(&self, out: &mut Vec<u8>) {
        let mut object = JsonObject::new(out);
        object = match &self.outcome {
            Ok(results) => object
                .with("Results", |out| self.push_results(out, results))
                .json("Errors", b"null"),
            Err(errors) => object
                .json("Results", b"null")
                .with("Errors", |out| self.push_errors(out, errors)),
        };
        if matches!(self.kind, TxnKind::Read(_)) {
            object = object
                .display("Index", 0)
                .display("LastContact", 0)
                .display("KnownLeader", true)
                .text("ConsistencyLevel", "");
        }
        object.end();
    }
}
