//! etcd watcher: the task that requests events over etcd v2, one after the other, and resumes where it left off.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use http_body_util::BodyExt;
use serde_json::Value as Json;
use tokio::time::timeout;

use crate::gateway::handle::Face;
use crate::random::Random;
use crate::watch::etcd_watch::{DeliveredRange, EtcdWatch, WatchStyle};
use crate::workload::connection::{Answer, Connection, Request, number};
use crate::workload::context::RoundContext;

/// Watches after an index until the final value of the last watched path arrives, or a violation.
pub async fn run(
    context: Arc<RoundContext>,
    mut watch: EtcdWatch,
    mut random: Random,
    after: u64,
) -> EtcdWatch {
    let mut connection = Connection::new(context.gateway.clone(), Face::Etcd);
    watch.after = after;
    while !watch.is_complete && watch.violations.is_empty() {
        let next = match (watch.style, watch.delivered_to()) {
            (_, None) => after + 1,
            (WatchStyle::Stream, Some(last)) => last,
            (_, Some(last)) => last + 1,
        };
        let stream = watch.style == WatchStyle::Stream;
        let uri = format!(
            "/v2/keys/{}?wait=true&waitIndex={next}&recursive={}&stream={stream}",
            watch.path, watch.recursive
        );
        let request = Request::new(Face::Etcd, Method::GET, uri, String::new());
        if stream {
            read_stream(&mut connection, &request, &mut watch, next, &context).await;
            watch.resumed += 1;
            continue;
        }
        if watch.style == WatchStyle::Late {
            let pause = Duration::from_millis(random.between(0, 40));
            tokio::time::sleep(pause).await;
        }
        // A client whose poll times out sends the same request again.
        let poll_timeout = Duration::from_millis(random.between(500, 5000));
        match connection.send(&request, poll_timeout).await {
            None => watch.resumed += 1,
            Some(answer) if is_cleared(&answer) => {
                let answered_at = answer.number("x-etcd-index").unwrap_or(0);
                relist(&mut connection, &mut watch, next, answered_at, &context).await;
            }
            Some(answer) => receive_answer(&answer, &mut watch, &context),
        }
    }
    watch
}

fn receive_answer(answer: &Answer, watch: &mut EtcdWatch, context: &RoundContext) {
    let answered_at = answer.number("x-etcd-index").unwrap_or(0);
    match (answer.status, serde_json::from_slice::<Json>(&answer.body)) {
        (200, Ok(json)) => watch.receive(&json, answered_at, context),
        // The gateway is shutting down.
        (200, Err(_)) if answer.body.is_empty() => watch.resumed += 1,
        (500..=599, _) => watch.resumed += 1,
        (status, _) => watch.add_violation(&format!("answered {status}: {}", answer.text())),
    }
}

fn is_cleared(answer: &Answer) -> bool {
    let json: Json = serde_json::from_slice(&answer.body).unwrap_or_default();
    answer.status == 400 && json["errorCode"] == 401
}

/// Reads the current entries and resumes from there, after a gateway at an index answered that the requested index is
/// cleared.
async fn relist(
    connection: &mut Connection,
    watch: &mut EtcdWatch,
    requested: u64,
    answered_at: u64,
    context: &RoundContext,
) {
    watch.cleared += 1;
    let uri = format!("/v2/keys/{}?recursive=true&quorum=true", watch.path);
    let read = Request::new(Face::Etcd, Method::GET, uri, String::new());
    loop {
        let answer_timeout = Duration::from_secs(2);
        let Some(answer) = connection.send(&read, answer_timeout).await else {
            continue;
        };
        let index = answer.number("x-etcd-index");
        let json = serde_json::from_slice(&answer.body).unwrap_or_default();
        match (answer.status, index) {
            (200 | 404, Some(to)) => {
                let range = DeliveredRange {
                    answered_at,
                    to,
                    cleared: Some(requested),
                };
                return watch.receive_full_list(&json, range, context);
            }
            (500..=599, _) => {}
            (status, _) => {
                return watch.add_violation(&format!("list answered {status}: {}", answer.text()));
            }
        }
    }
}

/// Reads one answer until it breaks off.
async fn read_stream(
    connection: &mut Connection,
    request: &Request,
    watch: &mut EtcdWatch,
    next: u64,
    context: &RoundContext,
) {
    let Some(answer) = connection.begin(request).await else {
        connection.close();
        return;
    };
    let status = answer.status();
    let answered_at = number(answer.headers(), "x-etcd-index").unwrap_or(0);
    if status.as_u16() == 400 {
        // A correct watch request is answered 400 only if its index is cleared.
        connection.close();
        return relist(connection, watch, next, answered_at, context).await;
    }
    if status.is_server_error() {
        // No gateway leads: the client sends the same request again.
        connection.close();
        return;
    }
    if status.as_u16() != 200 {
        watch.add_violation(&format!("answered {status}"));
    }
    let mut body = answer.into_body();
    let mut unread = Vec::new();
    let minute = Duration::from_secs(60);
    while let Ok(Some(Ok(frame))) = timeout(minute, body.frame()).await {
        unread.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data));
        let mut events = serde_json::Deserializer::from_slice(&unread).into_iter::<Json>();
        let mut read = 0;
        while let Some(Ok(event)) = events.next() {
            read = events.byte_offset();
            watch.receive(&event, answered_at, context);
        }
        unread.drain(..read);
        if watch.is_complete || !watch.violations.is_empty() {
            break;
        }
    }
    connection.close();
}
