//! etcd watch: the events that one watcher received over etcd v2, validated as they arrive.
//!
//! The validators of one watch have the names of etcd's robustness tests: ordered and unique. Those that compare
//! watches with each other and with the clients' operations are in `validators.rs`.

use serde_json::Value as Json;

use crate::checker::model::{LAST_WRITER, Value};
use crate::workload::context::RoundContext;

/// A change as a watcher received it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchEvent {
    pub index: u64,
    pub path: String,
    /// `None` if the entry was deleted or expired.
    pub value: Option<Value>,
}

/// The way in which a watcher requests events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WatchStyle {
    /// One request for each event.
    Poll,
    /// The same with pauses, so that it reads from the gateway's history.
    Late,
    /// One answer that does not end.
    Stream,
}

/// The range of changes that one answer delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeliveredRange {
    /// The index of the gateway that answered (`X-Etcd-Index`).
    pub answered_at: u64,
    /// The last index that was delivered.
    pub to: u64,
    /// The requested index, if the answer was 401 (index cleared) and the current entries were read instead.
    pub cleared: Option<u64>,
}

/// A watcher's request, and everything it received.
#[derive(Clone, Debug)]
pub struct EtcdWatch {
    /// The watched path, or the directory of all watched paths.
    pub path: String,
    pub recursive: bool,
    pub style: WatchStyle,
    /// The watch began after this index.
    pub after: u64,
    pub events: Vec<WatchEvent>,
    pub delivered: Vec<DeliveredRange>,
    /// The number of reconnects.
    pub resumed: usize,
    /// The number of answers that the index is cleared.
    pub cleared: usize,
    pub violations: Vec<String>,
    /// Whether the final value of the last watched path was received.
    pub is_complete: bool,
}

impl EtcdWatch {
    pub fn new(path: &str, recursive: bool, style: WatchStyle) -> Self {
        Self {
            path: path.to_owned(),
            recursive,
            style,
            after: 0,
            events: Vec::new(),
            delivered: Vec::new(),
            resumed: 0,
            cleared: 0,
            violations: Vec::new(),
            is_complete: false,
        }
    }

    pub fn covers(&self, path: &str) -> bool {
        path == self.path || (self.recursive && path.starts_with(&format!("{}/", self.path)))
    }

    /// The watched path whose final value is written last.
    fn last_path<'a>(&self, context: &'a RoundContext) -> &'a str {
        let mut paths = context.layout.paths_below(&self.path).into_iter();
        paths.rfind(|path| self.covers(path)).unwrap()
    }

    pub fn add_violation(&mut self, what: &str) {
        let Self { path, style, .. } = &self;
        self.violations.push(format!("{style:?} of {path}: {what}"));
    }

    /// The index up to which the watcher received everything.
    pub fn delivered_to(&self) -> Option<u64> {
        self.delivered.last().map(|range| range.to)
    }

    /// Receives an event from a gateway whose index was `answered_at`.
    pub fn receive(&mut self, json: &Json, answered_at: u64, context: &RoundContext) {
        let node = &json["node"];
        let (Some(index), Some(key)) = (node["modifiedIndex"].as_u64(), node["key"].as_str())
        else {
            self.add_violation(&format!("malformed event: {json}"));
            return;
        };
        let path = key.trim_start_matches('/').to_owned();
        let text = node["value"].as_str();
        let value = text.and_then(Value::parse);
        if text.is_some() && value.is_none() && context.layout.locate(&path).is_some() {
            self.add_violation(&format!("a value no client wrote: {json}"));
        }
        let event = WatchEvent { index, path, value };
        self.validate_ordered(&event);
        if !self.validate_unique(&event) {
            return;
        }
        self.validate_requested(&event);
        let is_final = event.value.is_some_and(|value| value.writer == LAST_WRITER);
        self.is_complete |= is_final && event.path == self.last_path(context);
        self.delivered.push(DeliveredRange {
            answered_at,
            to: event.index,
            cleared: None,
        });
        self.events.push(event);
    }

    /// Ordered: events arrive by index. Several events of one index belong to one transaction.
    fn validate_ordered(&mut self, event: &WatchEvent) {
        let last = self.delivered_to().unwrap_or(self.after);
        if event.index < last || event.index <= self.after {
            self.add_violation(&format!("ordered: {event:?} after index {last}"));
        }
    }

    /// Unique: no event arrives twice. Returns whether it is new.
    fn validate_unique(&mut self, event: &WatchEvent) -> bool {
        let of_index = self.events.iter().rev();
        let mut of_index = of_index.take_while(|other| other.index == event.index);
        let is_new = !of_index.any(|other| other.path == event.path);
        // A stream resumes at its last index, because it may have been cut between the events of a transaction.
        if !is_new && self.style != WatchStyle::Stream {
            self.add_violation(&format!("unique: {event:?} arrived twice"));
        }
        is_new
    }

    /// Requested: an event is of a watched path.
    fn validate_requested(&mut self, event: &WatchEvent) {
        if !self.covers(&event.path) {
            self.add_violation(&format!("requested: {event:?} is of another path"));
        }
    }

    /// Receives the current entries after the index was cleared, as every etcd client has to.
    pub fn receive_full_list(
        &mut self,
        json: &Json,
        range: DeliveredRange,
        context: &RoundContext,
    ) {
        self.delivered.push(range);
        let mut nodes = vec![&json["node"]];
        while let Some(node) = nodes.pop() {
            nodes.extend(node["nodes"].as_array().into_iter().flatten());
            let key = node["key"].as_str().unwrap_or_default();
            let value = node["value"].as_str().and_then(Value::parse);
            self.is_complete |= key.trim_start_matches('/') == self.last_path(context)
                && value.is_some_and(|value| value.writer == LAST_WRITER);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The number of violations of an event at an index and a path, after one of `r/a` at 20.
    fn violations(style: WatchStyle, index: u64, path: &str) -> usize {
        let event = |index: u64, path: &str| WatchEvent {
            index,
            path: path.to_owned(),
            value: None,
        };
        let mut watch = EtcdWatch::new("r", true, style);
        watch.after = 10;
        watch.events.push(event(20, "r/a"));
        watch.delivered.push(DeliveredRange {
            answered_at: 30,
            to: 20,
            cleared: None,
        });
        let event = event(index, path);
        watch.validate_ordered(&event);
        watch.validate_unique(&event);
        watch.validate_requested(&event);
        watch.violations.len()
    }

    #[test]
    fn events_out_of_order_repeated_or_not_requested_are_found() {
        assert_eq!(violations(WatchStyle::Poll, 21, "r/a"), 0);
        assert_eq!(violations(WatchStyle::Poll, 20, "r/b"), 0, "a transaction");
        assert_eq!(violations(WatchStyle::Poll, 19, "r/b"), 1, "ordered");
        assert_eq!(violations(WatchStyle::Poll, 20, "r/a"), 1, "unique");
        assert_eq!(violations(WatchStyle::Stream, 20, "r/a"), 0, "resumed");
        assert_eq!(violations(WatchStyle::Poll, 21, "s/a"), 1, "requested");
    }
}
