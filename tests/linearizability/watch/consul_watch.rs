//! Watchers by Consul: blocking queries, each of which shows all there is.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::checker::model::{LAST_WRITER, Outcome, Seen};
use crate::history::Scope;
use crate::random::Random;
use crate::workload::client::{Told, World, within};
use crate::workload::connection::{Connection, Face};
use crate::workload::consul;

/// What a watcher saw.
#[derive(Debug)]
pub struct Queried {
    /// The key, or what all its keys begin with.
    pub path: String,
    pub is_tree: bool,
    /// How many answers differed from the one before.
    pub changes: usize,
    pub resumed: usize,
    pub faults: Vec<String>,
    /// Whether it came to the last values.
    pub whole: bool,
    index: u64,
    shown: BTreeMap<String, Seen>,
    /// The highest index of each entry so far.
    highest: BTreeMap<String, u64>,
}

impl Queried {
    pub fn new(path: &str, is_tree: bool) -> Self {
        Self {
            path: path.to_owned(),
            is_tree,
            changes: 0,
            resumed: 0,
            faults: Vec::new(),
            whole: false,
            index: 0,
            shown: BTreeMap::new(),
            highest: BTreeMap::new(),
        }
    }

    /// Takes an answer: the index does not fall, no entry goes back, and one index is one state.
    fn take(&mut self, index: u64, shown: BTreeMap<String, Seen>) {
        let path = self.path.clone();
        if index < self.index {
            let before = self.index;
            self.faults
                .push(format!("blocking on {path}: index {index} after {before}"));
        }
        if index == self.index && shown != self.shown {
            let before = &self.shown;
            self.faults.push(format!(
                "blocking on {path}: at {index} {shown:?} after {before:?}"
            ));
        }
        for (path, seen) in &shown {
            let highest = self.highest.entry(path.clone()).or_default();
            let before = self.shown.get(path);
            // One that was gone comes back with a higher index, as does one that changed.
            let back = seen.index < *highest || (seen.index == *highest && before != Some(seen));
            if back {
                let what = format!("{path} went back from {highest} to {seen:?} at {index}");
                self.faults
                    .push(format!("blocking on {}: {what}", self.path));
            }
            *highest = seen.index;
        }
        self.changes += usize::from(index != self.index);
        self.index = index;
        self.shown = shown;
    }

    fn is_last(&self, paths: &[&String]) -> bool {
        let last = |path: &&String| {
            let seen = self.shown.get(*path);
            seen.is_some_and(|seen| seen.value.writer == LAST_WRITER)
        };
        paths.iter().all(last)
    }
}

/// A watcher that goes on until it saw the last value of each of its entries.
pub async fn query(world: Arc<World>, mut queried: Queried, mut random: Random) -> Queried {
    let mut connection = Connection::new(world.life.clone(), Face::Consul);
    let (path, is_tree) = (queried.path.clone(), queried.is_tree);
    let mut paths = world.layout.below(&path);
    paths.retain(|found| is_tree || **found == path);
    let objects = within_reach(&world, &path, is_tree);
    let client = 1000 + u32::try_from(random.below(1000)).unwrap();
    while !queried.whole && queried.faults.is_empty() {
        let wait = random.between(1, 8);
        let tree = if is_tree { "recurse&" } else { "" };
        let uri = format!("{tree}index={}&wait={wait}s", queried.index);
        let plan = consul::read(&path, objects.clone(), &uri);
        connection.ready().await;
        let called = world.life.now();
        // Consul may wait a sixteenth longer than asked.
        let patience = Duration::from_secs(wait * 2 + 3);
        let Some(answer) = connection.send(&plan.request, patience).await else {
            queried.resumed += 1;
            continue;
        };
        let reading = consul::understand(&plan, &answer, &world.sessions);
        if reading.outcome != Some(Outcome::Yes) {
            queried.resumed += 1;
            queried.faults.extend(reading.fault);
            continue;
        }
        if let Some((Scope::Key(_) | Scope::Prefix(_), index)) = &reading.told {
            let shown = reading
                .before
                .iter()
                .filter_map(|(path, seen)| Some((path.clone(), (*seen)?)));
            queried.take(*index, shown.collect());
        }
        queried.whole = queried.is_last(&paths);
        let told = Told {
            client,
            called,
            returned: world.life.now(),
            life: connection.asked(),
        };
        told.write_down(&world, &plan, reading);
    }
    queried
}

fn within_reach(world: &World, path: &str, is_tree: bool) -> Vec<usize> {
    if is_tree {
        return within(&world.layout, path);
    }
    vec![world.layout.place(path).unwrap().0]
}
