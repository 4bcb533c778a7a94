//! `GET /v2/stats/self`: the state of the member.

use http::StatusCode;

use crate::face::etcd::face::MEMBER_NAME;
use crate::face::etcd::reply::Reply;
use crate::face::etcd::request::ApiRequest;
use crate::model::time;

/// Answers that the only member leads since the face began to serve.
pub(in crate::face::etcd) fn serve(request: &ApiRequest<'_>) -> Result<Reply, Reply> {
    request.check_method("GET")?;
    let id = request.face.member_id();
    let started_ms = request.face.started_ms;
    let started = jiff::Timestamp::from_millisecond(started_ms).unwrap_or_default();
    let uptime = uptime(time::unix_ms().saturating_sub(started_ms));
    let body = format!(
        r#"{{"name":"{MEMBER_NAME}","id":"{id}","state":"StateLeader","startTime":"{started}","leaderInfo":{{"leader":"{id}","uptime":"{uptime}","startTime":"{started}"}},"recvAppendRequestCnt":0,"sendAppendRequestCnt":0}}"#
    );
    Ok(Reply::json(StatusCode::OK, body))
}

/// A duration as Go writes it: `1h2m3.004s`.
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
    fn durations_are_written_as_go_does() {
        assert_eq!(uptime(3_723_004), "1h2m3.004s");
        assert_eq!(uptime(60_000), "1m0s");
        assert_eq!(uptime(2_500), "2.5s");
    }
}
