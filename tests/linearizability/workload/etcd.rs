//! etcd v2 operations: the requests clients send, and the parsing of their answers.

use http::Method;
use serde_json::Value as Json;

use crate::checker::model::{
    Effect, LockEffect, LockHolder, ObservedEntry, Outcome, Precondition, Value,
};
use crate::gateway::handle::Face;
use crate::history::IndexScope;
use crate::workload::connection::{Answer, Request};
use crate::workload::invocation::{Access, Completion, GeneratorInputs, Invocation};

pub const INDEX: &str = "x-etcd-index";

fn request(method: Method, path: &str, query: &str, body: String) -> Request {
    Request::new(Face::Etcd, method, format!("/v2/keys/{path}?{query}"), body)
}

/// A read of a path or of the tree below it.
pub fn read(path: &str, objects: Vec<usize>, quorum: bool) -> Invocation {
    let quorum = if quorum {
        "quorum=true"
    } else {
        "quorum=false"
    };
    Invocation {
        request: request(
            Method::GET,
            path,
            &format!("recursive=true&{quorum}"),
            String::new(),
        ),
        access: Access::Read(objects),
        path: path.to_owned(),
        preconditions: Vec::new(),
        effects: Vec::new(),
    }
}

/// An unconditional write of one path.
pub fn set(path: &str, object: usize, slot: usize, value: Value) -> Invocation {
    Invocation {
        request: request(Method::PUT, path, "", format!("value={}", value.text())),
        access: Access::Write(object),
        path: path.to_owned(),
        preconditions: Vec::new(),
        effects: vec![(slot, Effect::Set(value, LockEffect::Keep))],
    }
}

/// A random write of one path.
pub fn write(inputs: &mut GeneratorInputs<'_>, path: &str, value: Value) -> Invocation {
    let (object, slot) = inputs.layout.locate(path).unwrap();
    let mut invocation = set(path, object, slot, value);
    let seen = inputs.last_seen.get(path).copied();
    let index = inputs.last_index(path);
    let (query, precondition) = match (inputs.random.below(10), seen) {
        (0..=2, _) | (6, None) => return invocation,
        (3, _) => ("prevExist=false".to_owned(), Precondition::Absent),
        (4, _) => ("prevExist=true".to_owned(), Precondition::Present),
        (6, Some(seen)) => (
            format!("prevValue={}", seen.value.text()),
            Precondition::Value(seen.value),
        ),
        (8, _) => {
            invocation.request = request(Method::DELETE, path, "", String::new());
            invocation.preconditions = vec![(slot, Precondition::Present)];
            invocation.effects = vec![(slot, Effect::Delete)];
            return invocation;
        }
        (9, _) => {
            let query = format!("prevIndex={index}");
            invocation.request = request(Method::DELETE, path, &query, String::new());
            invocation.preconditions = vec![(slot, Precondition::Index(index))];
            invocation.effects = vec![(slot, Effect::Delete)];
            return invocation;
        }
        _ => (format!("prevIndex={index}"), Precondition::Index(index)),
    };
    invocation.preconditions = vec![(slot, precondition)];
    invocation.request = request(Method::PUT, path, &query, invocation.request.body);
    invocation
}

/// Parses an answer.
pub fn parse_answer(invocation: &Invocation, answer: &Answer) -> Completion {
    let Ok(json) = serde_json::from_slice::<Json>(&answer.body) else {
        return Completion::violation(invocation, answer);
    };
    let reported = answer.number(INDEX).or_else(|| json["index"].as_u64());
    let mut completion = match (
        &invocation.access,
        answer.status,
        json["errorCode"].as_u64(),
    ) {
        // The gateway has no leader or is shutting down: the outcome is unknown.
        (_, 500..=599, _) => return Completion::default(),
        (Access::Read(_), 200, _) => {
            let mut completion = Completion::of(Outcome::Done);
            if !leaves(&json["node"], &mut completion.observed) {
                return Completion::violation(invocation, answer);
            }
            completion
        }
        (Access::Read(_), 404, Some(100)) => Completion::of(Outcome::Done),
        (Access::Write(_), 200 | 201, _) => parse_change(invocation, &json),
        (Access::Write(_), 404, Some(100)) => {
            let mut completion = Completion::of(Outcome::Refused);
            completion.observed.push((invocation.path.clone(), None));
            completion
        }
        (Access::Write(_), 412, Some(101 | 105)) => Completion::of(Outcome::Refused),
        _ => return Completion::violation(invocation, answer),
    };
    let Some(reported) = reported else {
        return Completion::violation(invocation, answer);
    };
    completion.reported_index = Some((IndexScope::Whole, reported));
    completion
}

fn parse_change(invocation: &Invocation, json: &Json) -> Completion {
    let mut completion = Completion::of(Outcome::Done);
    completion.index = json["node"]["modifiedIndex"].as_u64();
    let before = &json["prevNode"];
    let before = if before.is_null() {
        None
    } else {
        Some(observed_entry(before))
    };
    match before {
        Some(None) => completion.violation = Some(format!("a value no client wrote: {json}")),
        Some(entry) => completion.observed.push((invocation.path.clone(), entry)),
        None => completion.observed.push((invocation.path.clone(), None)),
    }
    if completion.index.is_none() {
        completion.violation = Some(format!("a change without an index: {json}"));
    }
    completion
}

/// Parses a node of etcd's JSON.
pub fn observed_entry(node: &Json) -> Option<ObservedEntry> {
    Some(ObservedEntry {
        value: Value::parse(node["value"].as_str()?)?,
        index: node["modifiedIndex"].as_u64()?,
        holder: LockHolder::NotReported,
        version: None,
    })
}

/// Collects the values of a tree. False if one cannot be parsed.
fn leaves(node: &Json, found: &mut Vec<(String, Option<ObservedEntry>)>) -> bool {
    if node["dir"].as_bool() == Some(true) {
        let nodes = node["nodes"].as_array();
        return nodes.is_none_or(|nodes| nodes.iter().all(|node| leaves(node, found)));
    }
    let key = node["key"].as_str().unwrap_or_default();
    let entry = observed_entry(node);
    found.push((key.trim_start_matches('/').to_owned(), entry));
    entry.is_some()
}
