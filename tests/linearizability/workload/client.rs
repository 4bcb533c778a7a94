//! A client: asks by chance, over both protocols, and writes down what it was told.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::checker::model::{Effect, LAST_WRITER, Op, Outcome, Seen, Value};
use crate::gateway::Life;
use crate::history::{Changed, Layout, Position, Record};
use crate::random::Random;
use crate::workload::connection::{Connection, Face};
use crate::workload::consul;
use crate::workload::etcd;
use crate::workload::invocation::{Choice, Kind, Plan, Reading};

/// How long a client waits for an answer.
const PATIENCE: Duration = Duration::from_millis(700);

/// What the clients of a round share.
#[derive(Debug)]
pub struct World {
    pub layout: Layout,
    pub record: Record,
    pub life: Life,
    pub over: AtomicBool,
    /// Sessions that hold locks: their ids.
    pub sessions: Vec<String>,
    /// How many registers, groups and locks there are among the objects, in this order.
    pub registers: usize,
    pub groups: usize,
}

/// One of them.
#[derive(Debug)]
pub struct Client {
    number: u32,
    world: Arc<World>,
    random: Random,
    consul: Connection,
    etcd: Connection,
    known: BTreeMap<String, Seen>,
    written: u32,
    patience: Duration,
}

impl Client {
    pub fn new(number: u32, world: &Arc<World>, random: Random) -> Self {
        Self {
            number,
            world: Arc::clone(world),
            random,
            consul: Connection::new(world.life.clone(), Face::Consul),
            etcd: Connection::new(world.life.clone(), Face::Etcd),
            known: BTreeMap::new(),
            written: 0,
            patience: PATIENCE,
        }
    }

    /// Asks until the round is over.
    pub async fn run(mut self) {
        while !self.world.over.load(Ordering::Relaxed) {
            let plan = self.choose();
            self.ask(plan).await;
        }
    }

    /// Writes the last value of each entry, which every watcher waits for.
    pub async fn finish(mut self) {
        self.number = LAST_WRITER;
        self.patience = Duration::from_secs(20);
        let world = Arc::clone(&self.world);
        for path in world.layout.below("") {
            let (object, slot) = world.layout.place(path).unwrap();
            let value = self.value();
            let written = self.ask(etcd::set(path, object, slot, value)).await;
            assert_eq!(written, Some(Outcome::Yes), "the last write of {path}");
        }
    }

    fn value(&mut self) -> Value {
        self.written += 1;
        Value::new(self.number, self.written)
    }

    fn choose(&mut self) -> Plan {
        let world = Arc::clone(&self.world);
        let (registers, groups) = (world.registers, world.groups);
        let objects = &world.layout.objects;
        // Half of it is about few entries, so that clients meet.
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
                (true, true) => consul::read(&prefix, within(&world.layout, &prefix), "recurse"),
                (false, false) => etcd::read(path, vec![object], some),
                (false, true) => etcd::read(
                    prefix.trim_end_matches('/'),
                    within(&world.layout, &prefix),
                    some,
                ),
            };
        }
        let mut choice = Choice {
            random: &mut self.random,
            layout: &world.layout,
            known: &self.known,
            sessions: &world.sessions,
        };
        if is_group && choice.random.percent(60) {
            if choice.random.percent(5) {
                return consul::delete_tree(object, paths.len(), &prefix);
            }
            let (number, written) = (self.number, &mut self.written);
            return consul::transaction(&mut choice, object, || {
                *written += 1;
                Value::new(number, *written)
            });
        }
        if consul {
            consul::write(&mut choice, path, value, object >= registers + groups)
        } else {
            etcd::write(&mut choice, path, value)
        }
    }

    /// Asks and writes down what came of it.
    async fn ask(&mut self, plan: Plan) -> Option<Outcome> {
        let connection = match plan.request.face {
            Face::Consul => &mut self.consul,
            Face::Etcd => &mut self.etcd,
        };
        connection.ready().await;
        let called = self.world.life.now();
        let answer = connection.send(&plan.request, self.patience).await;
        let returned = self.world.life.now();
        let reading = match &answer {
            None => Reading::default(),
            Some(answer) if plan.request.face == Face::Etcd => etcd::understand(&plan, answer),
            Some(answer) => consul::understand(&plan, answer, &self.world.sessions),
        };
        for (path, seen) in &reading.before {
            match seen {
                Some(seen) => self.known.insert(path.clone(), *seen),
                None => self.known.remove(path),
            };
        }
        let outcome = reading.outcome;
        self.world
            .record
            .request(outcome.unwrap_or(Outcome::Unknown));
        let told = Told {
            client: self.number,
            called,
            returned,
            life: connection.asked(),
        };
        told.write_down(&self.world, &plan, reading);
        outcome
    }
}

/// The objects that have entries with a prefix.
pub fn within(layout: &Layout, prefix: &str) -> Vec<usize> {
    let objects = layout.objects.iter().enumerate();
    let found = objects.filter(|(_, paths)| paths[0].starts_with(prefix));
    found.map(|(object, _)| object).collect()
}

/// When who was told something, by which of the gateway's lives.
#[derive(Clone, Copy, Debug)]
pub struct Told {
    pub client: u32,
    pub called: u64,
    pub returned: u64,
    pub life: usize,
}

impl Told {
    /// Writes down what an answer said.
    pub fn write_down(self, world: &World, plan: &Plan, reading: Reading) {
        let record = &world.record;
        if let Some(fault) = reading.fault {
            record.fault(fault);
        }
        if let Some((scope, index)) = reading.told {
            record.index(Position {
                called: self.called,
                returned: self.returned,
                scope,
                index,
            });
        }
        let mut op = Op {
            client: self.client,
            called: self.called,
            returned: self.returned,
            outcome: reading.outcome.unwrap_or(Outcome::Unknown),
            conditions: plan.conditions.clone(),
            effects: plan.effects.clone(),
            before: Vec::new(),
            index: reading.index,
            failed: reading.failed,
        };
        match &plan.kind {
            Kind::Read(_) if op.outcome == Outcome::Unknown => {}
            Kind::Read(objects) => {
                for object in objects {
                    let mut op = op.clone();
                    let paths = world.layout.objects[*object].iter().enumerate();
                    // What was asked about and is not shown is not there.
                    let asked = paths.filter(|(_, path)| path.starts_with(&plan.path));
                    op.before = asked
                        .map(|(slot, path)| (slot, find(&reading.before, path)))
                        .collect();
                    record.op(*object, self.life, op);
                }
            }
            Kind::Write(object) => {
                if op.outcome == Outcome::Unknown {
                    op.returned = u64::MAX;
                }
                for (path, seen) in reading.before {
                    let (_, slot) = world.layout.place(&path).unwrap();
                    op.before.push((slot, seen));
                }
                if let (Some(index), Outcome::Yes) = (op.index, op.outcome) {
                    for (slot, effect) in &op.effects {
                        // A transaction may delete what is not there.
                        if *effect == Effect::Delete && op.effects.len() > 1 {
                            continue;
                        }
                        record.changed(Changed {
                            returned: self.returned,
                            path: world.layout.objects[*object][*slot].clone(),
                            index,
                        });
                    }
                }
                record.op(*object, self.life, op);
            }
        }
    }
}

fn find(shown: &[(String, Option<Seen>)], path: &str) -> Option<Seen> {
    shown.iter().find(|(shown, _)| shown == path)?.1
}
