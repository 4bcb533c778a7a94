//! Comparison of an answer of kubekv with Consul's, and the allowed differences.

use std::fmt::Write as _;

use serde_json::Value;

use super::super::case::{Request, short};
use super::super::run::{Pair, Verdict};
use super::super::side::{NO_ANSWER, Side};
use super::Consul;
use support::http_client::Answer;
use support::normalize::{replace_after, replace_ids};

/// The texts before an index in an answer.
const INDEX_MARKS: [&str; 4] = [
    "\"CreateIndex\":",
    "\"ModifyIndex\":",
    "\"CreateIndex\": ",
    "\"ModifyIndex\": ",
];

/// The texts before an index in a message: it may be an index that never existed, or one the client made up.
const MESSAGE_INDEX_MARKS: [&str; 3] = ["current modify index ", " != ", "cas="];

/// The texts before a count of locks.
const LOCK_MARKS: [&str; 2] = ["\"LockIndex\":", "\"LockIndex\": "];

/// Headers whose values are compared.
const COMPARED_HEADERS: [&str; 10] = [
    "content-type",
    "content-encoding",
    "vary",
    "allow",
    "location",
    "x-content-type-options",
    "content-security-policy",
    "x-consul-knownleader",
    "x-consul-lastcontact",
    "x-consul-effective-consistency",
];

/// The compared parts of an answer.
#[derive(Debug)]
struct Seen {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
    /// Indexes in the body, in order.
    indexes: Vec<u64>,
    /// Indexes in messages.
    message_indexes: Vec<u64>,
    /// `LockIndex`es in the body, in order.
    locks: Vec<u64>,
    /// The index in the header, where the answer has one.
    index: Option<u64>,
}

impl Seen {
    fn is(&self, other: &Self) -> bool {
        self.status == other.status && self.headers == other.headers && self.body == other.body
    }

    fn describe(&self, other: &Self) -> String {
        let mut text = self.status.to_string();
        for header in &self.headers {
            if !other.headers.contains(header) {
                write!(text, " {}: {:?}", header.0, header.1).unwrap();
            }
        }
        format!(
            "{text} {:?} index {:?} indexes {:?} {:?} locks {:?}",
            short(&self.body),
            self.index,
            self.indexes,
            self.message_indexes,
            self.locks
        )
    }
}

/// Compares two answers.
pub fn compare(
    case: &mut Consul,
    pair: &mut Pair,
    request: &Request,
    own: &Answer,
    real: &Answer,
) -> Verdict {
    learn(&mut pair.own, request, own);
    learn(&mut pair.real, request, real);
    let ours = seen(&mut pair.own, request, own);
    let theirs = seen(&mut pair.real, request, real);
    let different = Verdict::Different(ours.describe(&theirs), theirs.describe(&ours));
    if !ours.is(&theirs) {
        return rule(request, own, real).unwrap_or(different);
    }
    if ours.index.is_some() != theirs.index.is_some() || ours.index == Some(0) {
        return different;
    }
    if !same_indexes(case, request, &ours, &theirs) {
        return different;
    }
    if ours.locks != theirs.locks {
        // Consul 1.8 sets the count to 0 when a locked entry is written without acquire or release.
        let more = ours
            .locks
            .iter()
            .zip(&theirs.locks)
            .all(|(own, real)| own >= real);
        let written_plainly = case.asked.iter().any(writes_plainly);
        if more && written_plainly && ours.locks.len() == theirs.locks.len() {
            return Verdict::Allowed("LockIndex stays");
        }
        return different;
    }
    Verdict::Same
}

/// Whether all indexes agree with the known pairs of the case.
fn same_indexes(case: &mut Consul, request: &Request, ours: &Seen, theirs: &Seen) -> bool {
    let mut pairs = ours.indexes.iter().zip(&theirs.indexes);
    let mut fits = ours.indexes.len() == theirs.indexes.len()
        && pairs.all(|(own, real)| case.indexes.pair(*own, *real));
    let mut message_indexes = ours.message_indexes.iter().zip(&theirs.message_indexes);
    fits &= message_indexes.all(|(own, real)| case.indexes.fits(*own, *real));
    // For a missing key, Consul answers the index of its latest write of any kind, and for sessions that of all sessions.
    if let (Some(own), Some(real)) = (ours.index, theirs.index)
        && ours.status == 200
        && request.path.starts_with("/v1/kv/")
    {
        fits &= case.indexes.pair(own, real);
    }
    fits
}

/// Whether a request may have written a locked entry without acquiring or releasing its lock.
fn writes_plainly(request: &Request) -> bool {
    let about_lock = |pair: &String| pair.starts_with("acquire") || pair.starts_with("release");
    request.path == "/v1/txn"
        || (request.method == "PUT"
            && request.path.starts_with("/v1/kv")
            && !request.query.iter().any(about_lock))
}

fn seen(side: &mut Side, request: &Request, answer: &Answer) -> Seen {
    let mut body = answer.unpacked();
    let lists_sessions = request.path.starts_with("/v1/session/list")
        || request.path.starts_with("/v1/session/node");
    if lists_sessions && let Ok(Value::Array(mut sessions)) = serde_json::from_str(&body) {
        // Sessions are listed in the order of their ids, which are random.
        sessions.sort_by_key(|session| session["CreateIndex"].as_u64());
        body = serde_json::to_string(&sessions).unwrap();
    }
    let (mut indexes, mut message_indexes, mut locks) = (Vec::new(), Vec::new(), Vec::new());
    for mark in INDEX_MARKS {
        body = replace_after(&body, mark, |text| {
            indexes.push(text.parse().unwrap_or(u64::MAX));
            "@".to_owned()
        });
    }
    for mark in MESSAGE_INDEX_MARKS {
        body = replace_after(&body, mark, |text| {
            message_indexes.push(text.parse().unwrap_or(u64::MAX));
            "@".to_owned()
        });
    }
    for mark in LOCK_MARKS {
        body = replace_after(&body, mark, |text| {
            locks.push(text.parse().unwrap_or(u64::MAX));
            "@".to_owned()
        });
    }
    body = replace_ids(&body, &mut side.ids);
    body = body.replace(&side.address.to_string(), "ADDRESS");
    let headers = COMPARED_HEADERS.map(|name| (name, answer.header(name).to_owned()));
    Seen {
        status: answer.status,
        headers: headers.into_iter().collect(),
        body,
        indexes,
        message_indexes,
        locks,
        index: answer.header("x-consul-index").parse().ok(),
    }
}

/// The rule by which two answers may differ, if there is one.
fn rule(request: &Request, own: &Answer, real: &Answer) -> Option<Verdict> {
    let kept = ["/v1/kv", "/v1/txn", "/v1/session"];
    if own.status == 501 && !kept.iter().any(|path| request.path.starts_with(path)) {
        return Some(Verdict::Allowed("refused by name"));
    }
    if real.status == 0 && own.status == 400 {
        return Some(Verdict::Allowed("Consul breaks off"));
    }
    let polls = request.query.iter().any(|part| part.contains("index="));
    if polls && real.status == 404 && own.body == NO_ANSWER {
        return Some(Verdict::Allowed("poll on a missing key"));
    }
    None
}

/// Remembers the indexes of keys and the ids of sessions in an answer.
fn learn(side: &mut Side, request: &Request, answer: &Answer) {
    let Ok(body) = serde_json::from_slice::<Value>(&answer.body) else {
        return;
    };
    if request.path == "/v1/session/create" {
        let content = request.content();
        let name = content.split("\"Name\":\"").nth(1);
        let name = name.and_then(|rest| rest.split('"').next());
        if let (Some(name), Some(id)) = (name, body["ID"].as_str()) {
            side.sessions.insert(name.to_owned(), id.to_owned());
        }
    }
    walk(side, &body);
}

fn walk(side: &mut Side, value: &Value) {
    match value {
        Value::Array(all) => all.iter().for_each(|one| walk(side, one)),
        Value::Object(fields) => {
            fields.values().for_each(|inner| walk(side, inner));
            let index = fields.get("ModifyIndex").and_then(Value::as_u64);
            if let (Some(key), Some(index)) = (fields.get("Key").and_then(Value::as_str), index) {
                let key = key.replace(&side.prefix, "$");
                side.indexes.insert(key, index);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
