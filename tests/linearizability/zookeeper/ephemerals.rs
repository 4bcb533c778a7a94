//! Ephemeral nodes: sessions that end by a request or by silence, and the check that their nodes end with them, all at
//! once, neither earlier nor later.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use http::Method;
use serde_json::Value as Json;

use crate::gateway::handle::Face;
use crate::random::Random;
use crate::workload::connection::{Connection, Request};
use crate::workload::context::RoundContext;
use crate::workload::expiry::ExpiryReport;
use crate::zookeeper::connection::Attachment;
use crate::zookeeper::request::{ZooKeeperRequest, node};
use crate::zookeeper::session::ZooKeeperSession;

const ANSWER_TIMEOUT: Duration = Duration::from_millis(700);

/// The shortest that a server agrees to.
const SESSION_TIMEOUT: Duration = Duration::from_secs(4);

/// The nodes of a session.
const NODES: usize = 3;

const EPHEMERAL: i32 = 1;

/// How a session ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// By a request.
    Closed,
    /// Its client hangs up, and comes too late.
    Silent,
}

struct Sessions {
    context: Arc<RoundContext>,
    session: ZooKeeperSession,
    observer: Connection,
    report: ExpiryReport,
}

/// Opens sessions with ephemeral nodes, keeps them for a while, and ends them, until the round is over. With `lasts` the
/// first one is left to end by itself, which may take longer than the round.
pub async fn run(
    context: Arc<RoundContext>,
    number: usize,
    lasts: bool,
    mut random: Random,
) -> ExpiryReport {
    let gateway = context.gateway.clone();
    let mut sessions = Sessions {
        session: ZooKeeperSession::new(gateway.clone(), SESSION_TIMEOUT, ANSWER_TIMEOUT),
        observer: Connection::new(gateway, Face::Consul),
        context,
        report: ExpiryReport::default(),
    };
    let mut created = 0;
    let mut end = if lasts { End::Silent } else { End::Closed };
    loop {
        created += 1;
        let root = &sessions.context.layout.root;
        let prefix = format!("{root}-ends/e/{number}.{created}");
        sessions.live(&prefix, end, &mut random).await;
        if sessions.context.is_over.load(Ordering::Relaxed) {
            let violations = sessions.session.take_violations();
            sessions.report.violations.extend(violations);
            return sessions.report;
        }
        end = End::Closed;
        if lasts && random.percent(20) {
            end = End::Silent;
        }
    }
}

impl Sessions {
    /// The life of one session, whose nodes have a prefix.
    async fn live(&mut self, prefix: &str, end: End, random: &mut Random) {
        if !self.create(prefix).await {
            return;
        }
        for _ in 0..random.below(6) {
            if self.session.attach().await != Attachment::Again {
                return;
            }
            if random.percent(30) {
                self.session.disconnect();
            } else if self.session.ping().await {
                self.report.renewed += 1;
            }
            self.require_alive(prefix).await;
            let pause = Duration::from_millis(random.between(5, 150));
            tokio::time::sleep(pause).await;
        }
        match end {
            End::Closed => self.close(prefix).await,
            End::Silent => self.fall_silent(prefix).await,
        }
    }

    /// Creates the parent and the nodes, in one pipeline. False where not all of it is known to be done.
    async fn create(&mut self, prefix: &str) -> bool {
        self.session.open().await;
        let (above, _) = prefix.rsplit_once('/').unwrap();
        let (top, _) = above.rsplit_once('/').unwrap();
        let parents = [top, above].map(|path| ZooKeeperRequest::Create(node(path), Vec::new(), 0));
        let nodes = (0..NODES).map(|number| {
            let path = node(&format!("{prefix}.{number}"));
            ZooKeeperRequest::Create(path, b"e".to_vec(), EPHEMERAL)
        });
        let requests: Vec<_> = parents.into_iter().chain(nodes).collect();
        let calls = self.session.call(&requests).await;
        let nodes = calls.replies.iter().skip(2);
        nodes.clone().count() == NODES
            && nodes.into_iter().all(|reply| {
                reply
                    .as_ref()
                    .is_some_and(|reply| reply.frame.header.error == 0)
            })
    }

    /// The number of the session's nodes, as another face shows them.
    async fn observed(&mut self, prefix: &str) -> usize {
        let uri = format!("/v1/kv/{prefix}.?recurse&consistent");
        let get = Request::new(Face::Consul, Method::GET, uri, String::new());
        loop {
            self.observer.ready().await;
            let Some(answer) = self.observer.send(&get, ANSWER_TIMEOUT).await else {
                continue;
            };
            match answer.status {
                404 => return 0,
                200 => {
                    let all: Json = serde_json::from_slice(&answer.body).unwrap();
                    return all.as_array().unwrap().len();
                }
                _ => {}
            }
        }
    }

    fn violation(&mut self, what: String) {
        self.report.violations.push(what);
    }

    /// No node goes before the session may end.
    async fn require_alive(&mut self, prefix: &str) {
        let found = self.observed(prefix).await;
        let (now, until) = (self.context.gateway.now(), self.session.earliest_end());
        if found != NODES && now < until {
            self.violation(format!("{prefix}: {found} ephemerals of a live session"));
        }
    }

    /// Ends the session by a request; once it is answered, nobody sees its nodes.
    async fn close(&mut self, prefix: &str) {
        if self.session.attach().await != Attachment::Again {
            return;
        }
        if self.session.close().await.is_none() {
            return self.fall_silent(prefix).await;
        }
        self.report.expired += 1;
        let found = self.observed(prefix).await;
        if found > 0 {
            self.violation(format!("{prefix}: {found} ephemerals of a closed session"));
        }
    }

    /// Hangs up, and waits until the nodes have gone.
    async fn fall_silent(&mut self, prefix: &str) {
        self.session.disconnect();
        let until = loop {
            let found = self.observed(prefix).await;
            let (now, until) = (self.context.gateway.now(), self.session.earliest_end());
            let timeline = self.context.gateway.timeline();
            match found {
                0 => break until,
                NODES if self.report.check_overdue(prefix, now, until, &timeline) => return,
                NODES => {}
                some => {
                    self.violation(format!(
                        "{prefix}: {some} ephemerals of a session that ended"
                    ));
                    return;
                }
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        let now = self.context.gateway.now();
        self.report.record_expiry(prefix, now, until);
        // The session has ended with its nodes.
        if self.session.attach().await != Attachment::Ended {
            self.violation(format!("{prefix}: a session outlived its ephemerals"));
        }
    }
}
