//! The gateway's process, and what its clients may know of it.

pub mod resume_floors;

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use rustix::process::{Pid, Signal, kill_process};
use support::command::binary;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::gateway::resume_floors::Memory;
use crate::workload::connection::Face;
use support::etcd_members::Members;
use support::kubernetes_servers::Servers;

/// Where the gateway listens, in which of its lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub life: usize,
    consul: SocketAddr,
    etcd: SocketAddr,
}

/// What one of several gateways was asked may be done by another one later: a connection that came while nobody led waits
/// for the next leader, and one of those to take the lead may be the gateway itself. Not by the third after it.
const LATER: usize = 3;

impl Place {
    pub fn address(&self, face: Face) -> SocketAddr {
        match face {
            Face::Consul => self.consul,
            Face::Etcd => self.etcd,
        }
    }
}

/// When its process was not there, or stood still.
#[derive(Clone, Debug, Default)]
pub struct Times {
    /// When each of the gateway's lives began.
    pub lives: Vec<u64>,
    /// From when to when a gateway began to serve: not before, and at the latest.
    pub began: Vec<(u64, u64)>,
    /// When each was over, where that is known for sure.
    pub ended: BTreeMap<usize, u64>,
    /// From when to when it was stopped.
    pub stopped: Vec<(u64, u64)>,
    /// When something befell the cluster, and whether another one led then is not known.
    pub troubled: Vec<u64>,
}

impl Times {
    fn life(&self) -> usize {
        self.lives.len() - 1
    }

    fn begin(&mut self, now: u64) {
        self.lives.push(now);
        self.began.push((now, now));
    }
}

/// What clients know: the time, where to connect, and which lives are over.
#[derive(Clone, Debug)]
pub struct Life {
    zero: Instant,
    place: watch::Receiver<Option<Place>>,
    /// A gateway that relays.
    other: watch::Receiver<Option<Place>>,
    asked: Arc<AtomicUsize>,
    is_shared: bool,
    times: Arc<Mutex<Times>>,
}

impl Life {
    /// Nanoseconds since the run began.
    pub fn now(&self) -> u64 {
        u64::try_from(self.zero.elapsed().as_nanos()).unwrap()
    }

    /// Where to connect: mostly to the one that leads.
    pub fn place(&self) -> Place {
        let other = *self.other.borrow();
        if let Some(other) = other
            && self.asked.fetch_add(1, Ordering::Relaxed) % 3 == 2
        {
            return other;
        }
        self.place.borrow().expect("it was started")
    }

    /// Waits until the gateway may be elsewhere than it was.
    pub async fn moved(&mut self) {
        self.place.mark_unchanged();
        let some_time = Duration::from_millis(20);
        let _changed = tokio::time::timeout(some_time, self.place.changed()).await;
    }

    /// Which life is asked now, over a connection to a place. Where there are several gateways, one that stands by may live
    /// through many: what it is asked now, whoever leads now may do.
    pub fn asked(&self, place: Place) -> usize {
        if self.is_shared {
            self.times.lock().life()
        } else {
            place.life
        }
    }

    /// Until when what a life was asked could be done; `u64::MAX` while it lives.
    pub fn over(&self, life: usize) -> u64 {
        let times = self.times.lock();
        let ended = times.ended.get(&life);
        let ended = ended.or_else(|| times.lives.get(life + LATER).filter(|_| self.is_shared));
        ended.copied().unwrap_or(u64::MAX)
    }

    pub fn times(&self) -> Times {
        self.times.lock().clone()
    }
}

/// Where a gateway keeps entries.
#[derive(Debug)]
pub enum Store {
    /// In its directory.
    Embedded,
    /// In a cluster, each gateway by an API server of its own. Another gateway stands by. Whatever one that led sent may
    /// still take effect, until the next one leads.
    Kubernetes(Servers),
    /// In an etcd of three members, each gateway by another member first.
    Etcd(Members),
}

impl Store {
    /// In a cluster of its own, with two API servers.
    pub fn kubernetes() -> Self {
        let servers = Servers::start(2);
        servers.define();
        Self::Kubernetes(servers)
    }

    /// In an etcd of its own.
    pub fn etcd() -> Self {
        Self::Etcd(Members::start_apart("etcd-3.6"))
    }

    /// Whether another gateway may take over.
    pub fn is_shared(&self) -> bool {
        !matches!(self, Self::Embedded)
    }
}

/// One process, and where it listens.
#[derive(Debug)]
struct Process {
    child: Child,
    name: String,
    /// Which API server it is at, or by which order of members.
    server: usize,
    consul: SocketAddr,
    etcd: SocketAddr,
    log: PathBuf,
}

impl Process {
    /// Waits until it says where it listens.
    fn listening(spawned: Spawned) -> Self {
        let Spawned {
            mut child,
            log,
            name,
            server,
        } = spawned;
        let mut faces = BTreeMap::new();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        while faces.len() < 2 {
            let Some(line) = lines.next() else {
                panic!("the gateway does not start:\n{}", read(&log));
            };
            let line = line.unwrap();
            let url = line.split("--cluster-store=").nth(1);
            let url = url.and_then(|url| url.trim().split_once("://"));
            let (scheme, address) = url.expect(&line);
            faces.insert(scheme.to_owned(), address.parse().unwrap());
        }
        Self {
            child,
            name,
            server,
            consul: faces["consul"],
            etcd: faces["etcd"],
            log,
        }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Panics where it ended by itself.
    fn check(&mut self) {
        if let Some(status) = self.child.try_wait().unwrap() {
            panic!("a gateway ended by itself, {status}:\n{}", read(&self.log));
        }
    }

    /// Waits until it is over, and checks what it said.
    fn over(&mut self) -> ExitStatus {
        let status = self.child.wait().unwrap();
        let log = read(&self.log);
        assert!(!log.contains("panicked"), "it panicked:\n{log}");
        status
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

/// A gateway on a directory of its own, one process after the other; killed when dropped.
#[derive(Debug)]
pub struct Gateway {
    store: Store,
    directory: PathBuf,
    /// The one that leads.
    process: Process,
    /// The one that stands by, on a store of several.
    standby: Option<Process>,
    spawned: usize,
    place: watch::Sender<Option<Place>>,
    other: watch::Sender<Option<Place>>,
    life: Life,
}

impl Gateway {
    pub fn start(directory: &Path, store: Store) -> Self {
        let ((place, seen), (other, other_seen)) = (watch::channel(None), watch::channel(None));
        let life = Life {
            zero: Instant::now(),
            place: seen,
            other: other_seen,
            asked: Arc::default(),
            is_shared: store.is_shared(),
            times: Arc::default(),
        };
        life.times.lock().begin(0);
        // A copy: a build in between must not change what is restarted.
        fs::copy(binary(), program(directory)).unwrap();
        let first = spawn(directory, &store, 0, 1);
        let mut gateway = Self {
            directory: directory.to_owned(),
            process: Process::listening(first),
            standby: None,
            spawned: 1,
            store,
            place,
            other,
            life,
        };
        gateway.lead();
        gateway
    }

    pub fn life(&self) -> Life {
        self.life.clone()
    }

    /// Whether another gateway may take over.
    pub fn is_shared(&self) -> bool {
        self.store.is_shared()
    }

    /// Starts one beside the one that leads.
    fn spawn(&mut self) -> Spawned {
        self.spawned += 1;
        let server = 3 - self.process.server;
        spawn(&self.directory, &self.store, self.spawned, server)
    }

    /// Tells clients where to go once it answers there, and so leads.
    fn lead(&mut self) {
        let begun = Instant::now();
        while self.is_shared() && !answers(self.process.etcd) {
            self.check();
            assert!(
                begun.elapsed() < Duration::from_secs(60),
                "nobody leads:\n{}",
                read(&self.process.log)
            );
        }
        if self.is_shared() && self.standby.is_none() {
            self.standby = Some(Process::listening(self.spawn()));
        }
        self.tell();
    }

    /// Tells clients where to go.
    fn tell(&self) {
        let life = self.life.times.lock().life();
        let place = |process: &Process| Place {
            life,
            consul: process.consul,
            etcd: process.etcd,
        };
        self.place.send_replace(Some(place(&self.process)));
        let standby = self.standby.as_ref();
        self.other.send_replace(standby.map(place));
    }

    /// Where it keeps entries.
    pub fn store(&mut self) -> &mut Store {
        &mut self.store
    }

    /// The API server that the one that leads is at.
    pub fn server(&self) -> usize {
        self.process.server
    }

    /// Something befalls the cluster: who leads is not known until [`Gateway::regroup`].
    pub fn trouble(&self) {
        let now = self.life.now();
        self.life.times.lock().troubled.push(now);
    }

    /// What those who led remembered of the past.
    pub fn memory(&self) -> Memory {
        if !self.is_shared() {
            return Memory::default();
        }
        let log = |number: usize| self.directory.join(format!("log-{number}"));
        let logs: Vec<_> = (0..=self.spawned).map(log).collect();
        let there: Vec<_> = logs.into_iter().filter(|log| log.exists()).collect();
        Memory::read(&there)
    }

    /// Waits until one of them leads, and tells clients which.
    pub fn regroup(&mut self) {
        let begun = Instant::now();
        let leader = loop {
            self.check();
            let places = [Some(&self.process), self.standby.as_ref()];
            let leader = places
                .into_iter()
                .flatten()
                .find_map(|at| leader(at.consul));
            if let Some(leader) = leader {
                break leader;
            }
            assert!(
                begun.elapsed() < Duration::from_secs(60),
                "nobody leads:\n{}",
                read(&self.process.log)
            );
            std::thread::sleep(Duration::from_millis(50));
        };
        let now = self.life.now();
        let mut times = self.life.times.lock();
        if let Some(standby) = &mut self.standby
            && standby.name == leader
        {
            std::mem::swap(&mut self.process, standby);
            times.lives.push(now);
        }
        times.troubled.push(now);
        drop(times);
        self.tell();
    }

    /// Another one may lead than was thought, without anything that befell it.
    pub fn look_round(&mut self) {
        if self.is_shared() && leader(self.process.consul).as_ref() != Some(&self.process.name) {
            self.trouble();
            self.regroup();
        }
    }

    pub fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    /// Stops it for a while.
    pub async fn stop_for(&self, pause: Duration) {
        let from = self.life.now();
        self.signal(Signal::STOP);
        tokio::time::sleep(pause).await;
        self.signal(Signal::CONT);
        self.life.times.lock().stopped.push((from, self.life.now()));
    }

    /// Stops it until the other one leads, and lets it go on then. What it was asked and has not read yet it may do
    /// when it leads again, which counts until `LATER` others have led.
    pub fn depose(&mut self) {
        self.signal(Signal::STOP);
        let now = self.life.now();
        self.life.times.lock().begin(now);
        let standby = self.standby.take().unwrap();
        let stopped = std::mem::replace(&mut self.process, standby);
        self.standby = Some(stopped);
        self.lead();
        self.standby.as_ref().unwrap().signal(Signal::CONT);
    }

    /// Tells it to end, and waits until it is over. Another one may lead before that: this one gives the lead up first.
    pub fn end(&mut self) -> ExitStatus {
        let told = self.life.now();
        self.signal(Signal::TERM);
        let status = self.over();
        if self.is_shared() {
            let now = self.life.now();
            self.life.times.lock().began.push((told, now));
        }
        status
    }

    /// Waits until the process is over after a signal, and checks what it said.
    pub fn over(&mut self) -> ExitStatus {
        let status = self.process.over();
        let now = self.life.now();
        let mut times = self.life.times.lock();
        let life = times.life();
        if !self.store.is_shared() {
            times.ended.insert(life, now);
        }
        drop(times);
        status
    }

    /// Waits until it is dead. Nobody serves until the next one does.
    pub fn killed(&mut self) {
        self.over();
        if self.is_shared() {
            let now = self.life.now();
            self.life.times.lock().began.push((now, now));
        }
    }

    /// Starts it again, or lets the other one take over. With `cut_short` what is started is killed so long after, in
    /// the midst of its start, and started once more.
    pub fn again(&mut self, cut_short: Option<Duration>) {
        let now = self.life.now();
        if let Some(standby) = self.standby.take() {
            self.life.times.lock().lives.push(now);
            self.process = standby;
            self.lead();
            if let Some(after) = cut_short {
                kill_after(self.spawn().child, after);
            }
            return;
        }
        self.life.times.lock().begin(now);
        if let Some(after) = cut_short {
            kill_after(self.spawn().child, after);
            let now = self.life.now();
            let mut times = self.life.times.lock();
            let life = times.life();
            times.ended.insert(life, now);
            times.begin(now);
        }
        self.process = Process::listening(self.spawn());
        self.lead();
    }

    /// Panics where it ended by itself.
    pub fn check(&mut self) {
        self.process.check();
        if let Some(standby) = &mut self.standby {
            standby.check();
        }
    }

    /// The size of what it keeps, in bytes.
    pub fn size(&self) -> u64 {
        size(&self.directory.join("store"))
    }
}

fn kill_after(mut child: Child, after: Duration) {
    std::thread::sleep(after);
    child.kill().unwrap();
    child.wait().unwrap();
}

fn program(directory: &Path) -> PathBuf {
    directory.join("kubekv")
}

fn read(log: &Path) -> String {
    String::from_utf8_lossy(&fs::read(log).unwrap()).into_owned()
}

/// Whether somebody answers there; tries for some time.
fn answers(at: SocketAddr) -> bool {
    ask(at, "/v2/keys/").is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
}

fn ask(at: SocketAddr, path: &str) -> std::io::Result<String> {
    let mut stream = std::net::TcpStream::connect(at)?;
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// The name of the gateway that leads, as the one at an address says.
fn leader(at: SocketAddr) -> Option<String> {
    let answer = ask(at, "/v1/agent/self").ok()?;
    let name = answer.split("\"NodeName\":\"").nth(1)?;
    Some(name.split('"').next()?.to_owned())
}

/// A process that may not listen yet.
#[derive(Debug)]
struct Spawned {
    child: Child,
    log: PathBuf,
    name: String,
    server: usize,
}

fn spawn(directory: &Path, store: &Store, number: usize, server: usize) -> Spawned {
    let log = directory.join(format!("log-{number}"));
    let name = format!("gateway-{number}");
    let mut command = Command::new(program(directory));
    let store = match store {
        Store::Embedded => format!("embedded:{}", directory.join("store").display()),
        Store::Kubernetes(servers) => {
            command.env("KUBECONFIG", servers.kubeconfig(server));
            "kubernetes:default".to_owned()
        }
        Store::Etcd(members) => {
            let order = if server == 1 { [0, 1, 2] } else { [1, 2, 0] };
            members.store(&order, "histories")
        }
    };
    let child = command
        .arg("serve")
        .arg(format!("--store={store}"))
        .arg(format!("--node-name={name}"))
        // Longer than it is stopped at a time.
        .arg("--lead-duration=5")
        .arg("--log-level=info,kubekv::store=debug")
        .args(["--consul=127.0.0.1:0", "--etcd=127.0.0.1:0", "--admin=off"])
        .stdout(Stdio::piped())
        .stderr(fs::File::create(&log).unwrap())
        .spawn()
        .unwrap();
    Spawned {
        child,
        log,
        name,
        server,
    }
}

fn size(directory: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(directory) else {
        return 0;
    };
    let each = entries.flatten().map(|entry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => size(&entry.path()),
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    });
    each.sum()
}
