//! Query options, which every read takes: consistency mode, and index and wait of a blocking query.

use http::HeaderMap;

use super::reply::Reply;
use super::request::ApiRequest;
use crate::face::go::{Query, parse_duration, parse_uint, quote};

/// Options of a read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct QueryOptions {
    /// `index`: a blocking query answers once its index is above this; 0 answers at once.
    pub(super) index: u64,
    /// `wait`: the longest time to block, in nanoseconds; 0 or less means the default.
    pub(super) wait: i64,
    /// The consistency mode, in Consul's words.
    ///
    /// It changes no answer: the leader alone answers, from its memory, so that every read is consistent.
    pub(super) consistency: &'static str,
}

impl QueryOptions {
    /// Parses them in Consul's order, so that of several errors the client gets the same one.
    pub(super) fn parse(request: &ApiRequest<'_>) -> Result<Self, Reply> {
        let consistency = Self::parse_consistency(request)?;
        let (index, wait) = parse_wait(&request.query)?;
        Ok(Self {
            index,
            wait,
            consistency,
        })
    }

    /// Parses those of a read that never blocks, and ignores `index` and `wait`; returns the consistency mode.
    pub(super) fn parse_consistency(request: &ApiRequest<'_>) -> Result<&'static str, Reply> {
        let consistency = parse_consistency(&request.query)?;
        check_cache_control(&request.parts.headers)?;
        Ok(consistency)
    }
}

fn parse_consistency(query: &Query) -> Result<&'static str, Reply> {
    let mut stale = query.has("stale");
    let max_stale = query.get("max_stale");
    if !max_stale.is_empty() {
        let refused =
            || Reply::bad_request(format!("Invalid max_stale value {}", quote(max_stale)));
        stale |= duration(max_stale).ok_or_else(refused)? > 0;
    }
    let consistent = query.has("consistent");
    if stale && consistent {
        return Err(Reply::bad_request(
            "Cannot specify ?stale with ?consistent, conflicting semantics.",
        ));
    }
    if query.has("cached") && consistent {
        return Err(Reply::bad_request(
            "Cannot specify ?cached with ?consistent, conflicting semantics.",
        ));
    }
    Ok(match (consistent, stale) {
        (true, _) => "consistent",
        (false, true) => "stale",
        (false, false) => "leader",
    })
}

/// Checks the directives for Consul's agent cache, which kubekv does not have.
fn check_cache_control(headers: &HeaderMap) -> Result<(), Reply> {
    let Some(value) = headers.get(http::header::CACHE_CONTROL) else {
        return Ok(());
    };
    let text = String::from_utf8_lossy(value.as_bytes()).to_lowercase();
    let seconds = text.split(',').map(str::trim).filter_map(|directive| {
        directive
            .strip_prefix("max-age=")
            .or_else(|| directive.strip_prefix("stale-if-error="))
    });
    for number in seconds {
        if number.parse::<i64>().is_err() {
            return Err(Reply::bad_request("Invalid Cache-Control header."));
        }
    }
    Ok(())
}

fn parse_wait(query: &Query) -> Result<(u64, i64), Reply> {
    let wait = match query.get("wait") {
        b"" => 0,
        text => duration(text).ok_or_else(|| Reply::bad_request("Invalid wait time"))?,
    };
    let index = match query.get("index") {
        b"" => 0,
        text => parse_uint(text).map_err(|_| Reply::bad_request("Invalid index"))?,
    };
    Ok((index, wait))
}

fn duration(text: &[u8]) -> Option<i64> {
    parse_duration(std::str::from_utf8(text).ok()?).ok()
}
