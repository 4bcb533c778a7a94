//! `/v2/stats`: what etcd counts.

use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::Body;
use http::{Method, Response, StatusCode};

use super::{Face, MEMBER_NAME, reply};
use crate::model::time;

/// What became of the requests for keys, counted since the gateway began to serve.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) gets: Outcomes,
    pub(super) sets: Outcomes,
    pub(super) deletes: Outcomes,
    pub(super) updates: Outcomes,
    pub(super) creates: Outcomes,
    pub(super) swaps: Outcomes,
    pub(super) compared_deletes: Outcomes,
    /// Polls that are parked now.
    pub(super) watchers: AtomicU64,
}

/// How often an operation went well and how often not.
#[derive(Debug, Default)]
pub(super) struct Outcomes {
    success: AtomicU64,
    fail: AtomicU64,
}

impl Outcomes {
    /// Counts one.
    pub(super) fn count(&self, went_well: bool) {
        let counter = if went_well { &self.success } else { &self.fail };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    fn success(&self) -> u64 {
        self.success.load(Ordering::Relaxed)
    }

    fn fail(&self) -> u64 {
        self.fail.load(Ordering::Relaxed)
    }
}

/// Answers `/v2/stats/store`.
pub(super) fn serve_store(face: &Face, method: &Method) -> Response<Body> {
    if let Some(refusal) = reply::unless_allowed(method, "GET") {
        return refusal;
    }
    let Counters {
        gets,
        sets,
        deletes,
        updates,
        creates,
        swaps,
        compared_deletes,
        watchers,
    } = &face.counters;
    let families = [
        ("gets", gets),
        ("sets", sets),
        ("delete", deletes),
        ("update", updates),
        ("create", creates),
        ("compareAndSwap", swaps),
        ("compareAndDelete", compared_deletes),
    ];
    let mut body = b"{".to_vec();
    for (name, outcomes) in families {
        let (success, fail) = (outcomes.success(), outcomes.fail());
        let pair = format!(r#""{name}Success":{success},"{name}Fail":{fail},"#);
        body.extend_from_slice(pair.as_bytes());
    }
    let expired = face.space.entries_expired();
    let watchers = watchers.load(Ordering::Relaxed);
    let rest = format!(r#""expireCount":{expired},"watchers":{watchers}}}"#);
    body.extend_from_slice(rest.as_bytes());
    reply::json(StatusCode::OK, body)
}

/// Answers `/v2/stats/self`.
pub(super) fn serve_self(face: &Face, method: &Method) -> Response<Body> {
    if let Some(refusal) = reply::unless_allowed(method, "GET") {
        return refusal;
    }
    let id = face.member_id();
    let started = jiff::Timestamp::from_millisecond(face.started_ms).unwrap_or_default();
    let uptime = uptime(time::unix_ms().saturating_sub(face.started_ms));
    let body = format!(
        r#"{{"name":"{MEMBER_NAME}","id":"{id}","state":"StateLeader","startTime":"{started}","leaderInfo":{{"leader":"{id}","uptime":"{uptime}","startTime":"{started}"}},"recvAppendRequestCnt":0,"sendAppendRequestCnt":0}}"#
    );
    reply::json(StatusCode::OK, body)
}

/// Answers `/v2/stats/leader`.
pub(super) fn serve_leader(face: &Face, method: &Method) -> Response<Body> {
    if let Some(refusal) = reply::unless_allowed(method, "GET") {
        return refusal;
    }
    let body = format!(r#"{{"leader":"{}","followers":{{}}}}"#, face.member_id());
    reply::json(StatusCode::OK, body)
}

/// A time as Go writes it: `1h2m3.004s`.
fn uptime(ms: i64) -> String {
    let ms = ms.max(0);
    let (hours, minutes, seconds, rest) = (
        ms / 3_600_000,
        ms / 60_000 % 60,
        ms / 1_000 % 60,
        ms % 1_000,
    );
    let fraction = format!(".{rest:03}");
    let fraction = fraction.trim_end_matches('0').trim_end_matches('.');
    match (hours, minutes) {
        (0, 0) => format!("{seconds}{fraction}s"),
        (0, _) => format!("{minutes}m{seconds}{fraction}s"),
        _ => format!("{hours}h{minutes}m{seconds}{fraction}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_as_go_does() {
        assert_eq!(uptime(3_723_004), "1h2m3.004s");
        assert_eq!(uptime(60_000), "1m0s");
        assert_eq!(uptime(2_500), "2.5s");
    }
}
