//! `GET /v2/stats/store`: the counts of operations, of expired entries, and of watchers.

use std::sync::atomic::Ordering;

use http::StatusCode;

use super::counters::Counters;
use crate::face::etcd::reply::Reply;
use crate::face::etcd::request::ApiRequest;

/// Answers with the counters.
pub(in crate::face::etcd) fn serve(request: &ApiRequest<'_>) -> Result<Reply, Reply> {
    request.check_method("GET")?;
    let Counters {
        gets,
        sets,
        deletes,
        updates,
        creates,
        compare_and_swaps,
        compare_and_deletes,
        watchers,
    } = &request.face.counters;
    let counters = [
        ("gets", gets),
        ("sets", sets),
        ("delete", deletes),
        ("update", updates),
        ("create", creates),
        ("compareAndSwap", compare_and_swaps),
        ("compareAndDelete", compare_and_deletes),
    ];
    let mut body = b"{".to_vec();
    for (name, counter) in counters {
        let (success, fail) = (counter.success(), counter.fail());
        let pair = format!(r#""{name}Success":{success},"{name}Fail":{fail},"#);
        body.extend_from_slice(pair.as_bytes());
    }
    let expired = request.face.space.entries_expired();
    let watchers = watchers.load(Ordering::Relaxed);
    let rest = format!(r#""expireCount":{expired},"watchers":{watchers}}}"#);
    body.extend_from_slice(rest.as_bytes());
    Ok(Reply::json(StatusCode::OK, body))
}
