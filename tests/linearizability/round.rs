//! A round: clients, watchers and leases on keys of their own, and the verdict on what they saw.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::Method;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::checker::counterexample::shorten;
use crate::checker::model::{Op, State};
use crate::checker::monotonic_indexes;
use crate::checker::search::{Verdict, search};
use crate::gateway::resume_floors::Memory;
use crate::gateway::{Gateway, Life, Store};
use crate::history::{Counts, Layout, Record};
use crate::nemesis::{self, Blows};
use crate::random::Random;
use crate::watch::consul_watch::{self, Queried};
use crate::watch::etcd_watch::{self, Style, Watched};
use crate::watch::observation_gaps;
use crate::watch::validators;
use crate::workload::client::{Client, World};
use crate::workload::connection::{Answer, Connection, Face, Request};
use crate::workload::sessions;
use crate::workload::ttl_keys::{self, Tally};

/// How much happens in a round.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    pub clients: u32,
    pub blows: usize,
}

/// What came of a round.
#[derive(Debug, Default)]
pub struct Report {
    pub requests: Counts,
    pub events: usize,
    pub changes: usize,
    pub resumed: usize,
    pub cleared: usize,
    pub indexes: usize,
    pub ended: usize,
    pub renewed: usize,
    pub blows: Blows,
    pub configurations: usize,
    pub faults: Vec<String>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts { yes, no, unknown } = self.requests;
        let total = yes + no + unknown;
        write!(
            f,
            "{total} operations (yes {}, no {}, unknown {}), {} events and {} changed answers to watchers that resumed {} times \
             and were cleared {} times, {} indexes, {} leases ended after {} renewals, {}; {} configurations: ",
            yes,
            no,
            unknown,
            self.events,
            self.changes,
            self.resumed,
            self.cleared,
            self.indexes,
            self.ended,
            self.renewed,
            self.blows,
            self.configurations,
        )?;
        match self.faults.len() {
            0 => write!(f, "all explained"),
            faults => write!(f, "{faults} FAULTS"),
        }
    }
}

/// The gateway, and what rounds share.
#[derive(Debug)]
pub struct Rounds {
    gateway: Gateway,
    random: Random,
    played: u64,
}

impl Rounds {
    pub fn new(directory: &Path, store: Store, seed: u64) -> Self {
        Self {
            gateway: Gateway::start(directory, store),
            random: Random::new(seed),
            played: 0,
        }
    }

    /// The bytes that the gateway keeps.
    pub fn kept(&self) -> u64 {
        self.gateway.size()
    }

    /// Plays one round and judges it.
    pub async fn play(&mut self, size: Size) -> Report {
        self.played += 1;
        let mut random = self.random.branch(self.played);
        let life = self.gateway.life();
        let world = Arc::new(world(&life, self.played).await);
        let mut clients = JoinSet::new();
        let after = whole_index(&life).await;
        let mut watchers = JoinSet::new();
        for (number, watched) in (0..).zip(watched(&world)) {
            let random = random.branch(100 + number);
            watchers.spawn(etcd_watch::watch(
                Arc::clone(&world),
                watched,
                random,
                after,
            ));
        }
        let mut queries = JoinSet::new();
        for (number, queried) in (0..).zip(queried(&world)) {
            let random = random.branch(200 + number);
            queries.spawn(consul_watch::query(Arc::clone(&world), queried, random));
        }
        let mut leases = JoinSet::<Tally>::new();
        for number in 0..3 {
            let random = random.branch(300 + number);
            let at = usize::try_from(number).unwrap();
            leases.spawn(ttl_keys::keys(Arc::clone(&world), at, random.branch(1)));
            leases.spawn(sessions::sessions(Arc::clone(&world), at, random));
        }
        for number in 1..=size.clients {
            let random = random.branch(u64::from(number));
            clients.spawn(Client::new(number, &world, random).run());
        }
        let blows =
            nemesis::strike(&mut self.gateway, &world.record, size.blows, &mut random).await;
        world.over.store(true, Ordering::Relaxed);
        clients.join_all().await;
        let mut report = Report {
            blows,
            ..Report::default()
        };
        report.count(leases.join_all().await);
        Client::new(0, &world, random.branch(0)).finish().await;
        let watched = gather(watchers, &mut report, "an etcd watcher").await;
        let queried = gather(queries, &mut report, "a blocking query").await;
        let memory = self.gateway.memory();
        report.judge(&world, &memory, &watched, &queried);
        forget(&life, &world).await;
        report
    }
}

/// Waits for all, as long as it takes a watcher to see what is there.
async fn gather<T: 'static>(mut tasks: JoinSet<T>, report: &mut Report, who: &str) -> Vec<T> {
    let mut found = Vec::new();
    loop {
        match timeout(Duration::from_secs(60), tasks.join_next()).await {
            Ok(None) => return found,
            Ok(Some(one)) => found.push(one.unwrap()),
            Err(_) => {
                let left = tasks.len();
                report
                    .faults
                    .push(format!("{who} never saw the last value ({left} of them)"));
                return found;
            }
        }
    }
}

async fn once(life: &Life, request: Request) -> Answer {
    let mut connection = Connection::new(life.clone(), request.face);
    let patience = Duration::from_secs(10);
    connection
        .send(&request, patience)
        .await
        .expect("a calm gateway answers")
}

async fn whole_index(life: &Life) -> u64 {
    let request = Request::new(
        Face::Etcd,
        Method::GET,
        "/v2/keys/".to_owned(),
        String::new(),
    );
    once(life, request).await.number("x-etcd-index").unwrap()
}

async fn world(life: &Life, round: u64) -> World {
    let root = format!("round{round}");
    let (registers, groups, locks) = (6, 2, 1);
    let mut objects = Vec::new();
    for register in 0..registers {
        objects.push(vec![format!("{root}/r/{register}")]);
    }
    for group in 0..groups {
        let names = ["a", "b", "c"].iter();
        objects.push(
            names
                .map(|name| format!("{root}/g{group}/{name}"))
                .collect(),
        );
    }
    for lock in 0..locks {
        objects.push(vec![format!("{root}/l/{lock}")]);
    }
    let mut sessions = Vec::new();
    for _ in 0..3 {
        let body = r#"{"LockDelay":"0s"}"#.to_owned();
        let uri = "/v1/session/create".to_owned();
        let made = once(life, Request::new(Face::Consul, Method::PUT, uri, body)).await;
        let json: serde_json::Value = serde_json::from_slice(&made.body).unwrap();
        sessions.push(json["ID"].as_str().unwrap().to_owned());
    }
    World {
        layout: Layout::new(root, objects),
        record: Record::default(),
        life: life.clone(),
        over: AtomicBool::new(false),
        sessions,
        registers,
        groups,
    }
}

/// Deletes what a round left.
async fn forget(life: &Life, world: &World) {
    let root = &world.layout.root;
    // With what the leases were about.
    let uri = format!("/v1/kv/{root}?recurse");
    once(
        life,
        Request::new(Face::Consul, Method::DELETE, uri, String::new()),
    )
    .await;
    for session in &world.sessions {
        let uri = format!("/v1/session/destroy/{session}");
        once(
            life,
            Request::new(Face::Consul, Method::PUT, uri, String::new()),
        )
        .await;
    }
}

/// etcd's watchers. Whoever polls sees one change of a transaction, so on what transactions write they watch one key.
fn watched(world: &World) -> Vec<Watched> {
    let root = &world.layout.root;
    let new =
        |path: &str, recursive, style| Watched::new(&format!("{root}{path}"), recursive, style);
    vec![
        new("/r", true, Style::Poll),
        new("/r", true, Style::Late),
        new("/r", true, Style::Stream),
        new("/r/0", false, Style::Poll),
        new("/r/1", false, Style::Late),
        new("/g0/a", false, Style::Poll),
        new("/g1/c", false, Style::Late),
        new("/l", true, Style::Late),
        new("", true, Style::Stream),
    ]
}

fn queried(world: &World) -> Vec<Queried> {
    let root = &world.layout.root;
    let new = |path: &str, is_tree| Queried::new(&format!("{root}{path}"), is_tree);
    vec![
        new("/r/0", false),
        new("/g1/b", false),
        new("/l/0", false),
        new("/r/", true),
        new("/g0/", true),
        new("/", true),
    ]
}

impl Report {
    fn count(&mut self, tallies: Vec<Tally>) {
        for tally in tallies {
            self.ended += tally.ended;
            self.renewed += tally.renewed;
            self.faults.extend(tally.faults);
        }
    }

    fn judge(&mut self, world: &World, memory: &Memory, watched: &[Watched], queried: &[Queried]) {
        let layout = &world.layout;
        let mut ops = world.record.take_ops(&world.life, layout.objects.len());
        self.requests = world.record.counts();
        for queried in queried {
            self.changes += queried.changes;
            self.resumed += queried.resumed;
            self.faults.extend(queried.faults.clone());
        }
        self.events = watched.iter().map(|watched| watched.events.len()).sum();
        self.resumed += watched.iter().map(|watched| watched.resumed).sum::<usize>();
        self.faults.extend(world.record.take_faults());
        self.cleared = watched.iter().map(|watched| watched.cleared).sum();
        self.faults
            .extend(validators::faults(watched, &ops, layout, memory));
        let (indexes, changed) = world.record.take_indexes();
        self.indexes = indexes.len();
        self.faults
            .extend(monotonic_indexes::faults(indexes, changed));
        validators::settle(watched, &mut ops);
        observation_gaps::leave_out(watched, layout, memory, &mut ops);
        for (paths, ops) in layout.objects.iter().zip(&ops) {
            self.explain(paths, ops);
        }
    }

    /// Looks for an order of an object's operations.
    fn explain(&mut self, paths: &[String], ops: &[Op]) {
        let start = State::empty(paths.len());
        match search(ops, &start) {
            Verdict::Linearizable(configurations) => self.configurations += configurations,
            Verdict::Not(..) => {
                let offence = shorten(ops, &start).tell(paths);
                self.faults.push(format!(
                    "{} is not linearizable:\n{offence}",
                    paths.join(", ")
                ));
            }
            Verdict::Undecided => {
                let count = ops.len();
                self.faults.push(format!(
                    "{}: {count} operations are too many to explain",
                    paths.join(", ")
                ));
            }
        }
    }
}
