//! A client that follows a key or a list by blocking queries, as libkv does.

use super::super::case::Request;
use super::super::side::{Parked, Side};
use support::http_client::Answer;

/// Repeats the query with the index of the last answer until the answer changes.
pub fn begin(side: &Side, request: &Request, first: Answer) -> Parked {
    // It has connections of its own, and the case's indexes as they are now.
    let mut side = side.for_poll();
    let mut request = request.clone();
    request.client = 0;
    Parked::new(None, |progress| async move {
        let mut last = first;
        loop {
            let mut again = request.clone();
            let index = last.header("x-consul-index").to_owned();
            again.query.push(format!("index={index}"));
            again.query.push("wait=60s".to_owned());
            let answer = side.wait(&again).await;
            let mut progress = progress.lock();
            if answer.status == last.status && answer.body == last.body && answer.status != 0 {
                progress.unchanged += 1;
                last = answer;
                continue;
            }
            progress.answer = Some(answer);
            progress.ended = true;
            return;
        }
    })
}

/// Whether a request may wake a poll.
pub fn concerns(cause: &Request, poll: &Request) -> bool {
    let key = |request: &Request| {
        let key = request.path.strip_prefix("/v1/kv/");
        key.map(|key| key.replace("//", "/"))
    };
    match (cause.method, key(cause), key(poll)) {
        ("GET" | "HEAD", ..) => false,
        (_, Some(written), Some(read)) => written.starts_with(&read) || read.starts_with(&written),
        _ => true,
    }
}
