//! Client: invokes random operations over all three protocols and records their answers in the history.

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
use crate::zookeeper::operations::{self, ZooKeeperInvocation};
use crate::zookeeper::request::{ZooKeeperRequest, node};
use crate::zookeeper::session::ZooKeeperSession;

/// The time after which a client gives up a request.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(700);

/// Longer than a round.
const SESSION_TIMEOUT: Duration = Duration::from_secs(40);

/// The most operations in one pipeline.
const PIPELINE: usize = 5;

/// The most on a shared store: its faults last longer and break more connections, and the search for a linearization grows
/// with the operations whose outcome each leaves unknown.
const PIPELINE_ON_SHARED_STORE: usize = 2;

/// A client of a round.
#[derive(Debug)]
pub struct Client {
    number: u32,
    context: Arc<RoundContext>,
    random: Random,
    consul: Connection,
    etcd: Connection,
    zookeeper: ZooKeeperSession,
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
            zookeeper: ZooKeeperSession::new(
                context.gateway.clone(),
                SESSION_TIMEOUT,
                ANSWER_TIMEOUT,
            ),
            last_seen: BTreeMap::new(),
            values: 0,
            answer_timeout: ANSWER_TIMEOUT,
        }
    }

    /// Invokes operations until the round is over.
    pub async fn run(mut self) {
        while !self.context.is_over.load(Ordering::Relaxed) {
            if self.random.percent(30) {
                self.invoke_pipeline().await;
                continue;
            }
            let invocation = self.next_invocation();
            self.invoke(invocation).await;
        }
        self.look_at_watched().await;
        let history = &self.context.history;
        history.count_events(self.zookeeper.events());
        for violation in self.zookeeper.take_violations() {
            history.add_violation(violation);
        }
        self.zookeeper.close().await;
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

    /// Half of the operations use few entries, so that clients conflict.
    fn next_object(&mut self) -> usize {
        let (registers, groups) = (self.context.registers, self.context.groups);
        let objects = self.context.layout.objects.len();
        match self.random.below(10) {
            0..=2 => self.random.below(registers.min(2)),
            3..=4 => self.random.below(registers),
            5..=7 => registers + self.random.below(groups),
            _ => registers + groups + self.random.below(objects - registers - groups),
        }
    }

    fn next_invocation(&mut self) -> Invocation {
        let context = Arc::clone(&self.context);
        let (registers, groups) = (context.registers, context.groups);
        let objects = &context.layout.objects;
        let object = self.next_object();
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

    fn next_zookeeper_invocation(&mut self) -> ZooKeeperInvocation {
        let context = Arc::clone(&self.context);
        let object = self.next_object();
        let paths = &context.layout.objects[object];
        let path = &paths[self.random.below(paths.len())];
        let is_group = paths.len() > 1;
        if self.random.percent(40) {
            if is_group && self.random.percent(50) {
                return operations::read_all(paths, object);
            }
            return operations::read(path, object, self.random.percent(50));
        }
        let (number, values) = (self.number, &mut self.values);
        let mut value = || {
            *values += 1;
            Value::new(number, *values)
        };
        let mut inputs = GeneratorInputs {
            random: &mut self.random,
            layout: &context.layout,
            last_seen: &self.last_seen,
            sessions: &context.sessions,
        };
        if is_group && inputs.random.percent(60) {
            operations::multi(&mut inputs, object, value)
        } else {
            let value = value();
            operations::write(&mut inputs, path, value)
        }
    }

    /// Sends several requests of a session without waiting for answers between them, and records their answers.
    async fn invoke_pipeline(&mut self) {
        let most = if self.context.gateway.is_shared() {
            PIPELINE_ON_SHARED_STORE
        } else {
            PIPELINE
        };
        let length = 1 + self.random.below(most);
        let mut invocations: Vec<_> = (0..length)
            .map(|_| self.next_zookeeper_invocation())
            .collect();
        let mut requests: Vec<_> = invocations
            .iter()
            .map(|invocation| invocation.request.clone())
            .collect();
        if self.random.percent(20) {
            // A watch of a node that may come to be. It is validated by the session alone.
            let object = self.next_object();
            let path = node(&self.context.layout.objects[object][0]);
            requests.push(ZooKeeperRequest::Exists(path, true));
            requests.push(ZooKeeperRequest::Sync);
        }
        let calls = self.zookeeper.call(&requests).await;
        for (invocation, reply) in invocations.iter_mut().zip(calls.replies) {
            let returned = match &reply {
                Some(reply) => reply.returned,
                None => self.context.gateway.now(),
            };
            let completion = match &reply {
                Some(reply) => operations::parse_reply(invocation, &reply.frame),
                None => Completion::default(),
            };
            let exchange = Exchange {
                client: self.number,
                called: calls.called,
                returned,
                generation: calls.generation,
            };
            self.record(&exchange, invocation, completion);
        }
    }

    /// Reads every node whose watch waits: the event of a change comes before the reply that shows it.
    async fn look_at_watched(&mut self) {
        for path in self.zookeeper.watched() {
            let read = ZooKeeperRequest::Exists(path, false);
            self.zookeeper.call_one(read).await;
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
        let exchange = Exchange {
            client: self.number,
            called,
            returned,
            generation: connection.generation(),
        };
        self.record(&exchange, &invocation, completion)
    }

    /// Records an answer.
    fn record<R>(
        &mut self,
        exchange: &Exchange,
        invocation: &Invocation<R>,
        completion: Completion,
    ) -> Option<Outcome> {
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
        exchange.record_in(&self.context, invocation, completion);
        outcome
    }
}
