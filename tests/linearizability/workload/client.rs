//! Client: invokes random operations over both protocols and records their answers in the history.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::checker::model::{LAST_WRITER, ObservedEntry, Outcome, Value};
use crate::gateway::handle::Face;
use crate::random::Random;
use crate::workload::connection::Connection;
use crate::workload::consul;
use crate::workload::context::RoundContext;
use crate::workload::etcd;
use crate::workload::exchange::Exchange;
use crate::workload::invocation::{Completion, GeneratorInputs, Invocation};

/// The time after which a client gives up a request.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(700);

/// A client of a round.
#[derive(Debug)]
pub struct Client {
    number: u32,
    context: Arc<RoundContext>,
    random: Random,
    consul: Connection,
    etcd: Connection,
    /// The last observed entry of each path.
    last_seen: BTreeMap<String, ObservedEntry>,
    /// The number of values chosen so far.
    values: u32,
    answer_timeout: Duration,
}

impl Client {
    pub fn new(number: u32, context: &Arc<RoundContext>, random: Random) -> Self {
        Self {
            number,
            context: Arc::clone(context),
            random,
            consul: Connection::new(context.gateway.clone(), Face::Consul),
            etcd: Connection::new(context.gateway.clone(), Face::Etcd),
            last_seen: BTreeMap::new(),
            values: 0,
            answer_timeout: ANSWER_TIMEOUT,
        }
    }

    /// Invokes operations until the round is over.
    pub async fn run(mut self) {
        while !self.context.is_over.load(Ordering::Relaxed) {
            let invocation = self.next_invocation();
            self.invoke(invocation).await;
        }
    }

    /// Writes the final value of each entry, which every watcher waits for.
    pub async fn finish(mut self) {
        self.number = LAST_WRITER;
        self.answer_timeout = Duration::from_secs(20);
        let context = Arc::clone(&self.context);
        for path in context.layout.paths_below("") {
            let (object, slot) = context.layout.locate(path).unwrap();
            let value = self.value();
            let written = self.invoke(etcd::set(path, object, slot, value)).await;
            assert_eq!(written, Some(Outcome::Done), "the final write of {path}");
        }
    }

    fn value(&mut self) -> Value {
        self.values += 1;
        Value::new(self.number, self.values)
    }

    fn next_invocation(&mut self) -> Invocation {
        let context = Arc::clone(&self.context);
        let (registers, groups) = (context.registers, context.groups);
        let objects = &context.layout.objects;
        // Half of the operations use few entries, so that clients conflict.
        let object = match self.random.below(10) {
            0..=2 => self.random.below(registers.min(2)),
            3..=4 => self.random.below(registers),
            5..=7 => registers + self.random.below(groups),
            _ => registers + groups + self.random.below(objects.len() - registers - groups),
        };
        let paths = &objects[object];
        let path = &paths[self.random.below(paths.len())];
        let is_group = paths.len() > 1;
        let prefix = path.rsplit_once('/').unwrap().0.to_owned() + "/";
        let consul = self.random.percent(50);
        let reads = self.random.percent(40);
        let value = self.value();
        let some = self.random.percent(50);
        if reads {
            let tree = self.random.percent(30);
            return match (consul, tree) {
                (true, false) => {
                    consul::read(path, vec![object], if some { "consistent" } else { "" })
                }
                (true, true) => {
                    consul::read(&prefix, context.layout.objects_below(&prefix), "recurse")
                }
                (false, false) => etcd::read(path, vec![object], some),
                (false, true) => etcd::read(
                    prefix.trim_end_matches('/'),
                    context.layout.objects_below(&prefix),
                    some,
                ),
            };
        }
        let mut inputs = GeneratorInputs {
            random: &mut self.random,
            layout: &context.layout,
            last_seen: &self.last_seen,
            sessions: &context.sessions,
        };
        if is_group && inputs.random.percent(60) {
            if inputs.random.percent(5) {
                return consul::delete_tree(object, paths.len(), &prefix);
            }
            let (number, values) = (self.number, &mut self.values);
            return consul::transaction(&mut inputs, object, || {
                *values += 1;
                Value::new(number, *values)
            });
        }
        if consul {
            consul::write(&mut inputs, path, value, object >= registers + groups)
        } else {
            etcd::write(&mut inputs, path, value)
        }
    }

    /// Sends a request and records its answer.
    async fn invoke(&mut self, invocation: Invocation) -> Option<Outcome> {
        let connection = match invocation.request.face {
            Face::Consul => &mut self.consul,
            Face::Etcd => &mut self.etcd,
        };
        connection.ready().await;
        let called = self.context.gateway.now();
        let answer = connection
            .send(&invocation.request, self.answer_timeout)
            .await;
        let returned = self.context.gateway.now();
        let completion = match &answer {
            None => Completion::default(),
            Some(answer) if invocation.request.face == Face::Etcd => {
                etcd::parse_answer(&invocation, answer)
            }
            Some(answer) => consul::parse_answer(&invocation, answer, &self.context.sessions),
        };
        for (path, entry) in &completion.observed {
            match entry {
                Some(entry) => self.last_seen.insert(path.clone(), *entry),
                None => self.last_seen.remove(path),
            };
        }
        let outcome = completion.outcome;
        self.context
            .history
            .count(outcome.unwrap_or(Outcome::Unknown));
        let exchange = Exchange {
            client: self.number,
            called,
            returned,
            generation: connection.generation(),
        };
        exchange.record_in(&self.context, &invocation, completion);
        outcome
    }
}
