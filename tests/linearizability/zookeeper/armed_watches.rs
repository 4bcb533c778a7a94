//! Armed watches: the one-shot watches of a session's data, validated against its replies and events in their order.
//!
//! Before: no reply shows a change before its event. Once: no event comes without a watch. After a break the watches are
//! set again, and what changed meanwhile is told before the answer to that.

use std::collections::BTreeMap;

use kubekv::wire::zookeeper::{SetWatches2Request, SetWatchesRequest, WatcherEvent, event_kind};

use crate::zookeeper::request::ShownNode;

/// The watches that wait for their event.
#[derive(Debug, Default)]
pub struct ArmedWatches {
    /// By path, the zxid of the data that the watch was set on; `None` where the node was not there.
    armed: BTreeMap<String, Option<i64>>,
    /// The number of events so far.
    pub events: usize,
    pub violations: Vec<String>,
}

impl ArmedWatches {
    /// A reply shows these nodes; the request may have set a watch on one.
    pub fn reply(&mut self, shown: &[ShownNode], watched: Option<&str>) {
        for (path, stat) in shown {
            let now = stat.map(|stat| stat.modified);
            let armed = self.armed.get(path);
            if let Some(armed) = armed.filter(|armed| **armed != now) {
                self.violations.push(format!(
                    "before: a reply showed {path} at {now:?}, and no event had come since it was watched at {armed:?}"
                ));
                self.armed.remove(path);
            }
            if watched == Some(path) {
                self.armed.insert(path.clone(), now);
            }
        }
    }

    /// An event came.
    pub fn event(&mut self, event: &WatcherEvent) {
        self.events += 1;
        let before = self.armed.remove(&event.path);
        let is_possible = matches!(
            (before, event.kind),
            (Some(None), event_kind::CREATED)
                | (
                    Some(Some(_)),
                    event_kind::DELETED | event_kind::DATA_CHANGED
                )
        );
        if !is_possible {
            let WatcherEvent { kind, path, .. } = event;
            self.violations.push(format!(
                "once: an event of kind {kind} of {path}, which was watched at {before:?}"
            ));
        }
    }

    /// What sets them again after a break.
    pub fn set_again(&self, relative_zxid: i64) -> SetWatches2Request {
        let paths = |is_there: bool| {
            let all = self.armed.iter();
            let found = all.filter(move |(_, seen)| seen.is_some() == is_there);
            found.map(|(path, _)| path.clone()).collect()
        };
        SetWatches2Request {
            once: SetWatchesRequest {
                relative_zxid,
                data: paths(true),
                exist: paths(false),
                child: Vec::new(),
            },
            persistent: Vec::new(),
            recursive: Vec::new(),
        }
    }

    /// The watched paths.
    pub fn paths(&self) -> Vec<String> {
        self.armed.keys().cloned().collect()
    }

    /// The session has ended, and its watches with it.
    pub fn forget(&mut self) {
        self.armed.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kubekv::wire::zookeeper::Stat;

    fn shown(modified: Option<i64>) -> [ShownNode; 1] {
        let stat = modified.map(|modified| Stat {
            modified,
            ..Stat::default()
        });
        [("/a".to_owned(), stat)]
    }

    fn event(kind: i32) -> WatcherEvent {
        WatcherEvent {
            kind,
            state: 3,
            path: "/a".to_owned(),
        }
    }

    #[test]
    fn a_reply_that_overtakes_its_event_is_found() {
        let mut watches = ArmedWatches::default();
        watches.reply(&shown(Some(5)), Some("/a"));
        watches.reply(&shown(Some(5)), None);
        assert_eq!(watches.violations.len(), 0);
        watches.reply(&shown(Some(6)), None);
        assert_eq!(watches.violations.len(), 1);
        let mut watches = ArmedWatches::default();
        watches.reply(&shown(Some(5)), Some("/a"));
        watches.event(&event(event_kind::DATA_CHANGED));
        watches.reply(&shown(Some(6)), None);
        watches.reply(&shown(None), None);
        assert_eq!(watches.violations.len(), 0);
    }

    #[test]
    fn an_event_without_a_watch_or_of_another_kind_is_found() {
        let mut watches = ArmedWatches::default();
        watches.event(&event(event_kind::DATA_CHANGED));
        assert_eq!(watches.violations.len(), 1);
        watches.reply(&shown(None), Some("/a"));
        watches.event(&event(event_kind::CREATED));
        assert_eq!(watches.violations.len(), 1);
        watches.event(&event(event_kind::CREATED));
        assert_eq!(watches.violations.len(), 2, "twice");
        watches.reply(&shown(None), Some("/a"));
        watches.event(&event(event_kind::DELETED));
        assert_eq!(watches.violations.len(), 3, "it was not there");
    }
}
