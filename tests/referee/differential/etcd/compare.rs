//! Comparison of an answer of kubekv with etcd's, and the allowed differences.

use std::fmt::Write as _;

use serde_json::Value;

use super::super::bijection::Bijection;
use super::super::case::{Request, short};
use super::super::run::{Pair, Verdict};
use super::super::side::Side;
use support::http_client::Answer;
use support::normalize::replace_after;

/// Seconds by which two expiry times may differ: the servers get each request one after the other.
const EXPIRY_TOLERANCE: i64 = 2;

/// The length of a target with which the request line reaches 4 KiB, which etcd does not recognize as HTTP on a new
/// connection.
const LONG_TARGET: usize = 4_000;

/// Headers whose values are compared.
///
/// Not `Access-Control-Allow-Origin`: etcd allows every web page, kubekv none.
const COMPARED_HEADERS: [&str; 6] = [
    "content-type",
    "allow",
    "x-content-type-options",
    "x-etcd-index",
    "location",
    "www-authenticate",
];

/// The texts before an index in an answer.
const INDEX_MARKS: [&str; 2] = ["\"modifiedIndex\":", "\"createdIndex\":"];

/// The texts before an index in a message or error: it may be an index of no node.
const MESSAGE_INDEX_MARKS: [&str; 5] = ["\"index\":", " != ", "\"cause\":\"[", "] [", "cleared ["];

/// The length of an in-order name, which is an index.
const IN_ORDER_LENGTH: usize = 20;

/// Headers that both servers must send; their values differ.
const REQUIRED_HEADERS: [&str; 3] = ["x-etcd-cluster-id", "x-raft-index", "x-raft-term"];

/// The compared parts of an answer.
#[derive(Debug)]
struct Seen {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
    /// The values of `ttl` and `expiration`, in order, in seconds.
    times: Vec<i64>,
    /// Indexes in the body, in order, where they are compared separately.
    indexes: Vec<u64>,
    /// Indexes in messages.
    message_indexes: Vec<u64>,
}

/// Compares two answers.
pub fn compare(
    indexes: &mut Option<Bijection>,
    pair: &Pair,
    request: &Request,
    own: &Answer,
    real: &Answer,
) -> Verdict {
    let (mut ours, mut theirs) = (seen(&pair.own, own), seen(&pair.real, real));
    let mut fit = true;
    if let Some(indexes) = indexes {
        for seen in [&mut ours, &mut theirs] {
            if !sorts(request) {
                seen.sort();
            }
            seen.set_indexes_apart();
        }
        fit = ours.fits(&theirs, indexes);
    }
    if ours.is(&theirs) && fit {
        return Verdict::Same;
    }
    let forgotten = own.status == 400 && own.body.starts_with(b"{\"errorCode\":401,");
    if pair.own.gaps && forgotten && real.status == 200 {
        return Verdict::Parted("history begins later");
    }
    let rule = rule(request, own, real, &ours, &theirs);
    if let Some(rule) = rule.filter(|_| fit || ours.body != theirs.body) {
        return rule;
    }
    Verdict::Different(ours.describe(&theirs), theirs.describe(&ours))
}

impl Seen {
    /// Status and body, and the headers that differ from another answer's.
    fn describe(&self, other: &Self) -> String {
        let mut text = self.status.to_string();
        for header in &self.headers {
            if !other.headers.contains(header) {
                write!(text, " {}: {:?}", header.0, header.1).unwrap();
            }
        }
        write!(text, " {:?}", short(&self.body)).unwrap();
        if !self.times_match(other) {
            write!(text, " times {:?}", self.times).unwrap();
        }
        if !self.indexes.is_empty() || !self.message_indexes.is_empty() {
            write!(
                text,
                " indexes {:?} {:?}",
                self.indexes, self.message_indexes
            )
            .unwrap();
        }
        text
    }

    fn is(&self, other: &Self) -> bool {
        self.status == other.status
            && self.headers == other.headers
            && self.body == other.body
            && self.times_match(other)
    }

    /// Sorts the nodes of directories.
    fn sort(&mut self) {
        let line = |line: &str| {
            let Ok(mut list) = serde_json::from_str::<Value>(line) else {
                return line.to_owned();
            };
            sort(&mut list);
            list.to_string()
        };
        let lines: Vec<_> = self.body.split('\n').map(line).collect();
        self.body = lines.join("\n");
    }

    /// Moves the indexes out of the body. The store's index in the header is ignored: it advances without clients.
    fn set_indexes_apart(&mut self) {
        let Self {
            headers,
            body,
            indexes,
            message_indexes,
            ..
        } = self;
        headers.retain(|(name, _)| *name != "x-etcd-index");
        for (marks, found) in [
            (&INDEX_MARKS[..], indexes),
            (&MESSAGE_INDEX_MARKS[..], message_indexes),
        ] {
            for mark in marks {
                *body = replace_after(body, mark, |text| {
                    found.push(text.parse().unwrap_or(u64::MAX));
                    "0".to_owned()
                });
            }
        }
        let zeros = "0".repeat(IN_ORDER_LENGTH);
        *body = replace_after(body, "/", |text| {
            let in_order = text.len() == IN_ORDER_LENGTH && text.starts_with("00");
            if in_order {
                zeros.clone()
            } else {
                text.to_owned()
            }
        });
    }

    /// Whether all indexes agree with the known pairs of the case, which learns the new ones.
    fn fits(&self, other: &Self, known: &mut Bijection) -> bool {
        let mut indexes = self.indexes.iter().zip(&other.indexes);
        let mut message_indexes = self.message_indexes.iter().zip(&other.message_indexes);
        self.indexes.len() == other.indexes.len()
            && self.message_indexes.len() == other.message_indexes.len()
            && indexes.all(|(own, real)| known.pair(*own, *real))
            && message_indexes.all(|(own, real)| known.fits(*own, *real))
    }

    fn times_match(&self, other: &Self) -> bool {
        let mut pairs = self.times.iter().zip(&other.times);
        self.times.len() == other.times.len()
            && pairs.all(|(one, two)| one.abs_diff(*two) <= EXPIRY_TOLERANCE.unsigned_abs())
    }
}

fn seen(side: &Side, answer: &Answer) -> Seen {
    let required =
        REQUIRED_HEADERS.map(|name| (name, (!answer.header(name).is_empty()).to_string()));
    let common = COMPARED_HEADERS.map(|name| (name, answer.header(name).to_owned()));
    let plain = answer
        .unpacked()
        .replace(&side.address.to_string(), "ADDRESS");
    let mut times = Vec::new();
    let body = take(&plain, "\"expiration\":\"", '"', |text| {
        let time: jiff::Timestamp = text.parse().ok()?;
        times.push(time.as_second());
        text.ends_with('Z').then(|| "TIME".to_owned())
    });
    let body = take(&body, "\"ttl\":", ',', |text| {
        times.push(text.parse().ok()?);
        Some("0".to_owned())
    });
    Seen {
        status: answer.status,
        headers: required.into_iter().chain(common).collect(),
        body,
        times,
        indexes: Vec::new(),
        message_indexes: Vec::new(),
    }
}

/// Replaces the text between each mark and the end that follows it, where `by` returns a replacement.
fn take(body: &str, mark: &str, end: char, mut by: impl FnMut(&str) -> Option<String>) -> String {
    let mut parts = body.split(mark);
    let mut out = parts.next().unwrap().to_owned();
    for part in parts {
        out += mark;
        let at = part.find(end).unwrap_or(part.len());
        match by(&part[..at]) {
            Some(text) => out += &text,
            None => out += &part[..at],
        }
        out += &part[at..];
    }
    out
}

/// The rule by which two answers may differ, if there is one.
fn rule(
    request: &Request,
    own: &Answer,
    real: &Answer,
    ours: &Seen,
    theirs: &Seen,
) -> Option<Verdict> {
    let same_head = ours.status == theirs.status && ours.headers == theirs.headers;
    if same_head && request.method == "GET" && !sorts(request) {
        // Without `sorted`, etcd lists the nodes of a directory in any order.
        let mut lists = [&ours.body, &theirs.body].map(|body| serde_json::from_str::<Value>(body));
        if let [Ok(own), Ok(real)] = &mut lists {
            sort(own);
            sort(real);
            if own == real {
                return Some(Verdict::Allowed("unsorted lists"));
            }
        }
    }
    let code = |answer: &Answer| {
        let error: Option<Value> = serde_json::from_slice(&answer.body).ok();
        error.and_then(|error| error["errorCode"].as_u64())
    };
    if matches!(own.status, 409 | 501) && !request.path.starts_with("/v2/keys") {
        return Some(Verdict::Allowed("refused by name"));
    }
    if request.method == "OPTIONS" && real.status == 200 && own.status == 405 {
        return Some(Verdict::Allowed("no CORS"));
    }
    if same_head
        && without_repetitions(&ours.body) == without_repetitions(&theirs.body)
        && without_repetitions(&ours.body) == ours.body
    {
        // In etcd, a stream on the deleted node gets the deletion twice.
        return Some(Verdict::Allowed("deletion streamed twice"));
    }
    if real.status == 0 && request.target().len() > LONG_TARGET {
        return Some(Verdict::Parted("long request line"));
    }
    let has = |name: &str| request.query.iter().any(|pair| pair.starts_with(name));
    if same_head && has("stream=") && has("waitIndex=") && !theirs.body.is_empty() {
        // etcd sends the one event it finds in its history, and then nothing more.
        if without_repetitions(&ours.body).starts_with(&without_repetitions(&theirs.body)) {
            return Some(Verdict::Parted("stream from the past goes on"));
        }
    }
    if has("waitIndex=") && reports_parent_deletion(theirs, ours) {
        return Some(Verdict::Parted("directory above deleted in the past"));
    }
    if code(real) == Some(401) && own.status == 200 {
        return Some(Verdict::Parted("longer history"));
    }
    None
}

fn sorts(request: &Request) -> bool {
    request.query.iter().any(|pair| {
        let value = pair.strip_prefix("sorted=");
        value.is_some_and(|value| ["1", "t", "T", "true", "TRUE", "True"].contains(&value))
    })
}

/// Whether etcd reported the deletion of a directory, and kubekv no event or a later one. When etcd searches its history,
/// though not when the deletion happens, it matches such a deletion with every key that could have been in the directory.
fn reports_parent_deletion(theirs: &Seen, ours: &Seen) -> bool {
    let event = |seen: &Seen| {
        let line = seen.body.lines().next()?;
        serde_json::from_str::<Value>(line).ok()
    };
    let index = |event: &Value| event["node"]["modifiedIndex"].as_u64();
    event(theirs).is_some_and(|real| {
        let goes = real["action"] == "delete" || real["action"] == "expire";
        let apart = index(&real) == Some(0);
        let later = event(ours).is_none_or(|own| apart || index(&own) > index(&real));
        goes && real["node"]["dir"] == true && later
    })
}

/// The lines without repetitions of the line before.
fn without_repetitions(body: &str) -> String {
    let mut lines: Vec<_> = body.split('\n').collect();
    lines.dedup();
    lines.join("\n")
}

/// Sorts the nodes of every directory.
fn sort(value: &mut Value) {
    if let Value::Array(nodes) = value {
        nodes.sort_by_key(|node| node["key"].as_str().map(str::to_owned));
        nodes.iter_mut().for_each(sort);
    } else if let Value::Object(fields) = value {
        fields.values_mut().for_each(sort);
    }
}

/// Remembers the index of every key in an answer.
pub fn learn(side: &mut Side, answer: &Answer) {
    if let Ok(body) = serde_json::from_slice::<Value>(&answer.body) {
        walk(side, &body);
    }
}

fn walk(side: &mut Side, value: &Value) {
    match value {
        Value::Array(all) => all.iter().for_each(|one| walk(side, one)),
        Value::Object(fields) => {
            // The node comes after its previous state, so that its index is the one kept.
            for name in ["prevNode", "node", "nodes"] {
                if let Some(inner) = fields.get(name) {
                    walk(side, inner);
                }
            }
            let index = fields.get("modifiedIndex").and_then(Value::as_u64);
            if let (Some(key), Some(index)) = (fields.get("key").and_then(Value::as_str), index) {
                let key = key.replace(&side.prefix, "$");
                let known = side.indexes.entry(key).or_default();
                // A stream reports past events; one server may report more of them than the other.
                *known = if side.gaps { index.max(*known) } else { index };
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
