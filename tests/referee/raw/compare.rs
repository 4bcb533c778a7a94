//! Comparison of the transcripts of two connections, and the allowed differences.

use super::Transcript;
use super::grammar::{Case, Face, Fault};
use super::transcript::RawAnswer;

/// The result of comparing two connections.
#[derive(Debug)]
pub enum Verdict {
    Same,
    /// They differ as this rule allows; the rest of the connection is not compared.
    Allowed(&'static str),
    /// They differ: kubekv's, and the real server's.
    Different(String, String),
}

/// The rule that both servers refuse a request, in other words.
pub const WORDS_OF_A_REFUSAL: &str = "words of a refusal";

/// Headers that only one server may send: date, permission for web pages, length of the body, variants by compression.
/// Whether the connection closes shows in the answers on it.
const OPTIONAL_HEADERS: [&str; 6] = [
    "Date",
    "Content-Length",
    "Transfer-Encoding",
    "Connection",
    "Vary",
    "Access-Control-Allow-",
];

/// Messages about a malformed body.
const BROKEN_BODY_MESSAGES: [&str; 5] = [
    "unexpected EOF",
    "invalid byte in chunk length",
    "malformed chunked encoding",
    "http chunk length too large",
    "header line too long",
];

/// Compares the answers on two connections.
pub fn answers(face: Face, case: &Case, ours: &Transcript, theirs: &Transcript) -> Verdict {
    for (at, (own, real)) in ours.answers.iter().zip(&theirs.answers).enumerate() {
        if !is_same(own, real) {
            let different = || Verdict::Different(describe(ours, at), describe(theirs, at));
            return answer_rule(face, case, own, real).unwrap_or_else(different);
        }
    }
    if ours.hung == theirs.hung && ours.answers.len() == theirs.answers.len() {
        return Verdict::Same;
    }
    let at = ours.answers.len().min(theirs.answers.len());
    count_rule(face, case, ours, theirs)
        .unwrap_or_else(|| Verdict::Different(describe(ours, at), describe(theirs, at)))
}

fn is_same(own: &RawAnswer, real: &RawAnswer) -> bool {
    own.line == real.line
        && own.body == real.body
        && own.location == real.location
        && names(own).eq(names(real))
}

fn names(answer: &RawAnswer) -> impl Iterator<Item = &String> {
    let counts = |name: &&String| !OPTIONAL_HEADERS.iter().any(|any| name.starts_with(any));
    answer.names.iter().filter(counts)
}

/// The rule that allows two answers to differ, if there is one.
fn answer_rule(face: Face, case: &Case, own: &RawAnswer, real: &RawAnswer) -> Option<Verdict> {
    let allowed = |rule| Some(Verdict::Allowed(rule));
    match (own.status, real.status) {
        // Go redirects no CONNECT.
        (400, _) if own.body.contains("never acted on") => allowed("write with dots"),
        (_, 301) if case.has(Fault::Slashes) => allowed("redirect"),
        (400, _) if case.has(Fault::NamelessHeader) => allowed("header without a name"),
        (400, _) if face == Face::Etcd && case.has(Fault::NotUtf8) => allowed("keys not UTF-8"),
        // The server closes while its client still sends, and the end of its answer is lost.
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
        // Of two faults in a request, each server reports another one.
        (400, 400 | 417 | 501 | 505) if own.body.starts_with("400 Bad Request") => {
            allowed(WORDS_OF_A_REFUSAL)
        }
        _ => None,
    }
}

/// The rule that allows one connection to have more answers than the other, if there is one.
fn count_rule(face: Face, case: &Case, ours: &Transcript, theirs: &Transcript) -> Option<Verdict> {
    let allowed = |rule| Some(Verdict::Allowed(rule));
    if ours.hung {
        return None;
    }
    let more = ours.answers.get(theirs.answers.len());
    match more {
        _ if case.has(Fault::HeadBody) => allowed("HEAD with a body"),
        // etcd decides by the first line whether a connection is HTTP.
        Some(_) if face == Face::Etcd && theirs.answers.is_empty() => {
            if case.has(Fault::LongTarget) {
                allowed("long request line")
            } else {
                allowed("no HTTP to etcd")
            }
        }
        // etcd neither requests (100 Continue) nor reads a body that is no form, and closes the connection if it is long.
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

fn is_broken(answer: &RawAnswer) -> bool {
    BROKEN_BODY_MESSAGES
        .iter()
        .any(|words| answer.body.contains(words))
}

fn describe(transcript: &Transcript, at: usize) -> String {
    let count = transcript.answers.len();
    let hung = if transcript.hung { ", hung" } else { "" };
    let answer = transcript.answers.get(at);
    let answer = answer.map(|answer| {
        let names: Vec<_> = names(answer).cloned().collect();
        let body = crate::differential::short(&answer.body);
        format!("{} {:?} {} {body:?}", answer.line, names, answer.location)
    });
    format!("answer {at} of {count}{hung}: {answer:?}")
}
