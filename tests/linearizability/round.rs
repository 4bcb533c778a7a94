//! Round: clients, watchers, leases and the nemesis on keys of their own, and the check of their history.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::Method;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::gateway::Gateway;
use crate::gateway::handle::{Face, GatewayHandle};
use crate::gateway::store::Store;
use crate::history::History;
use crate::nemesis;
use crate::object_layout::ObjectLayout;
use crate::random::Random;
use crate::report::{RoundReport, RoundWatches};
use crate::watch::consul_watch::{self, ConsulWatch};
use crate::watch::etcd_watch::{EtcdWatch, WatchStyle};
use crate::watch::etcd_watcher;
use crate::workload::client::Client;
use crate::workload::connection::{Answer, Connection, Request};
use crate::workload::context::RoundContext;
use crate::workload::expiry::ExpiryReport;
use crate::workload::{sessions, ttl_keys};
use crate::zookeeper::sequences::SequenceReport;
use crate::zookeeper::{ephemerals, recursive_watch, sequences};

/// The numbers of clients and injected faults in a round.
#[derive(Clone, Copy, Debug)]
pub struct RoundSize {
    pub clients: u32,
    pub faults: usize,
}

/// A gateway, and the random numbers for rounds on it.
#[derive(Debug)]
pub struct Rounds {
    gateway: Gateway,
    random: Random,
    number: u64,
}

impl Rounds {
    pub fn new(directory: &Path, store: Store, seed: u64) -> Self {
        Self {
            gateway: Gateway::start(directory, store),
            random: Random::new(seed),
            number: 0,
        }
    }

    /// The size of the embedded store in bytes.
    pub fn stored_bytes(&self) -> u64 {
        self.gateway.stored_bytes()
    }

    /// Runs one round and checks its history.
    pub async fn run(&mut self, size: RoundSize) -> RoundReport {
        self.number += 1;
        let mut random = self.random.branch(self.number);
        let gateway = self.gateway.handle();
        let context = Arc::new(new_context(&gateway, self.number).await);
        let etcd_watchers = spawn_etcd_watchers(&context, &random).await;
        let consul_watchers = spawn_consul_watchers(&context, &random);
        let recursive_watch = tokio::spawn(recursive_watch::run(Arc::clone(&context)));
        let leases = spawn_leases(&context, &random, self.number);
        let sequences = spawn_sequences(&context, &random);
        let mut clients = JoinSet::new();
        for number in 1..=size.clients {
            let random = random.branch(u64::from(number));
            clients.spawn(Client::new(number, &context, random).run());
        }
        let history = &context.history;
        let faults =
            nemesis::inject_faults(&mut self.gateway, history, size.faults, &mut random).await;
        context.is_over.store(true, Ordering::Relaxed);
        clients.join_all().await;
        let mut report = RoundReport {
            faults,
            ..RoundReport::default()
        };
        report.add_expiries(leases.join_all().await);
        report.add_sequences(&sequences.join_all().await);
        Client::new(0, &context, random.branch(0)).finish().await;
        context.is_finished.store(true, Ordering::Release);
        let etcd_watches = join_watchers(etcd_watchers, &mut report, "an etcd watcher").await;
        let consul_watches = join_watchers(consul_watchers, &mut report, "a blocking query").await;
        let resume_floors = self.gateway.resume_floors();
        let watches = RoundWatches {
            etcd: etcd_watches,
            consul: consul_watches,
            recursive: recursive_watch.await.unwrap(),
        };
        report.check(&context, &resume_floors, &watches, self.gateway.is_shared());
        if !report.violations.is_empty() {
            let timeline = format!("in nanoseconds of the run: {:?}", gateway.timeline());
            report.violations.push(timeline);
        }
        clean_up(&context).await;
        report
    }
}

async fn spawn_etcd_watchers(context: &Arc<RoundContext>, random: &Random) -> JoinSet<EtcdWatch> {
    let after = store_index(&context.gateway).await;
    let mut watchers = JoinSet::new();
    for (number, watch) in (0..).zip(etcd_watches(context)) {
        let random = random.branch(100 + number);
        watchers.spawn(etcd_watcher::run(Arc::clone(context), watch, random, after));
    }
    watchers
}

fn spawn_consul_watchers(context: &Arc<RoundContext>, random: &Random) -> JoinSet<ConsulWatch> {
    let mut watchers = JoinSet::new();
    for (number, watch) in (0..).zip(consul_watches(context)) {
        let random = random.branch(200 + number);
        watchers.spawn(consul_watch::run(Arc::clone(context), watch, random));
    }
    watchers
}

/// A session of ZooKeeper lives for four seconds and more, and is left to end by itself in every third round alone.
fn spawn_leases(context: &Arc<RoundContext>, random: &Random, round: u64) -> JoinSet<ExpiryReport> {
    let mut leases = JoinSet::new();
    for number in 0..2 {
        let lasts = number == 0 && round % 3 == 1;
        let random = random.branch(400 + number);
        let number = usize::try_from(number).unwrap();
        let context = Arc::clone(context);
        leases.spawn(ephemerals::run(context, number, lasts, random));
    }
    for number in 0..3 {
        let random = random.branch(300 + number);
        let number = usize::try_from(number).unwrap();
        leases.spawn(ttl_keys::run(Arc::clone(context), number, random.branch(1)));
        leases.spawn(sessions::run(Arc::clone(context), number, random));
    }
    leases
}

fn spawn_sequences(context: &Arc<RoundContext>, random: &Random) -> JoinSet<SequenceReport> {
    let mut sequences = JoinSet::new();
    for number in 0..3 {
        let random = random.branch(500 + number);
        sequences.spawn(sequences::run(Arc::clone(context), number, random));
    }
    sequences
}

/// Waits for all watchers, as long as they may take to receive the final values.
async fn join_watchers<T: 'static>(
    mut watchers: JoinSet<T>,
    report: &mut RoundReport,
    kind: &str,
) -> Vec<T> {
    let mut watches = Vec::new();
    loop {
        match timeout(Duration::from_secs(60), watchers.join_next()).await {
            Ok(None) => return watches,
            Ok(Some(watch)) => watches.push(watch.unwrap()),
            Err(_) => {
                let left = watchers.len();
                let what = format!("complete: {kind} never received the final value ({left} left)");
                report.violations.push(what);
                return watches;
            }
        }
    }
}

/// Sends a request to a gateway that no fault affects at the moment.
async fn send_once(gateway: &GatewayHandle, request: Request) -> Answer {
    let mut connection = Connection::new(gateway.clone(), request.face);
    let answer_timeout = Duration::from_secs(10);
    connection
        .send(&request, answer_timeout)
        .await
        .expect("a gateway without faults answers")
}

async fn store_index(gateway: &GatewayHandle) -> u64 {
    let request = Request::new(
        Face::Etcd,
        Method::GET,
        "/v2/keys/".to_owned(),
        String::new(),
    );
    let answer = send_once(gateway, request).await;
    answer.number("x-etcd-index").unwrap()
}

async fn new_context(gateway: &GatewayHandle, round: u64) -> RoundContext {
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
    // Entries of their own: otherwise the last child that ZooKeeper's clients delete would leave one, and a poll, which
    // receives one event of a transaction, could miss the deletion.
    for directory in ["r", "l"] {
        let uri = format!("/v2/keys/{root}/{directory}?dir=true");
        let make = Request::new(Face::Etcd, Method::PUT, uri, String::new());
        send_once(gateway, make).await;
    }
    let mut sessions = Vec::new();
    for _ in 0..3 {
        let body = r#"{"LockDelay":"0s"}"#.to_owned();
        let uri = "/v1/session/create".to_owned();
        let create = Request::new(Face::Consul, Method::PUT, uri, body);
        let created = send_once(gateway, create).await;
        let json: serde_json::Value = serde_json::from_slice(&created.body).unwrap();
        sessions.push(json["ID"].as_str().unwrap().to_owned());
    }
    RoundContext {
        layout: ObjectLayout::new(root, objects),
        history: History::default(),
        gateway: gateway.clone(),
        is_over: AtomicBool::new(false),
        is_finished: AtomicBool::new(false),
        sessions,
        registers,
        groups,
    }
}

/// Deletes the keys and the sessions of a round.
async fn clean_up(context: &RoundContext) {
    let root = &context.layout.root;
    // Keys of leases have the same prefix.
    let uri = format!("/v1/kv/{root}?recurse");
    let delete = Request::new(Face::Consul, Method::DELETE, uri, String::new());
    send_once(&context.gateway, delete).await;
    for session in &context.sessions {
        let uri = format!("/v1/session/destroy/{session}");
        let destroy = Request::new(Face::Consul, Method::PUT, uri, String::new());
        send_once(&context.gateway, destroy).await;
    }
}

/// The watches over etcd. A poll receives one event of a transaction, so on groups, which transactions write, polls
/// watch a single key.
fn etcd_watches(context: &RoundContext) -> Vec<EtcdWatch> {
    let root = &context.layout.root;
    let new =
        |path: &str, recursive, style| EtcdWatch::new(&format!("{root}{path}"), recursive, style);
    vec![
        new("/r", true, WatchStyle::Poll),
        new("/r", true, WatchStyle::Late),
        new("/r", true, WatchStyle::Stream),
        new("/r/0", false, WatchStyle::Poll),
        new("/r/1", false, WatchStyle::Late),
        new("/g0/a", false, WatchStyle::Poll),
        new("/g1/c", false, WatchStyle::Late),
        new("/l", true, WatchStyle::Late),
        new("", true, WatchStyle::Stream),
    ]
}

fn consul_watches(context: &RoundContext) -> Vec<ConsulWatch> {
    let root = &context.layout.root;
    let new = |path: &str, is_tree| ConsulWatch::new(&format!("{root}{path}"), is_tree);
    vec![
        new("/r/0", false),
        new("/g1/b", false),
        new("/l/0", false),
        new("/r/", true),
        new("/g0/", true),
        new("/", true),
    ]
}
