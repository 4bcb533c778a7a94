//! Sessions: a workload that renews Consul sessions and lets them expire, and checks that none expires early.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use http::Method;
use serde_json::{Value as Json, json};

use crate::gateway::handle::Face;
use crate::random::Random;
use crate::workload::connection::{Answer, Connection, Request};
use crate::workload::context::RoundContext;
use crate::workload::expiry::{ExpiryReport, earliest_expiry};

/// The time after which a request is given up.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(700);

/// A request about a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SessionRequest {
    Renew,
    Acquire,
    Read,
    Info,
}

/// The status of a session, as an answer reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SessionStatus {
    NotReported,
    Alive,
    Expired,
    Unexpected,
}

/// A session, and the key that it locks.
#[derive(Debug)]
struct Session {
    id: String,
    key: String,
    milliseconds: u64,
    /// The time of the call of its last acknowledged renewal.
    renewed: u64,
    /// The number of renewals before it is left to expire.
    renewals_left: usize,
    locked: bool,
}

/// Creates sessions, renews them for a while, and lets them expire, until the round is over.
pub async fn run(context: Arc<RoundContext>, number: usize, mut random: Random) -> ExpiryReport {
    let mut report = ExpiryReport::default();
    let mut connection = Connection::new(context.gateway.clone(), Face::Consul);
    let mut created = 0;
    while !context.is_over.load(Ordering::Relaxed) {
        created += 1;
        let key = format!("{}-ends/s/{number}.{created}", context.layout.root);
        if let Some(session) = Session::create(&context, &mut connection, key, &mut random).await {
            session
                .follow(&context, &mut connection, &mut random, &mut report)
                .await;
        }
    }
    report
}

fn request(method: Method, uri: String, body: String) -> Request {
    Request::new(Face::Consul, method, uri, body)
}

impl Session {
    async fn create(
        context: &RoundContext,
        connection: &mut Connection,
        key: String,
        random: &mut Random,
    ) -> Option<Self> {
        let milliseconds = random.between(300, 1200);
        let behavior = if random.percent(50) {
            "delete"
        } else {
            "release"
        };
        let ttl = format!("{milliseconds}ms");
        let body = json!({"TTL": ttl, "Behavior": behavior, "LockDelay": "0s"}).to_string();
        let create = request(Method::PUT, "/v1/session/create".to_owned(), body);
        connection.ready().await;
        let renewed = context.gateway.now();
        let answer = connection.send(&create, ANSWER_TIMEOUT).await?;
        let json: Json = serde_json::from_slice(&answer.body).ok()?;
        Some(Self {
            id: json["ID"].as_str()?.to_owned(),
            key,
            milliseconds,
            renewed,
            renewals_left: random.below(6),
            locked: false,
        })
    }

    /// Sends random requests about the session until it expires.
    async fn follow(
        mut self,
        context: &RoundContext,
        connection: &mut Connection,
        random: &mut Random,
        report: &mut ExpiryReport,
    ) {
        // Consul ends a session after twice its TTL, which libkv relies on.
        let term = 2 * self.milliseconds * 1_000_000;
        loop {
            let kind = self.choose(random);
            connection.ready().await;
            let called = context.gateway.now();
            let Some(answer) = connection.send(&self.request(kind), ANSWER_TIMEOUT).await else {
                continue;
            };
            let now = context.gateway.now();
            let timeline = context.gateway.timeline();
            let until = earliest_expiry(self.renewed, term, now, &timeline);
            let what = format!(
                "session {} of {} ms, renewed {:?} into the run, by {kind:?}",
                self.id,
                self.milliseconds,
                Duration::from_nanos(self.renewed)
            );
            match self.parse_status(kind, &answer) {
                SessionStatus::Expired => return report.record_expiry(&what, now, until),
                SessionStatus::Alive if report.check_overdue(&what, now, until, &timeline) => {
                    return;
                }
                SessionStatus::Alive if kind == SessionRequest::Renew => {
                    self.renewed = called;
                    self.renewals_left -= 1;
                    report.renewed += 1;
                }
                SessionStatus::Alive | SessionStatus::NotReported => {}
                SessionStatus::Unexpected => {
                    let (status, text) = (answer.status, answer.text());
                    report.violations.push(format!("{what}: {status} {text}"));
                    return;
                }
            }
            let pause = Duration::from_millis(random.between(5, 150));
            tokio::time::sleep(pause).await;
        }
    }

    fn choose(&self, random: &mut Random) -> SessionRequest {
        match random.below(6) {
            0 | 1 if self.renewals_left > 0 => SessionRequest::Renew,
            2 if !self.locked => SessionRequest::Acquire,
            3 if self.locked => SessionRequest::Read,
            _ => SessionRequest::Info,
        }
    }

    fn request(&self, kind: SessionRequest) -> Request {
        let Self { id, key, .. } = self;
        let (method, uri) = match kind {
            SessionRequest::Renew => (Method::PUT, format!("/v1/session/renew/{id}")),
            SessionRequest::Acquire => (Method::PUT, format!("/v1/kv/{key}?acquire={id}")),
            SessionRequest::Read => (Method::GET, format!("/v1/kv/{key}?consistent")),
            SessionRequest::Info => (Method::GET, format!("/v1/session/info/{id}")),
        };
        request(method, uri, String::new())
    }

    fn parse_status(&mut self, kind: SessionRequest, answer: &Answer) -> SessionStatus {
        let json: Json = serde_json::from_slice(&answer.body).unwrap_or_default();
        let is_alive = match (kind, answer.status) {
            // Consul answers 500 when an expired session tries to lock.
            (_, 500..=599) => return SessionStatus::NotReported,
            (SessionRequest::Renew, 200) => true,
            (SessionRequest::Acquire, 200) => {
                self.locked = json == Json::Bool(true);
                return SessionStatus::NotReported;
            }
            (SessionRequest::Info, 200) => json.as_array().is_some_and(|found| !found.is_empty()),
            (SessionRequest::Read, 200) => json[0]["Session"].as_str() == Some(&self.id),
            (SessionRequest::Renew | SessionRequest::Read, 404) => false,
            _ => return SessionStatus::Unexpected,
        };
        if is_alive {
            SessionStatus::Alive
        } else {
            SessionStatus::Expired
        }
    }
}
