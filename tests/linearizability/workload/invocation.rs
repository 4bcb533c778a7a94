//! Invocations and completions: a request with its meaning in the model, and the parsed answer to it.

use std::collections::BTreeMap;

use crate::checker::model::{
    Effect, EntrySlot, FailedPreconditions, ObservedEntry, Outcome, Precondition,
};
use crate::history::IndexScope;
use crate::object_layout::ObjectLayout;
use crate::random::Random;
use crate::workload::connection::{Answer, Request};

/// The objects that an invocation accesses.
#[derive(Clone, Debug)]
pub enum Access {
    /// Reads entries of these objects in one answer.
    Read(Vec<usize>),
    /// Changes one object.
    Write(usize),
}

/// A request of a protocol, and its meaning in the model.
#[derive(Clone, Debug)]
pub struct Invocation<R = Request> {
    pub request: R,
    pub access: Access,
    /// The requested path, or the prefix of all requested paths.
    pub path: String,
    pub preconditions: Vec<(EntrySlot, Precondition)>,
    pub effects: Vec<(EntrySlot, Effect)>,
}

/// A parsed answer.
#[derive(Debug, Default)]
pub struct Completion {
    /// `None` if the answer decides nothing: the outcome is unknown.
    pub outcome: Option<Outcome>,
    pub index: Option<u64>,
    /// Entries as of before the operation, by path.
    pub observed: Vec<(String, Option<ObservedEntry>)>,
    pub failed: Option<FailedPreconditions>,
    /// The index that the answer's header reported, with its scope.
    pub reported_index: Option<(IndexScope, u64)>,
    pub violation: Option<String>,
}

impl Completion {
    pub fn of(outcome: Outcome) -> Self {
        Self {
            outcome: Some(outcome),
            ..Self::default()
        }
    }

    /// The completion for an answer that its request may not have.
    pub fn violation(invocation: &Invocation, answer: &Answer) -> Self {
        let Request { method, uri, .. } = &invocation.request;
        let uri = &uri[..uri.len().min(200)];
        let text: String = answer.text().chars().take(300).collect();
        let violation = format!("{method} {uri} was answered {}: {text}", answer.status);
        Self {
            violation: Some(violation),
            ..Self::default()
        }
    }
}

/// The inputs from which a client generates its next invocation.
#[derive(Debug)]
pub struct GeneratorInputs<'a> {
    pub random: &'a mut Random,
    pub layout: &'a ObjectLayout,
    /// The client's last observed entry of each path.
    pub last_seen: &'a BTreeMap<String, ObservedEntry>,
    /// The ids of sessions that hold locks, by number.
    pub sessions: &'a [String],
}

impl GeneratorInputs<'_> {
    /// The last observed index of an entry; 1 if the client never observed the entry.
    pub fn last_index(&mut self, path: &str) -> u64 {
        self.last_seen.get(path).map_or(1, |entry| entry.index)
    }

    /// The last observed version of an entry; 0 if the client observed none.
    pub fn last_version(&self, path: &str) -> i32 {
        let seen = self.last_seen.get(path);
        seen.and_then(|entry| entry.version).unwrap_or(0)
    }
}
