//! Consul operations: the requests clients send, and the parsing of their answers.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::Method;
use serde_json::{Value as Json, json};

use crate::checker::model::{
    Effect, FailedPreconditions, LockEffect, LockHolder, ObservedEntry, Outcome, Precondition,
    Value,
};
use crate::gateway::handle::Face;
use crate::history::IndexScope;
use crate::workload::connection::{Answer, Request};
use crate::workload::invocation::{Access, Completion, GeneratorInputs, Invocation};

pub const INDEX: &str = "x-consul-index";

fn request(method: Method, path: &str, query: &str, body: String) -> Request {
    Request::new(Face::Consul, method, format!("/v1/kv/{path}?{query}"), body)
}

/// A read of a path, or of all paths with that prefix. `query` may make it a blocking query.
pub fn read(path: &str, objects: Vec<usize>, query: &str) -> Invocation {
    Invocation {
        request: request(Method::GET, path, query, String::new()),
        access: Access::Read(objects),
        path: path.to_owned(),
        preconditions: Vec::new(),
        effects: Vec::new(),
    }
}

/// A random write of one path.
pub fn write(inputs: &mut GeneratorInputs<'_>, path: &str, value: Value, lock: bool) -> Invocation {
    let (object, slot) = inputs.layout.locate(path).unwrap();
    let index = inputs.last_index(path);
    let session = inputs.random.below(inputs.sessions.len());
    let (number, id) = (u32::try_from(session).unwrap(), &inputs.sessions[session]);
    let take = Effect::Set(value, LockEffect::Take(number));
    let put = Effect::Set(value, LockEffect::Keep);
    let kind = inputs.random.below(if lock { 20 } else { 10 });
    let (method, query, precondition, effect) = match kind {
        0..=2 => (Method::PUT, String::new(), Precondition::Always, put),
        3 => (Method::PUT, "cas=0".to_owned(), Precondition::Absent, put),
        8 => (
            Method::DELETE,
            String::new(),
            Precondition::Always,
            Effect::Delete,
        ),
        9 => {
            let precondition = Precondition::AbsentOrIndex(index);
            (
                Method::DELETE,
                format!("cas={index}"),
                precondition,
                Effect::Delete,
            )
        }
        10..=14 => (
            Method::PUT,
            format!("acquire={id}"),
            Precondition::Free(number),
            take,
        ),
        15..=19 => {
            let release = Effect::Set(value, LockEffect::Release);
            (
                Method::PUT,
                format!("release={id}"),
                Precondition::HeldBy(number),
                release,
            )
        }
        _ => (
            Method::PUT,
            format!("cas={index}"),
            Precondition::Index(index),
            put,
        ),
    };
    let body = if method == Method::PUT {
        value.text()
    } else {
        String::new()
    };
    Invocation {
        request: request(method, path, &query, body),
        access: Access::Write(object),
        path: path.to_owned(),
        preconditions: vec![(slot, precondition)],
        effects: vec![(slot, effect)],
    }
}

/// A deletion of all entries of an object; no other object has entries with their prefix.
pub fn delete_tree(object: usize, slots: usize, prefix: &str) -> Invocation {
    Invocation {
        request: request(Method::DELETE, prefix, "recurse", String::new()),
        access: Access::Write(object),
        path: prefix.to_owned(),
        preconditions: Vec::new(),
        effects: (0..slots).map(|slot| (slot, Effect::Delete)).collect(),
    }
}

/// A random transaction on entries of one object, each used once.
pub fn transaction(
    inputs: &mut GeneratorInputs<'_>,
    object: usize,
    mut value: impl FnMut() -> Value,
) -> Invocation {
    let paths = &inputs.layout.objects[object];
    let mut slots: Vec<usize> = (0..paths.len()).collect();
    while inputs.random.percent(25) && slots.len() > 1 {
        slots.remove(inputs.random.below(slots.len()));
    }
    let mut invocation = delete_tree(object, 0, &paths[0]);
    let mut verbs = Vec::new();
    for slot in slots {
        let path = &paths[slot];
        let index = inputs.last_index(path);
        let kind = inputs.random.below(12);
        let (verb, precondition, effect) = transaction_verb(kind, path, index, value());
        verbs.push(verb);
        invocation.preconditions.push((slot, precondition));
        invocation
            .effects
            .extend(effect.map(|effect| (slot, effect)));
    }
    let body = Json::Array(verbs).to_string();
    invocation.request = Request::new(Face::Consul, Method::PUT, "/v1/txn".to_owned(), body);
    invocation
}

/// One verb of a transaction, with its precondition and its effect; `kind` is below 12.
fn transaction_verb(
    kind: usize,
    path: &str,
    index: u64,
    value: Value,
) -> (Json, Precondition, Option<Effect>) {
    let verb = |name: &str, rest: Json| {
        let mut verb = json!({"Verb": name, "Key": path});
        verb.as_object_mut()
            .unwrap()
            .extend(rest.as_object().unwrap().clone());
        json!({ "KV": verb })
    };
    let encoded = BASE64.encode(value.text());
    let set = Some(Effect::Set(value, LockEffect::Keep));
    match kind {
        0..=4 => {
            let verb = verb("set", json!({"Value": encoded}));
            (verb, Precondition::Always, set)
        }
        5 | 6 => {
            let verb = verb("cas", json!({"Value": encoded, "Index": index}));
            (verb, Precondition::Index(index), set)
        }
        7 => {
            let verb = verb("cas", json!({"Value": encoded, "Index": 0}));
            (verb, Precondition::Absent, set)
        }
        8 => {
            let verb = verb("delete", json!({}));
            (verb, Precondition::Always, Some(Effect::Delete))
        }
        9 => {
            let verb = verb("delete-cas", json!({"Index": index}));
            let precondition = Precondition::AbsentOrIndex(index);
            (verb, precondition, Some(Effect::Delete))
        }
        10 => (verb("get", json!({})), Precondition::Present, None),
        _ => {
            let verb = verb("check-not-exists", json!({}));
            (verb, Precondition::Absent, None)
        }
    }
}

/// Parses an answer.
pub fn parse_answer(invocation: &Invocation, answer: &Answer, sessions: &[String]) -> Completion {
    let is_txn = invocation.request.uri == "/v1/txn";
    match (&invocation.access, answer.status) {
        // The gateway has no leader or is shutting down: the outcome is unknown.
        (_, 500..=599) => Completion::default(),
        (Access::Read(_), 200 | 404) => parse_read(invocation, answer, sessions),
        (Access::Write(_), 200 | 409) if is_txn => parse_transaction(invocation, answer, sessions),
        (Access::Write(_), 200) => match answer.text().trim() {
            "true" => Completion::of(Outcome::Done),
            "false" => Completion::of(Outcome::Refused),
            _ => Completion::violation(invocation, answer),
        },
        _ => Completion::violation(invocation, answer),
    }
}

fn parse_read(invocation: &Invocation, answer: &Answer, sessions: &[String]) -> Completion {
    let mut completion = Completion::of(Outcome::Done);
    if answer.status == 200 {
        let Ok(Json::Array(entries)) = serde_json::from_slice(&answer.body) else {
            return Completion::violation(invocation, answer);
        };
        // A directory made over etcd is a key with a slash at the end; a parent that ZooKeeper keeps has no data.
        let is_value = |entry: &&Json| {
            let is_directory = entry["Key"].as_str().is_some_and(|key| key.ends_with('/'));
            !is_directory && !entry["Value"].is_null()
        };
        for entry in entries.iter().filter(is_value) {
            let Some((path, observed)) = observed_entry(entry, sessions) else {
                return Completion::violation(invocation, answer);
            };
            completion.observed.push((path, Some(observed)));
        }
    }
    let Some(index) = answer.number(INDEX) else {
        return Completion::violation(invocation, answer);
    };
    let path = invocation.path.clone();
    let is_tree = invocation.request.uri.contains("recurse");
    let scope = if is_tree {
        IndexScope::Prefix(path)
    } else {
        IndexScope::Key(path)
    };
    if let (false, [(_, Some(entry))]) = (is_tree, &completion.observed[..])
        && entry.index != index
    {
        completion.violation = Some(format!(
            "{:?}: not the ModifyIndex: {}",
            scope,
            answer.text()
        ));
    }
    completion.reported_index = Some((scope, index));
    completion
}

fn parse_transaction(invocation: &Invocation, answer: &Answer, sessions: &[String]) -> Completion {
    let Ok(json) = serde_json::from_slice::<Json>(&answer.body) else {
        return Completion::violation(invocation, answer);
    };
    if answer.status == 409 {
        let mut completion = Completion::of(Outcome::Refused);
        let errors = json["Errors"].as_array();
        let places = errors.into_iter().flatten();
        let places =
            places.map(|error| usize::try_from(error["OpIndex"].as_u64().unwrap()).unwrap());
        completion.failed = Some(FailedPreconditions::All(places.collect()));
        return completion;
    }
    let mut completion = Completion::of(Outcome::Done);
    let mut sets = invocation
        .effects
        .iter()
        .filter(|(_, effect)| matches!(effect, Effect::Set(..)))
        .count();
    for result in json["Results"].as_array().into_iter().flatten() {
        let entry = &result["KV"];
        if entry["Value"].is_string() {
            let Some((path, observed)) = observed_entry(entry, sessions) else {
                return Completion::violation(invocation, answer);
            };
            completion.observed.push((path, Some(observed)));
            continue;
        }
        let index = entry["ModifyIndex"].as_u64();
        sets -= 1;
        if completion.index.is_some() && completion.index != index {
            completion.violation = Some(format!("one transaction, two indexes: {json}"));
        }
        completion.index = index;
    }
    if sets != 0 {
        return Completion::violation(invocation, answer);
    }
    completion
}

/// Parses an entry of Consul's JSON.
pub fn observed_entry(entry: &Json, sessions: &[String]) -> Option<(String, ObservedEntry)> {
    let value = BASE64.decode(entry["Value"].as_str()?).ok()?;
    let holder = match entry["Session"].as_str() {
        None => LockHolder::Unlocked,
        Some(id) => {
            let number = sessions.iter().position(|known| known == id)?;
            LockHolder::Session(u32::try_from(number).unwrap())
        }
    };
    let observed = ObservedEntry {
        value: Value::parse(std::str::from_utf8(&value).ok()?)?,
        index: entry["ModifyIndex"].as_u64()?,
        holder,
        version: None,
    };
    Some((entry["Key"].as_str()?.to_owned(), observed))
}
