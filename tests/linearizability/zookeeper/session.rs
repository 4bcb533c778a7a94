//! ZooKeeper session: pipelined calls over connection after connection, validated as their replies and events arrive.
//!
//! Ordered: replies come in the order of their requests. Sequential: no reply is of an earlier zxid than the one before it,
//! and shows no node as it was before what the session has seen. Early: no session ends before its timeout.

use std::collections::BTreeMap;
use std::time::Duration;

use kubekv::wire::zookeeper::{JuteRecord, JuteWriter, OpCode, WatcherEvent, xid};

use crate::gateway::handle::GatewayHandle;
use crate::workload::expiry::earliest_expiry;
use crate::zookeeper::armed_watches::ArmedWatches;
use crate::zookeeper::connection::{Attachment, Frame, SessionConnection};
use crate::zookeeper::request::{ShownNode, ZooKeeperRequest};

/// A reply, and when it arrived.
#[derive(Clone, Debug)]
pub struct Reply {
    pub frame: Frame,
    pub returned: u64,
}

/// The calls of one pipeline: when they were sent, to which generation of the gateway, and their replies as far as they came.
#[derive(Debug)]
pub struct Calls {
    pub called: u64,
    pub generation: usize,
    pub replies: Vec<Option<Reply>>,
}

/// A session of a client.
#[derive(Debug)]
pub struct ZooKeeperSession {
    gateway: GatewayHandle,
    connection: SessionConnection,
    watches: ArmedWatches,
    /// The zxid of the newest data of each node that a reply has shown.
    newest: BTreeMap<String, i64>,
    /// When the last request was sent that was answered.
    renewed: u64,
    /// Its end was asked for, and may have come.
    is_closing: bool,
    answer_timeout: Duration,
    violations: Vec<String>,
    /// The number of sessions that ended by themselves.
    pub expired: usize,
}

impl ZooKeeperSession {
    /// A session with a timeout, whose calls are given up after a time.
    pub fn new(gateway: GatewayHandle, timeout: Duration, answer_timeout: Duration) -> Self {
        Self {
            connection: SessionConnection::new(gateway.clone(), timeout),
            gateway,
            watches: ArmedWatches::default(),
            newest: BTreeMap::new(),
            renewed: 0,
            is_closing: false,
            answer_timeout,
            violations: Vec::new(),
            expired: 0,
        }
    }

    /// The number of events so far.
    pub fn events(&self) -> usize {
        self.watches.events
    }

    /// The nodes whose watches wait for an event.
    pub fn watched(&self) -> Vec<String> {
        self.watches.paths()
    }

    /// When the session may end at the earliest.
    pub fn earliest_end(&self) -> u64 {
        if self.is_closing {
            return 0;
        }
        let timeline = self.gateway.timeline();
        let timeout = self.connection.timeout_ns();
        earliest_expiry(self.renewed, timeout, self.gateway.now(), &timeline)
    }

    /// Connects where there is no connection, with the session from before or a new one, and sets its watches again.
    pub async fn attach(&mut self) -> Attachment {
        loop {
            if self.connection.is_open() {
                return Attachment::Again;
            }
            let called = self.gateway.now();
            match self.connection.attach().await {
                Attachment::Ended => {
                    self.end();
                    return Attachment::Ended;
                }
                Attachment::New => {
                    (self.renewed, self.is_closing) = (called, false);
                    return Attachment::New;
                }
                Attachment::Again => {
                    self.renewed = called;
                    if self.set_watches().await {
                        return Attachment::Again;
                    }
                }
            }
        }
    }

    /// As [`Self::attach`], and a new session where the one before has ended.
    pub async fn open(&mut self) {
        while self.attach().await == Attachment::Ended {}
    }

    /// The session has ended.
    fn end(&mut self) {
        self.expired += 1;
        let now = self.gateway.now();
        let until = self.earliest_end();
        if now < until {
            let early = Duration::from_nanos(until - now);
            self.violations
                .push(format!("early: a session ended {early:?} early"));
        }
        self.watches.forget();
        self.newest.clear();
    }

    async fn set_watches(&mut self) -> bool {
        let mut body = JuteWriter::default();
        let record = self.watches.set_again(self.connection.last_zxid);
        record.write(&mut body);
        let body = body.frame().unwrap().split_off(4);
        let mut frame = Vec::new();
        SessionConnection::append_as(xid::SET_WATCHES, OpCode::SetWatches2, &body, &mut frame);
        self.connection.send(&frame).await;
        let Some(reply) = self.next_reply().await else {
            return false;
        };
        self.require_xid(&reply, xid::SET_WATCHES);
        true
    }

    /// The next reply; events before it are validated.
    async fn next_reply(&mut self) -> Option<Frame> {
        loop {
            let frame = self.connection.frame(self.answer_timeout).await?;
            if frame.header.xid != xid::EVENT {
                return Some(frame);
            }
            let event = WatcherEvent::parse(&frame.body).unwrap();
            self.watches.event(&event);
        }
    }

    fn require_xid(&mut self, reply: &Frame, xid: i32) {
        let found = reply.header.xid;
        if found != xid {
            self.violations
                .push(format!("ordered: reply {found} came instead of {xid}"));
        }
    }

    /// Sends requests without waiting for answers between them.
    pub async fn call(&mut self, requests: &[ZooKeeperRequest]) -> Calls {
        self.open().await;
        let (mut bytes, mut xids) = (Vec::new(), Vec::new());
        for request in requests {
            let (op, body) = request.encode();
            xids.push(self.connection.append(op, &body, &mut bytes));
        }
        let generation = self.connection.generation();
        let called = self.gateway.now();
        self.connection.send(&bytes).await;
        let mut replies = Vec::new();
        for (request, xid) in requests.iter().zip(xids) {
            let Some(frame) = self.next_reply().await else {
                break;
            };
            let returned = self.gateway.now();
            self.require_xid(&frame, xid);
            self.renewed = called;
            self.validate(request, &frame);
            replies.push(Some(Reply { frame, returned }));
        }
        replies.resize(requests.len(), None);
        Calls {
            called,
            generation,
            replies,
        }
    }

    /// One call.
    pub async fn call_one(&mut self, request: ZooKeeperRequest) -> Option<Frame> {
        let calls = self.call(&[request]).await;
        let reply = calls.replies.into_iter().next().flatten();
        reply.map(|reply| reply.frame)
    }

    /// Whether a ping is answered.
    pub async fn ping(&mut self) -> bool {
        let called = self.gateway.now();
        let mut frame = Vec::new();
        SessionConnection::append_as(xid::PING, OpCode::Ping, &[], &mut frame);
        self.connection.send(&frame).await;
        let Some(reply) = self.next_reply().await else {
            return false;
        };
        self.require_xid(&reply, xid::PING);
        self.renewed = called;
        true
    }

    /// Ends the session. `None` where nobody knows whether it has ended.
    pub async fn close(&mut self) -> Option<()> {
        self.is_closing = true;
        let mut frame = Vec::new();
        let xid = self
            .connection
            .append(OpCode::CloseSession, &[], &mut frame);
        self.connection.send(&frame).await;
        let reply = self.next_reply().await?;
        self.require_xid(&reply, xid);
        self.connection.forget();
        self.watches.forget();
        Some(())
    }

    /// Breaks the connection; the session goes on for as long as its timeout.
    pub fn disconnect(&mut self) {
        self.connection.close();
    }

    /// Validates a reply against all that came before it.
    fn validate(&mut self, request: &ZooKeeperRequest, reply: &Frame) {
        let zxid = reply.header.zxid;
        if zxid < self.connection.last_zxid {
            let last = self.connection.last_zxid;
            self.violations.push(format!(
                "sequential: a reply of zxid {zxid} after one of {last}"
            ));
        }
        self.connection.last_zxid = self.connection.last_zxid.max(zxid);
        let shown = request.shown(reply);
        for (path, stat) in &shown {
            let Some(stat) = stat else { continue };
            let newest = self.newest.entry(path.clone()).or_default();
            if stat.modified < *newest || stat.modified > zxid {
                self.violations.push(format!(
                    "sequential: a reply of zxid {zxid} showed {path} as of {}, after {newest}",
                    stat.modified
                ));
            }
            *newest = stat.modified.max(*newest);
        }
        self.watches.reply(&shown, watched(request, &shown));
    }

    /// Takes the violations so far.
    pub fn take_violations(&mut self) -> Vec<String> {
        let mut all = std::mem::take(&mut self.violations);
        all.append(&mut self.watches.violations);
        all
    }
}

/// The node on which a request that was answered has set a watch.
fn watched<'a>(request: &'a ZooKeeperRequest, shown: &[ShownNode]) -> Option<&'a str> {
    let is_there = shown.first().is_some_and(|(_, stat)| stat.is_some());
    match request {
        ZooKeeperRequest::Exists(path, true) if !shown.is_empty() => Some(path),
        ZooKeeperRequest::GetData(path, true) if is_there => Some(path),
        ZooKeeperRequest::Exists(..)
        | ZooKeeperRequest::GetData(..)
        | ZooKeeperRequest::Sync
        | ZooKeeperRequest::GetChildren(_)
        | ZooKeeperRequest::MultiRead(_)
        | ZooKeeperRequest::Create(..)
        | ZooKeeperRequest::SetData(..)
        | ZooKeeperRequest::Delete(..)
        | ZooKeeperRequest::Multi(_) => None,
    }
}
