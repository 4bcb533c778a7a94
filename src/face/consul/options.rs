//! What any read may ask for: consistency, and to wait for a change.

use http::HeaderMap;

use super::ask::Ask;
use super::reply::Reply;
use crate::face::go::{Query, parse_duration, parse_uint, quote};

/// The options of a read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Options {
    /// Answer when the index is above this; 0 answers at once.
    pub(super) index: u64,
    /// How long to wait at most, in nanoseconds; 0 or less means the default.
    pub(super) wait: i64,
    /// How consistent the answer must be, in Consul's words.
    ///
    /// One gateway answers, from what it has in memory, and it is the one that writes: every answer is consistent.
    pub(super) consistency: &'static str,
}

impl Options {
    /// Reads them in the order Consul does, so that the same one of several errors is told.
    pub(super) fn parse(ask: &Ask<'_>) -> Result<Self, Reply> {
        let consistency = parse_consistency(&ask.query)?;
        check_cache_control(ask.headers)?;
        let (index, wait) = parse_wait(&ask.query)?;
        Ok(Self {
            index,
            wait,
            consistency,
        })
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

/// Nothing here is cached; what would direct a cache is only checked.
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
