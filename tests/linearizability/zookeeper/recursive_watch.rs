//! Recursive watch: a session that watches all nodes of a round, and the validators of what it received.
//!
//! Ordered and unique: each event is of a later change than the one before it, or of another node in the same change.
//! Alternating: a node that was created is deleted before it is created again. Reliable: while a connection stands, no
//! change that any client observed is missing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use kubekv::wire::zookeeper::{
    AddWatchRequest, JuteRecord, JuteWriter, NodePath, OpCode, PERSISTENT_RECURSIVE,
    SetWatches2Request, SetWatchesRequest, WatcherEvent, event_kind, xid,
};

use crate::watch::validators::Changes;
use crate::workload::context::RoundContext;
use crate::zookeeper::connection::{Attachment, SessionConnection};
use crate::zookeeper::request::node;

/// How long a gateway has for an answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// Longer than a round.
const SESSION_TIMEOUT: Duration = Duration::from_secs(40);

/// An event: the zxid of its change, its kind, and the key of its node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeEvent {
    pub zxid: u64,
    pub kind: i32,
    pub path: String,
}

/// What one connection of the watcher received.
#[derive(Clone, Debug, Default)]
pub struct WatchedInterval {
    /// The zxid at which the watch was set.
    pub after: u64,
    /// The zxid of the last reply: the events of all changes until then came before it.
    pub to: u64,
    pub events: Vec<NodeEvent>,
}

/// A recursive watch, and everything it received.
#[derive(Clone, Debug, Default)]
pub struct RecursiveWatch {
    pub intervals: Vec<WatchedInterval>,
    pub violations: Vec<String>,
}

fn body(record: &impl JuteRecord) -> Vec<u8> {
    let mut to = JuteWriter::default();
    record.write(&mut to);
    to.frame().unwrap().split_off(4)
}

struct Watcher {
    connection: SessionConnection,
    root: String,
    watch: RecursiveWatch,
}

/// Watches the nodes of a round until its final values are written.
pub async fn run(context: Arc<RoundContext>) -> RecursiveWatch {
    let mut watcher = Watcher {
        connection: SessionConnection::new(context.gateway.clone(), SESSION_TIMEOUT),
        root: node(&context.layout.root),
        watch: RecursiveWatch::default(),
    };
    loop {
        // What was written before this is seen by the `sync` behind it.
        let is_last = context.is_finished.load(Ordering::Acquire);
        let is_synced = watcher.step().await;
        if is_last && is_synced {
            return watcher.watch;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

impl Watcher {
    /// Waits until all is told that happened before. False where the connection broke.
    async fn step(&mut self) -> bool {
        if self.connection.is_open() {
            let sync = body(&NodePath(self.root.clone()));
            let mut frame = Vec::new();
            let xid = self.connection.append(OpCode::Sync, &sync, &mut frame);
            return self.call(&frame, xid).await.is_some();
        }
        self.watch_again().await.is_some()
    }

    /// Connects, and sets the watch.
    async fn watch_again(&mut self) -> Option<()> {
        let mut frame = Vec::new();
        let xid = match self.connection.attach().await {
            Attachment::Ended => return None,
            Attachment::New => {
                let request = AddWatchRequest {
                    path: self.root.clone(),
                    mode: PERSISTENT_RECURSIVE,
                };
                let request = body(&request);
                self.connection
                    .append(OpCode::AddWatch, &request, &mut frame)
            }
            Attachment::Again => {
                let request = SetWatches2Request {
                    once: SetWatchesRequest {
                        relative_zxid: self.connection.last_zxid,
                        data: Vec::new(),
                        exist: Vec::new(),
                        child: Vec::new(),
                    },
                    persistent: Vec::new(),
                    recursive: vec![self.root.clone()],
                };
                let (op, body) = (OpCode::SetWatches2, body(&request));
                SessionConnection::append_as(xid::SET_WATCHES, op, &body, &mut frame);
                xid::SET_WATCHES
            }
        };
        self.watch.intervals.push(WatchedInterval::default());
        let zxid = self.call(&frame, xid).await?;
        self.watch.intervals.last_mut().unwrap().after = zxid;
        Some(())
    }

    /// Sends a request, and receives events until its reply; the zxid of that.
    async fn call(&mut self, frame: &[u8], xid: i32) -> Option<u64> {
        self.connection.send(frame).await;
        loop {
            let frame = self.connection.frame(ANSWER_TIMEOUT).await?;
            let zxid = u64::try_from(frame.header.zxid).unwrap();
            let interval = self.watch.intervals.last_mut().unwrap();
            if frame.header.xid != xid::EVENT {
                if (frame.header.xid, frame.header.error) != (xid, 0) {
                    let what = format!("a reply {:?} to request {xid}", frame.header);
                    self.watch.violations.push(what);
                }
                self.connection.last_zxid = frame.header.zxid.max(self.connection.last_zxid);
                interval.to = zxid;
                return Some(zxid);
            }
            let event = WatcherEvent::parse(&frame.body).unwrap();
            interval.events.push(NodeEvent {
                zxid,
                kind: event.kind,
                path: event.path.trim_start_matches('/').to_owned(),
            });
        }
    }
}

impl RecursiveWatch {
    /// The number of events.
    pub fn events(&self) -> usize {
        let each = self.intervals.iter().map(|interval| interval.events.len());
        each.sum()
    }

    /// Runs all validators, and returns the violations. A gateway that lists a shared store anew tells the last of several
    /// changes alone, with a zxid of its own for a deletion: there an event of the node since then is enough.
    pub fn validate(&self, changes: &Changes, is_shared: bool) -> Vec<String> {
        let mut violations = self.violations.clone();
        for interval in &self.intervals {
            violations.extend(interval.validate_order());
            violations.extend(interval.validate_reliable(changes, is_shared));
        }
        violations
    }
}

impl WatchedInterval {
    fn validate_order(&self) -> Vec<String> {
        let (mut last, mut seen) = (self.after, BTreeSet::new());
        let mut is_there = BTreeMap::new();
        let mut violations = Vec::new();
        for event in &self.events {
            let NodeEvent { zxid, kind, path } = event;
            if *zxid < last || *zxid <= self.after {
                violations.push(format!("ordered: {event:?} after {last}"));
            }
            last = *zxid;
            let before = is_there.insert(path, *kind != event_kind::DELETED);
            let is_possible = match *kind {
                event_kind::CREATED => before != Some(true),
                event_kind::DELETED | event_kind::DATA_CHANGED => before != Some(false),
                _ => false,
            };
            // A node that is deleted and made anew in one change has two events.
            let is_new = seen.insert((zxid, path)) || *kind == event_kind::CREATED;
            if !is_possible || !is_new {
                violations.push(format!("alternating and unique: {event:?}"));
            }
        }
        violations
    }

    fn validate_reliable(&self, changes: &Changes, is_shared: bool) -> Vec<String> {
        let mut violations = Vec::new();
        // The watch of such an interval was never set.
        if self.after == 0 || self.to < self.after {
            return violations;
        }
        let mut by_path: BTreeMap<&str, Vec<&NodeEvent>> = BTreeMap::new();
        for event in &self.events {
            by_path.entry(&event.path).or_default().push(event);
        }
        let range = (self.after + 1, String::new())..(self.to + 1, String::new());
        for ((index, path), value) in changes.range(range) {
            let is_deletion = value.is_none();
            let mut of_path = by_path.get(path.as_str()).into_iter().flatten();
            let is_told = of_path.any(|event| {
                let is_deleted = event.kind == event_kind::DELETED;
                event.zxid == *index && is_deleted == is_deletion
                    || is_shared && event.zxid >= *index
            });
            if !is_told {
                violations.push(format!(
                    "reliable: no event that {path} is {value:?} at {index}, in {} to {}",
                    self.after, self.to
                ));
            }
        }
        violations
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::model::Value;

    fn interval(events: &[(u64, i32)]) -> WatchedInterval {
        let event = |(zxid, kind): &(u64, i32)| NodeEvent {
            zxid: *zxid,
            kind: *kind,
            path: "r/a".to_owned(),
        };
        WatchedInterval {
            after: 10,
            to: 30,
            events: events.iter().map(event).collect(),
        }
    }

    #[test]
    fn events_out_of_order_or_of_no_possible_history_are_found() {
        let count = |events: &[(u64, i32)]| interval(events).validate_order().len();
        let (created, deleted, data) = (1, 2, 3);
        assert_eq!(
            count(&[(11, created), (12, data), (13, deleted), (14, created)]),
            0
        );
        assert_eq!(count(&[(12, data), (11, data)]), 1, "ordered");
        assert_eq!(count(&[(10, data)]), 1, "before the watch");
        assert_eq!(count(&[(11, created), (12, created)]), 1);
        assert_eq!(count(&[(11, deleted), (12, data)]), 1);
        assert_eq!(count(&[(11, data), (11, data)]), 1, "unique");
        assert_eq!(count(&[(11, deleted), (11, created)]), 0, "made anew");
        assert_eq!(count(&[(11, 4)]), 1, "children are of no recursive watch");
    }

    #[test]
    fn missing_events_are_found_while_the_watch_stood() {
        let value = Some(Value::new(1, 2));
        let mut changes = Changes::new();
        for (index, value) in [(10, value), (12, value), (13, None), (31, value)] {
            changes.insert((index, "r/a".to_owned()), value);
        }
        let count = |events: &[(u64, i32)], is_shared| {
            interval(events)
                .validate_reliable(&changes, is_shared)
                .len()
        };
        assert_eq!(count(&[(12, 3), (13, 2)], false), 0);
        assert_eq!(count(&[(12, 3)], false), 1);
        assert_eq!(count(&[(12, 3), (13, 3)], false), 1, "another kind");
        assert_eq!(count(&[(14, 2)], false), 2);
        assert_eq!(count(&[(14, 2)], true), 0, "told after a new list");
    }
}
