//! Comparison of two connections, and the differences that are allowed.

use super::Transcript;
use super::grammar::{Case, Face, Fault};
use super::transcript::Heard;

/// What is thought of two connections.
#[derive(Debug)]
pub enum Verdict {
    Same,
    /// They differ as this rule allows; what follows is not compared.
    Allowed(&'static str),
    /// They differ: ours, and theirs.
    Different(String, String),
}

/// Headers that may be there or not: when it is, whether web pages are let in, how long the body is, whether it may be
/// compressed. Whether the connection closes shows in what is answered on it.
const ANY: [&str; 6] = [
    "Date",
    "Content-Length",
    "Transfer-Encoding",
    "Connection",
    "Vary",
    "Access-Control-Allow-",
];

/// What is said of a body that does not come as it should.
const BROKEN: [&str; 5] = [
    "unexpected EOF",
    "invalid byte in chunk length",
    "malformed chunked encoding",
    "http chunk length too large",
    "header line too long",
];

/// Judges what came on two connections.
pub fn answers(face: Face, case: &Case, ours: &Transcript, theirs: &Transcript) -> Verdict {
    for (at, (own, real)) in ours.answers.iter().zip(&theirs.answers).enumerate() {
        if !is_same(own, real) {
            let different = || Verdict::Different(told(ours, at), told(theirs, at));
            return one(face, case, own, real).unwrap_or_else(different);
        }
    }
    if ours.hung == theirs.hung && ours.answers.len() == theirs.answers.len() {
        return Verdict::Same;
    }
    let at = ours.answers.len().min(theirs.answers.len());
    count(face, case, ours, theirs)
        .unwrap_or_else(|| Verdict::Different(told(ours, at), told(theirs, at)))
}

fn is_same(own: &Heard, real: &Heard) -> bool {
    own.line == real.line
        && own.body == real.body
        && own.location == real.location
        && names(own).eq(names(real))
}

fn names(heard: &Heard) -> impl Iterator<Item = &String> {
    let counts = |name: &&String| !ANY.iter().any(|any| name.starts_with(any));
    heard.names.iter().filter(counts)
}

/// The rule by which one answer may be another.
fn one(face: Face, case: &Case, own: &Heard, real: &Heard) -> Option<Verdict> {
    let allowed = |rule| Some(Verdict::Allowed(rule));
    match (own.status, real.status) {
        // Go redirects no CONNECT.
        (400, _) if own.body.contains("never acted on") => allowed("write with dots"),
        (_, 301) if case.has(Fault::Slashes) => allowed("redirect"),
        (400, _) if case.has(Fault::NamelessHeader) => allowed("header without a name"),
        (400, _) if face == Face::Etcd && case.has(Fault::NotUtf8) => allowed("keys not UTF-8"),
        // It closes while its client still sends, and the end of its answer is lost.
        (_, 0) => allowed("cut by a reset"),
        _ if case.has(Fault::HeadBody) => allowed("HEAD with a body"),
        (405, 200) if face == Face::Etcd => allowed("no CORS"),
        (400 | 404 | 417, _) if case.has(Fault::OddTarget) => allowed("odd target"),
        (400 | 500, _) if own.status == real.status && is_broken(own) => {
            allowed("words of a broken body")
        }
        (400, _) if face == Face::Etcd && case.has(Fault::NoForm) && is_broken(own) => {
            allowed("body that is no form")
        }
        // Which of two mistakes is told.
        (400, 400 | 417 | 501 | 505) if own.body.starts_with("400 Bad Request") => {
            allowed("words of a refusal")
        }
        _ => None,
    }
}

/// The rule by which one connection may have more answers than the other.
fn count(face: Face, case: &Case, ours: &Transcript, theirs: &Transcript) -> Option<Verdict> {
    let allowed = |rule| Some(Verdict::Allowed(rule));
    if ours.hung {
        return None;
    }
    let more = ours.answers.get(theirs.answers.len());
    match more {
        _ if case.has(Fault::HeadBody) => allowed("HEAD with a body"),
        // It tells by the first line whether this is HTTP.
        Some(_) if face == Face::Etcd && theirs.answers.is_empty() => {
            if case.has(Fault::LongTarget) {
                allowed("long request line")
            } else {
                allowed("no HTTP to etcd")
            }
        }
        // etcd neither asks for nor reads a body that is no form, and closes where it is long.
        Some(_)
            if face == Face::Etcd
                && case.has(Fault::NoForm)
                && (case.expects() || case.is_long()) =>
        {
            allowed("body that is no form")
        }
        _ => None,
    }
}

fn is_broken(heard: &Heard) -> bool {
    BROKEN.iter().any(|words| heard.body.contains(words))
}

fn told(transcript: &Transcript, at: usize) -> String {
    let count = transcript.answers.len();
    let hung = if transcript.hung { ", hung" } else { "" };
    let answer = transcript.answers.get(at);
    let answer = answer.map(|heard| {
        let names: Vec<_> = names(heard).cloned().collect();
        let body = crate::differential::short(&heard.body);
        format!("{} {:?} {} {body:?}", heard.line, names, heard.location)
    });
    format!("answer {at} of {count}{hung}: {answer:?}")
}
