//! Consul's part: what is asked, and how answers are read.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::Method;
use serde_json::{Value as Json, json};

use crate::checker::model::{Condition, Effect, Holder, Lock, Outcome, Seen, Value};
use crate::history::Scope;
use crate::workload::connection::{Answer, Face, Request};
use crate::workload::invocation::{Choice, Kind, Plan, Reading};

pub const INDEX: &str = "x-consul-index";

fn request(method: Method, path: &str, query: &str, body: String) -> Request {
    Request::new(Face::Consul, method, format!("/v1/kv/{path}?{query}"), body)
}

/// Reads a path, or all that begin with it; `query` may make it a blocking query.
pub fn read(path: &str, objects: Vec<usize>, query: &str) -> Plan {
    Plan {
        request: request(Method::GET, path, query, String::new()),
        kind: Kind::Read(objects),
        path: path.to_owned(),
        conditions: Vec::new(),
        effects: Vec::new(),
    }
}

/// A write of one path, by chance.
pub fn write(choice: &mut Choice<'_>, path: &str, value: Value, lock: bool) -> Plan {
    let (object, slot) = choice.layout.place(path).unwrap();
    let index = choice.index(path);
    let session = choice.random.below(choice.sessions.len());
    let (number, id) = (u32::try_from(session).unwrap(), &choice.sessions[session]);
    let take = Effect::Set(value, Lock::Take(number));
    let put = Effect::Set(value, Lock::Keep);
    let kind = choice.random.below(if lock { 20 } else { 10 });
    let (method, query, condition, effect) = match kind {
        0..=2 => (Method::PUT, String::new(), Condition::Always, put),
        3 => (Method::PUT, "cas=0".to_owned(), Condition::Absent, put),
        8 => (
            Method::DELETE,
            String::new(),
            Condition::Always,
            Effect::Delete,
        ),
        9 => {
            let condition = Condition::AbsentOrIndex(index);
            (
                Method::DELETE,
                format!("cas={index}"),
                condition,
                Effect::Delete,
            )
        }
        10..=14 => (
            Method::PUT,
            format!("acquire={id}"),
            Condition::Free(number),
            take,
        ),
        15..=19 => {
            let release = Effect::Set(value, Lock::Release);
            (
                Method::PUT,
                format!("release={id}"),
                Condition::HeldBy(number),
                release,
            )
        }
        _ => (
            Method::PUT,
            format!("cas={index}"),
            Condition::Index(index),
            put,
        ),
    };
    let body = if method == Method::PUT {
        value.text()
    } else {
        String::new()
    };
    Plan {
        request: request(method, path, &query, body),
        kind: Kind::Write(object),
        path: path.to_owned(),
        conditions: vec![(slot, condition)],
        effects: vec![(slot, effect)],
    }
}

/// Deletes all entries of an object, which have a prefix to themselves.
pub fn delete_tree(object: usize, slots: usize, prefix: &str) -> Plan {
    Plan {
        request: request(Method::DELETE, prefix, "recurse", String::new()),
        kind: Kind::Write(object),
        path: prefix.to_owned(),
        conditions: Vec::new(),
        effects: (0..slots).map(|slot| (slot, Effect::Delete)).collect(),
    }
}

/// A transaction on entries of one object, each named once.
pub fn transaction(
    choice: &mut Choice<'_>,
    object: usize,
    mut value: impl FnMut() -> Value,
) -> Plan {
    let paths = &choice.layout.objects[object];
    let mut slots: Vec<usize> = (0..paths.len()).collect();
    while choice.random.percent(25) && slots.len() > 1 {
        slots.remove(choice.random.below(slots.len()));
    }
    let mut plan = delete_tree(object, 0, &paths[0]);
    let mut verbs = Vec::new();
    for slot in slots {
        let path = &paths[slot];
        let index = choice.index(path);
        let verb = |name: &str, rest: Json| {
            let mut verb = json!({"Verb": name, "Key": path});
            verb.as_object_mut()
                .unwrap()
                .extend(rest.as_object().unwrap().clone());
            json!({ "KV": verb })
        };
        let written = value();
        let encoded = BASE64.encode(written.text());
        let set = Effect::Set(written, Lock::Keep);
        let (told, condition, effect) = match choice.random.below(12) {
            0..=4 => (
                verb("set", json!({"Value": encoded})),
                Condition::Always,
                Some(set),
            ),
            5 | 6 => {
                let told = verb("cas", json!({"Value": encoded, "Index": index}));
                (told, Condition::Index(index), Some(set))
            }
            7 => {
                let told = verb("cas", json!({"Value": encoded, "Index": 0}));
                (told, Condition::Absent, Some(set))
            }
            8 => (
                verb("delete", json!({})),
                Condition::Always,
                Some(Effect::Delete),
            ),
            9 => {
                let condition = Condition::AbsentOrIndex(index);
                (
                    verb("delete-cas", json!({"Index": index})),
                    condition,
                    Some(Effect::Delete),
                )
            }
            10 => (verb("get", json!({})), Condition::Present, None),
            _ => (verb("check-not-exists", json!({})), Condition::Absent, None),
        };
        verbs.push(told);
        plan.conditions.push((slot, condition));
        plan.effects.extend(effect.map(|effect| (slot, effect)));
    }
    let body = Json::Array(verbs).to_string();
    plan.request = Request::new(Face::Consul, Method::PUT, "/v1/txn".to_owned(), body);
    plan
}

/// What an answer says.
pub fn understand(plan: &Plan, answer: &Answer, sessions: &[String]) -> Reading {
    let is_txn = plan.request.uri == "/v1/txn";
    match (&plan.kind, answer.status) {
        // Not now, or nobody knows: a gateway that ends.
        (_, 500..=599) => Reading::default(),
        (Kind::Read(_), 200 | 404) => shown(plan, answer, sessions),
        (Kind::Write(_), 200 | 409) if is_txn => transacted(plan, answer, sessions),
        (Kind::Write(_), 200) => match answer.text().trim() {
            "true" => Reading::of(Outcome::Yes),
            "false" => Reading::of(Outcome::No),
            _ => Reading::fault(plan, answer),
        },
        _ => Reading::fault(plan, answer),
    }
}

fn shown(plan: &Plan, answer: &Answer, sessions: &[String]) -> Reading {
    let mut reading = Reading::of(Outcome::Yes);
    if answer.status == 200 {
        let Ok(Json::Array(entries)) = serde_json::from_slice(&answer.body) else {
            return Reading::fault(plan, answer);
        };
        // What etcd made to be a directory has a slash at its end.
        let is_value = |entry: &&Json| !entry["Key"].as_str().is_some_and(|key| key.ends_with('/'));
        for entry in entries.iter().filter(is_value) {
            let Some((path, seen)) = seen(entry, sessions) else {
                return Reading::fault(plan, answer);
            };
            reading.before.push((path, Some(seen)));
        }
    }
    let Some(index) = answer.number(INDEX) else {
        return Reading::fault(plan, answer);
    };
    let path = plan.path.clone();
    let is_tree = plan.request.uri.contains("recurse");
    let scope = if is_tree {
        Scope::Prefix(path)
    } else {
        Scope::Key(path)
    };
    if let (false, [(_, Some(seen))]) = (is_tree, &reading.before[..])
        && seen.index != index
    {
        reading.fault = Some(format!(
            "{:?}: not the ModifyIndex: {}",
            scope,
            answer.text()
        ));
    }
    reading.told = Some((scope, index));
    reading
}

fn transacted(plan: &Plan, answer: &Answer, sessions: &[String]) -> Reading {
    let Ok(json) = serde_json::from_slice::<Json>(&answer.body) else {
        return Reading::fault(plan, answer);
    };
    if answer.status == 409 {
        let mut reading = Reading::of(Outcome::No);
        let errors = json["Errors"].as_array();
        let places = errors.into_iter().flatten();
        let places =
            places.map(|error| usize::try_from(error["OpIndex"].as_u64().unwrap()).unwrap());
        reading.failed = Some(places.collect());
        return reading;
    }
    let mut reading = Reading::of(Outcome::Yes);
    let mut sets = plan
        .effects
        .iter()
        .filter(|(_, effect)| matches!(effect, Effect::Set(..)))
        .count();
    for result in json["Results"].as_array().into_iter().flatten() {
        let entry = &result["KV"];
        if entry["Value"].is_string() {
            let Some((path, seen)) = seen(entry, sessions) else {
                return Reading::fault(plan, answer);
            };
            reading.before.push((path, Some(seen)));
            continue;
        }
        let index = entry["ModifyIndex"].as_u64();
        sets -= 1;
        if reading.index.is_some() && reading.index != index {
            reading.fault = Some(format!("one transaction, two indexes: {json}"));
        }
        reading.index = index;
    }
    if sets != 0 {
        return Reading::fault(plan, answer);
    }
    reading
}

/// An entry as Consul shows it.
pub fn seen(entry: &Json, sessions: &[String]) -> Option<(String, Seen)> {
    let value = BASE64.decode(entry["Value"].as_str()?).ok()?;
    let holder = match entry["Session"].as_str() {
        None => Holder::Nobody,
        Some(id) => {
            let number = sessions.iter().position(|known| known == id)?;
            Holder::Session(u32::try_from(number).unwrap())
        }
    };
    let seen = Seen {
        value: Value::parse(std::str::from_utf8(&value).ok()?)?,
        index: entry["ModifyIndex"].as_u64()?,
        holder,
    };
    Some((entry["Key"].as_str()?.to_owned(), seen))
}
