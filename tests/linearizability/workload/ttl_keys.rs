//! Keys with a TTL: a workload that writes and prolongs them, and checks that none expires early.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use http::Method;

use crate::gateway::handle::Face;
use crate::random::Random;
use crate::workload::connection::{Answer, Connection, Request};
use crate::workload::context::RoundContext;
use crate::workload::expiry::{ExpiryReport, SECOND};

/// The time after which a request is given up and sent again.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(700);

/// Sends a request until an answer other than a server error arrives.
async fn send_until_answered(connection: &mut Connection, request: &Request) -> Answer {
    loop {
        if let Some(answer) = connection.send(request, ANSWER_TIMEOUT).await
            && answer.status < 500
        {
            return answer;
        }
    }
}

/// Writes keys with a TTL, one after the other, until the round is over.
///
/// A TTL runs from the time when the write took effect, which is after its call. No promise prolongs it by outages.
pub async fn run(context: Arc<RoundContext>, number: usize, mut random: Random) -> ExpiryReport {
    let mut connection = Connection::new(context.gateway.clone(), Face::Etcd);
    let mut report = ExpiryReport::default();
    let mut written = 0;
    while !context.is_over.load(Ordering::Relaxed) {
        written += 1;
        let ttl = random.between(1, 4);
        let what = format!("{}-ends/t/{number}.{written}", context.layout.root);
        let uri = format!("/v2/keys/{what}");
        let get = Request::new(
            Face::Etcd,
            Method::GET,
            format!("{uri}?quorum=true"),
            String::new(),
        );
        let put = Request::new(Face::Etcd, Method::PUT, uri, format!("value=x&ttl={ttl}"));
        // The earliest expiry after the last acknowledged write.
        let mut until = None;
        let mut writes = random.between(1, 4);
        loop {
            if writes > 0 && random.percent(if until.is_none() { 100 } else { 10 }) {
                let called = context.gateway.now();
                if let Some(answer) = connection.send(&put, ANSWER_TIMEOUT).await
                    && answer.status < 300
                {
                    until = Some(called + ttl * SECOND);
                    writes -= 1;
                    report.renewed += 1;
                }
            }
            let Some(until) = until else { continue };
            let answer = send_until_answered(&mut connection, &get).await;
            let now = context.gateway.now();
            if answer.status == 404 {
                report.record_expiry(&what, now, until);
                break;
            }
            if report.check_overdue(&what, now, until, &context.gateway.timeline()) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(random.between(5, 60))).await;
        }
    }
    report
}
