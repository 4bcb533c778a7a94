//! `ConnectionCounters`: what four-letter words report of a connection, counted while it is served.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicI32, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use super::four_letter_words::{ConnectionFigures, SessionFigures};
use super::session::ClientSession;
use crate::model::time;
use crate::wire::zookeeper::OpCode;

/// Counts of one connection.
#[derive(Debug)]
pub(super) struct ConnectionCounters {
    peer: SocketAddr,
    session: i64,
    timeout_ms: i32,
    established_ms: i64,
    queued: AtomicUsize,
    /// How many paths it watches other than for children alone.
    watched: AtomicUsize,
    last_op: AtomicI32,
    last_xid: AtomicI32,
    last_zxid: AtomicI64,
    last_response_ms: AtomicI64,
    totals: ServerCounters,
}

/// Counts of requests: of one connection, or of all that have ended.
#[derive(Debug)]
pub(super) struct ServerCounters {
    received: AtomicU64,
    sent: AtomicU64,
    answered: AtomicU64,
    last_ms: AtomicU64,
    least_ms: AtomicU64,
    greatest_ms: AtomicU64,
    sum_ms: AtomicU64,
}

impl Default for ServerCounters {
    fn default() -> Self {
        Self {
            received: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            answered: AtomicU64::new(0),
            last_ms: AtomicU64::new(0),
            least_ms: AtomicU64::new(u64::MAX),
            greatest_ms: AtomicU64::new(0),
            sum_ms: AtomicU64::new(0),
        }
    }
}

/// Counts as they are now.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RequestFigures {
    /// Requests, pings too.
    pub(super) received: u64,
    /// Replies and events.
    pub(super) sent: u64,
    /// Latencies in milliseconds: the least, the sum and the greatest, over `answered` requests.
    pub(super) latency_ms: (u64, u64, u64),
    /// Requests that were answered.
    pub(super) answered: u64,
}

impl ServerCounters {
    /// Counts requests that came.
    pub(super) fn receive(&self, requests: u64) {
        self.received.fetch_add(requests, Ordering::Relaxed);
    }

    /// Counts frames that are sent.
    pub(super) fn send(&self, frames: u64) {
        self.sent.fetch_add(frames, Ordering::Relaxed);
    }

    fn answer(&self, latency: Duration) {
        let ms = u64::try_from(latency.as_millis()).unwrap_or(u64::MAX);
        self.answered.fetch_add(1, Ordering::Relaxed);
        self.sum_ms.fetch_add(ms, Ordering::Relaxed);
        self.last_ms.store(ms, Ordering::Relaxed);
        // One connection alone writes them, so nothing is lost between the two.
        if ms < self.least_ms.load(Ordering::Relaxed) {
            self.least_ms.store(ms, Ordering::Relaxed);
        }
        if ms > self.greatest_ms.load(Ordering::Relaxed) {
            self.greatest_ms.store(ms, Ordering::Relaxed);
        }
    }

    /// What is counted.
    pub(super) fn figures(&self) -> RequestFigures {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let answered = read(&self.answered);
        let least = if answered == 0 {
            0
        } else {
            read(&self.least_ms)
        };
        RequestFigures {
            received: read(&self.received),
            sent: read(&self.sent),
            latency_ms: (least, read(&self.sum_ms), read(&self.greatest_ms)),
            answered,
        }
    }
}

impl RequestFigures {
    /// Both together.
    pub(super) fn and(self, other: Self) -> Self {
        let (least, sum, greatest) = self.latency_ms;
        let (other_least, other_sum, other_greatest) = other.latency_ms;
        let least = match (self.answered, other.answered) {
            (0, _) => other_least,
            (_, 0) => least,
            (_, _) => least.min(other_least),
        };
        Self {
            received: self.received.saturating_add(other.received),
            sent: self.sent.saturating_add(other.sent),
            latency_ms: (
                least,
                sum.saturating_add(other_sum),
                greatest.max(other_greatest),
            ),
            answered: self.answered.saturating_add(other.answered),
        }
    }
}

impl ConnectionCounters {
    /// Of a connection that has taken up a session: the request for it and its answer are counted.
    pub(super) fn new(peer: SocketAddr, session: &ClientSession) -> Self {
        let totals = ServerCounters::default();
        totals.receive(1);
        totals.send(1);
        Self {
            peer,
            session: session.id.number(),
            timeout_ms: session.timeout.as_ms(),
            established_ms: time::unix_ms(),
            queued: AtomicUsize::new(0),
            watched: AtomicUsize::new(0),
            last_op: AtomicI32::new(0),
            last_xid: AtomicI32::new(-1),
            last_zxid: AtomicI64::new(0),
            last_response_ms: AtomicI64::new(0),
            totals,
        }
    }

    /// Its counts of requests.
    pub(super) fn totals(&self) -> &ServerCounters {
        &self.totals
    }

    /// Notes how many requests are not answered, and how many paths are watched other than for children alone.
    pub(super) fn note(&self, queued: usize, watched: usize) {
        self.queued.store(queued, Ordering::Relaxed);
        self.watched.store(watched, Ordering::Relaxed);
    }

    /// Counts an answer.
    pub(super) fn answer(&self, (op, xid): (i32, i32), zxid: i64, latency: Duration) {
        self.last_op.store(op, Ordering::Relaxed);
        self.last_xid.store(xid, Ordering::Relaxed);
        self.last_zxid.store(zxid, Ordering::Relaxed);
        self.last_response_ms
            .store(time::unix_ms(), Ordering::Relaxed);
        self.totals.answer(latency);
        self.totals.send(1);
    }

    /// Requests that are not answered.
    pub(super) fn queued(&self) -> usize {
        self.queued.load(Ordering::Relaxed)
    }

    /// Paths that are watched other than for children alone.
    pub(super) fn watched(&self) -> usize {
        self.watched.load(Ordering::Relaxed)
    }

    /// What four-letter words report.
    pub(super) fn figures(&self) -> ConnectionFigures {
        let requests = self.totals.figures();
        let (least, sum, greatest) = requests.latency_ms;
        let mean = sum.checked_div(requests.answered).unwrap_or(0);
        let last = self.totals.last_ms.load(Ordering::Relaxed);
        ConnectionFigures {
            peer: self.peer,
            queued: self.queued(),
            received: requests.received,
            sent: requests.sent,
            session: Some(SessionFigures {
                id: self.session,
                last_operation: short_name(self.last_op.load(Ordering::Relaxed)),
                established_ms: self.established_ms,
                timeout_ms: self.timeout_ms,
                last_xid: self.last_xid.load(Ordering::Relaxed),
                last_zxid: self.last_zxid.load(Ordering::Relaxed),
                last_response_ms: self.last_response_ms.load(Ordering::Relaxed),
                latency_ms: [last, least, mean, greatest],
            }),
        }
    }
}

/// The first letters of an operation's name, as ZooKeeper prints them.
fn short_name(op: i32) -> &'static str {
    let Some(op) = OpCode::of(op) else {
        return "NA";
    };
    match op {
        OpCode::Create | OpCode::Create2 | OpCode::CreateContainer | OpCode::CreateTtl => "CREA",
        OpCode::Delete | OpCode::DeleteContainer => "DELE",
        OpCode::Exists => "EXIS",
        OpCode::GetData => "GETD",
        OpCode::SetData => "SETD",
        OpCode::GetAcl | OpCode::GetAllChildrenNumber => "GETA",
        OpCode::SetAcl => "SETA",
        OpCode::GetChildren | OpCode::GetChildren2 => "GETC",
        OpCode::Sync => "SYNC",
        OpCode::Ping => "PING",
        OpCode::Check | OpCode::CheckWatches => "CHEC",
        OpCode::Multi | OpCode::MultiRead => "MULT",
        OpCode::Reconfig => "RECO",
        OpCode::RemoveWatches => "REMO",
        OpCode::Auth => "AUTH",
        OpCode::SetWatches | OpCode::SetWatches2 => "SETW",
        OpCode::Sasl => "SASL",
        OpCode::GetEphemerals => "GETE",
        OpCode::AddWatch => "ADDW",
        OpCode::WhoAmI => "WHOA",
        OpCode::CloseSession => "CLOS",
    }
}
