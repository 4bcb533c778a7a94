//! What a client asks next, and what the answer means.

use std::collections::BTreeMap;

use crate::checker::model::{Condition, Effect, Outcome, Seen, Slot};
use crate::history::{Layout, Scope};
use crate::random::Random;
use crate::workload::connection::{Answer, Request};

/// How an answer is to be read.
#[derive(Clone, Debug)]
pub enum Kind {
    /// Entries of these objects, shown at once.
    Read(Vec<usize>),
    /// A change to one object.
    Write(usize),
}

/// A request and what it means.
#[derive(Clone, Debug)]
pub struct Plan {
    pub request: Request,
    pub kind: Kind,
    /// What is asked about: one path, or all that begin so.
    pub path: String,
    pub conditions: Vec<(Slot, Condition)>,
    pub effects: Vec<(Slot, Effect)>,
}

/// What an answer says.
#[derive(Debug, Default)]
pub struct Reading {
    /// `None` where nothing can be made of it: the outcome is unknown.
    pub outcome: Option<Outcome>,
    pub index: Option<u64>,
    /// Entries as they were before, by path.
    pub before: Vec<(String, Option<Seen>)>,
    pub failed: Option<Vec<usize>>,
    /// The index told of what was asked about.
    pub told: Option<(Scope, u64)>,
    pub fault: Option<String>,
}

impl Reading {
    pub fn of(outcome: Outcome) -> Self {
        Self {
            outcome: Some(outcome),
            ..Self::default()
        }
    }

    /// An answer that no such request may have.
    pub fn fault(plan: &Plan, answer: &Answer) -> Self {
        let Request { method, uri, .. } = &plan.request;
        let uri = &uri[..uri.len().min(200)];
        let text: String = answer.text().chars().take(300).collect();
        let fault = format!("{method} {uri} was answered {}: {text}", answer.status);
        Self {
            fault: Some(fault),
            ..Self::default()
        }
    }
}

/// What a client chooses from.
#[derive(Debug)]
pub struct Choice<'a> {
    pub random: &'a mut Random,
    pub layout: &'a Layout,
    /// What it last saw of each path.
    pub known: &'a BTreeMap<String, Seen>,
    /// Sessions that hold locks, by number.
    pub sessions: &'a [String],
}

impl Choice<'_> {
    /// An index that the entry has or had, if it was ever seen.
    pub fn index(&mut self, path: &str) -> u64 {
        self.known.get(path).map_or(1, |seen| seen.index)
    }
}
