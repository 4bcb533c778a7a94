//! etcd v2's part: what is asked, and how answers are read.

use http::Method;
use serde_json::Value as Json;

use crate::checker::model::{Condition, Effect, Holder, Lock, Outcome, Seen, Value};
use crate::history::Scope;
use crate::workload::connection::{Answer, Face, Request};
use crate::workload::invocation::{Choice, Kind, Plan, Reading};

pub const INDEX: &str = "x-etcd-index";

fn request(method: Method, path: &str, query: &str, body: String) -> Request {
    Request::new(Face::Etcd, method, format!("/v2/keys/{path}?{query}"), body)
}

/// Reads a path or the tree under it.
pub fn read(path: &str, objects: Vec<usize>, random: bool) -> Plan {
    let quorum = if random {
        "quorum=true"
    } else {
        "quorum=false"
    };
    Plan {
        request: request(
            Method::GET,
            path,
            &format!("recursive=true&{quorum}"),
            String::new(),
        ),
        kind: Kind::Read(objects),
        path: path.to_owned(),
        conditions: Vec::new(),
        effects: Vec::new(),
    }
}

/// Sets one path, whatever is there.
pub fn set(path: &str, object: usize, slot: usize, value: Value) -> Plan {
    Plan {
        request: request(Method::PUT, path, "", format!("value={}", value.text())),
        kind: Kind::Write(object),
        path: path.to_owned(),
        conditions: Vec::new(),
        effects: vec![(slot, Effect::Set(value, Lock::Keep))],
    }
}

/// A write of one path, by chance.
pub fn write(choice: &mut Choice<'_>, path: &str, value: Value) -> Plan {
    let (object, slot) = choice.layout.place(path).unwrap();
    let mut plan = set(path, object, slot, value);
    let seen = choice.known.get(path).copied();
    let index = choice.index(path);
    let (query, condition) = match (choice.random.below(10), seen) {
        (0..=2, _) | (6, None) => return plan,
        (3, _) => ("prevExist=false".to_owned(), Condition::Absent),
        (4, _) => ("prevExist=true".to_owned(), Condition::Present),
        (6, Some(seen)) => (
            format!("prevValue={}", seen.value.text()),
            Condition::Value(seen.value),
        ),
        (8, _) => {
            plan.request = request(Method::DELETE, path, "", String::new());
            plan.conditions = vec![(slot, Condition::Present)];
            plan.effects = vec![(slot, Effect::Delete)];
            return plan;
        }
        (9, _) => {
            let query = format!("prevIndex={index}");
            plan.request = request(Method::DELETE, path, &query, String::new());
            plan.conditions = vec![(slot, Condition::Index(index))];
            plan.effects = vec![(slot, Effect::Delete)];
            return plan;
        }
        _ => (format!("prevIndex={index}"), Condition::Index(index)),
    };
    plan.conditions = vec![(slot, condition)];
    plan.request = request(Method::PUT, path, &query, plan.request.body);
    plan
}

/// What an answer says.
pub fn understand(plan: &Plan, answer: &Answer) -> Reading {
    let Ok(json) = serde_json::from_slice::<Json>(&answer.body) else {
        return Reading::fault(plan, answer);
    };
    let told = answer.number(INDEX).or_else(|| json["index"].as_u64());
    let mut reading = match (&plan.kind, answer.status, json["errorCode"].as_u64()) {
        // Not now, or nobody knows: a gateway that ends.
        (_, 500..=599, _) => return Reading::default(),
        (Kind::Read(_), 200, _) => {
            let mut reading = Reading::of(Outcome::Yes);
            if !leaves(&json["node"], &mut reading.before) {
                return Reading::fault(plan, answer);
            }
            reading
        }
        (Kind::Read(_), 404, Some(100)) => Reading::of(Outcome::Yes),
        (Kind::Write(_), 200 | 201, _) => changed(plan, &json),
        (Kind::Write(_), 404, Some(100)) => {
            let mut reading = Reading::of(Outcome::No);
            reading.before.push((plan.path.clone(), None));
            reading
        }
        (Kind::Write(_), 412, Some(101 | 105)) => Reading::of(Outcome::No),
        _ => return Reading::fault(plan, answer),
    };
    let Some(told) = told else {
        return Reading::fault(plan, answer);
    };
    reading.told = Some((Scope::Whole, told));
    reading
}

fn changed(plan: &Plan, json: &Json) -> Reading {
    let mut reading = Reading::of(Outcome::Yes);
    reading.index = json["node"]["modifiedIndex"].as_u64();
    let before = &json["prevNode"];
    let before = if before.is_null() {
        None
    } else {
        Some(seen(before))
    };
    match before {
        Some(None) => reading.fault = Some(format!("a value nobody wrote: {json}")),
        Some(shown) => reading.before.push((plan.path.clone(), shown)),
        None => reading.before.push((plan.path.clone(), None)),
    }
    if reading.index.is_none() {
        reading.fault = Some(format!("a change without an index: {json}"));
    }
    reading
}

/// A value as etcd shows it.
pub fn seen(node: &Json) -> Option<Seen> {
    Some(Seen {
        value: Value::parse(node["value"].as_str()?)?,
        index: node["modifiedIndex"].as_u64()?,
        holder: Holder::Untold,
    })
}

/// Gathers the values in a tree; false where one is odd.
fn leaves(node: &Json, found: &mut Vec<(String, Option<Seen>)>) -> bool {
    if node["dir"].as_bool() == Some(true) {
        let nodes = node["nodes"].as_array();
        return nodes.is_none_or(|nodes| nodes.iter().all(|node| leaves(node, found)));
    }
    let key = node["key"].as_str().unwrap_or_default();
    let shown = seen(node);
    found.push((key.trim_start_matches('/').to_owned(), shown));
    shown.is_some()
}
