//! Consul watch: a watcher's blocking queries, each of which returns all watched entries.
//!
//! The validators have the names of etcd's robustness tests: ordered and bookmarkable. Answers are also recorded as
//! reads in the history, so that the linearizability search finds partial transactions (atomic).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::checker::model::{LAST_WRITER, ObservedEntry, Outcome};
use crate::gateway::handle::Face;
use crate::history::IndexScope;
use crate::random::Random;
use crate::workload::connection::Connection;
use crate::workload::consul;
use crate::workload::context::RoundContext;
use crate::workload::exchange::Exchange;

/// A watcher's query, and the state of its answers.
#[derive(Debug)]
pub struct ConsulWatch {
    /// The watched key, or the prefix of all watched keys.
    pub path: String,
    pub is_tree: bool,
    /// The number of answers with a new index.
    pub changes: usize,
    pub resumed: usize,
    pub violations: Vec<String>,
    /// Whether the final value of every watched entry was received.
    pub is_complete: bool,
    index: u64,
    entries: BTreeMap<String, ObservedEntry>,
    /// The highest observed index of each entry.
    highest: BTreeMap<String, u64>,
}

impl ConsulWatch {
    pub fn new(path: &str, is_tree: bool) -> Self {
        Self {
            path: path.to_owned(),
            is_tree,
            changes: 0,
            resumed: 0,
            violations: Vec::new(),
            is_complete: false,
            index: 0,
            entries: BTreeMap::new(),
            highest: BTreeMap::new(),
        }
    }

    fn add_violation(&mut self, what: &str) {
        let path = &self.path;
        self.violations.push(format!("blocking on {path}: {what}"));
    }

    /// Receives an answer.
    fn receive(&mut self, index: u64, entries: BTreeMap<String, ObservedEntry>) {
        self.validate_ordered(index);
        self.validate_bookmarkable(index, &entries);
        self.validate_entries_ordered(index, &entries);
        self.changes += usize::from(index != self.index);
        self.index = index;
        self.entries = entries;
    }

    /// Ordered: the index of an answer never decreases.
    fn validate_ordered(&mut self, index: u64) {
        if index < self.index {
            let before = self.index;
            self.add_violation(&format!("ordered: index {index} after {before}"));
        }
    }

    /// Bookmarkable: an index stands for one state, so all changes up to an index were delivered with it.
    fn validate_bookmarkable(&mut self, index: u64, entries: &BTreeMap<String, ObservedEntry>) {
        if index == self.index && *entries != self.entries {
            let before = &self.entries;
            let what = format!("bookmarkable: at {index} {entries:?} after {before:?}");
            self.add_violation(&what);
        }
    }

    /// Ordered, for each entry: one that was deleted returns with a higher index, as does one that changed.
    fn validate_entries_ordered(&mut self, index: u64, entries: &BTreeMap<String, ObservedEntry>) {
        for (path, entry) in entries {
            let highest = self.highest.entry(path.clone()).or_default();
            let is_same = self.entries.get(path) == Some(entry);
            let is_older = entry.index < *highest || (entry.index == *highest && !is_same);
            let before = std::mem::replace(highest, entry.index);
            if is_older {
                let what = format!("ordered: {path} went from {before} to {entry:?} at {index}");
                self.add_violation(&what);
            }
        }
    }

    fn has_final_values(&self, paths: &[&String]) -> bool {
        let is_final = |path: &&String| {
            let entry = self.entries.get(*path);
            entry.is_some_and(|entry| entry.value.writer == LAST_WRITER)
        };
        paths.iter().all(is_final)
    }
}

/// Watches until the final value of every watched entry arrives, or a violation.
pub async fn run(
    context: Arc<RoundContext>,
    mut watch: ConsulWatch,
    mut random: Random,
) -> ConsulWatch {
    let mut connection = Connection::new(context.gateway.clone(), Face::Consul);
    let (path, is_tree) = (watch.path.clone(), watch.is_tree);
    let mut paths = context.layout.paths_below(&path);
    paths.retain(|found| is_tree || **found == path);
    let objects = watched_objects(&context, &path, is_tree);
    let client = 1000 + u32::try_from(random.below(1000)).unwrap();
    while !watch.is_complete && watch.violations.is_empty() {
        let wait = random.between(1, 8);
        let tree = if is_tree { "recurse&" } else { "" };
        let query = format!("{tree}index={}&wait={wait}s", watch.index);
        let invocation = consul::read(&path, objects.clone(), &query);
        connection.ready().await;
        let called = context.gateway.now();
        // Consul may wait a sixteenth longer than requested.
        let answer_timeout = Duration::from_secs(wait * 2 + 3);
        let Some(answer) = connection.send(&invocation.request, answer_timeout).await else {
            watch.resumed += 1;
            continue;
        };
        let completion = consul::parse_answer(&invocation, &answer, &context.sessions);
        if completion.outcome != Some(Outcome::Done) {
            watch.resumed += 1;
            watch.violations.extend(completion.violation);
            continue;
        }
        if let Some((IndexScope::Key(_) | IndexScope::Prefix(_), index)) =
            &completion.reported_index
        {
            let observed = completion.observed.iter();
            let entries = observed.filter_map(|(path, entry)| Some((path.clone(), (*entry)?)));
            watch.receive(*index, entries.collect());
        }
        watch.is_complete = watch.has_final_values(&paths);
        let exchange = Exchange {
            client,
            called,
            returned: context.gateway.now(),
            generation: connection.generation(),
        };
        exchange.record_in(&context, &invocation, completion);
    }
    watch
}

fn watched_objects(context: &RoundContext, path: &str, is_tree: bool) -> Vec<usize> {
    if is_tree {
        return context.layout.objects_below(path);
    }
    vec![context.layout.locate(path).unwrap().0]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::model::{LockHolder, Value};

    /// The number of violations after answers, each of an index and of the index of its one entry, if there is one.
    fn violations(answers: &[(u64, Option<u64>)]) -> usize {
        let mut watch = ConsulWatch::new("a", false);
        for (index, entry) in answers {
            let entry = entry.map(|index| ObservedEntry {
                value: Value::new(1, u32::try_from(index).unwrap()),
                index,
                holder: LockHolder::Unlocked,
                version: None,
            });
            let entries = entry.map(|entry| ("a".to_owned(), entry));
            watch.receive(*index, entries.into_iter().collect());
        }
        watch.violations.len()
    }

    #[test]
    fn answers_out_of_order_and_two_states_of_one_index_are_found() {
        assert_eq!(violations(&[(5, Some(5)), (6, None), (7, Some(7))]), 0);
        assert_eq!(violations(&[(5, None), (4, None)]), 1, "ordered");
        assert_eq!(violations(&[(5, Some(5)), (5, None)]), 1, "bookmarkable");
        assert_eq!(violations(&[(5, Some(5)), (6, Some(4))]), 1, "older entry");
        let deleted_returns = [(5, Some(5)), (6, None), (7, Some(5))];
        assert_eq!(violations(&deleted_returns), 1, "deleted entry returns");
    }
}
