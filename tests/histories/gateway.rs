//! The gateway's process, and what its clients may know of it.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::watch;
use tokio::time::Instant;

use super::http::Face;

/// Where the gateway listens, in which of its lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub life: usize,
    consul: SocketAddr,
    etcd: SocketAddr,
}

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
    /// When each life began, before it answered anything.
    pub began: Vec<u64>,
    /// When each was over.
    pub ended: BTreeMap<usize, u64>,
    /// From when to when it was stopped.
    pub stopped: Vec<(u64, u64)>,
}

/// What clients know: the time, where to connect, and which lives are over.
#[derive(Clone, Debug)]
pub struct Life {
    zero: Instant,
    place: watch::Receiver<Option<Place>>,
    times: Arc<Mutex<Times>>,
}

impl Life {
    /// Nanoseconds since the run began.
    pub fn now(&self) -> u64 {
        u64::try_from(self.zero.elapsed().as_nanos()).unwrap()
    }

    pub fn place(&self) -> Place {
        self.place.borrow().expect("it was started")
    }

    /// Waits until the gateway may be elsewhere than it was.
    pub async fn moved(&mut self, from: Place) {
        if *self.place.borrow_and_update() == Some(from) {
            let some_time = Duration::from_millis(20);
            let _changed = tokio::time::timeout(some_time, self.place.changed()).await;
        }
    }

    /// Until when what a life was asked could be done; `u64::MAX` while it lives.
    pub fn over(&self, life: usize) -> u64 {
        self.times
            .lock()
            .ended
            .get(&life)
            .copied()
            .unwrap_or(u64::MAX)
    }

    pub fn times(&self) -> Times {
        self.times.lock().clone()
    }
}

/// Where a gateway keeps entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Store {
    /// In its directory.
    Embedded,
    /// In a namespace of the cluster that `KUBECONFIG` names. Another gateway stands by. Whatever one that led sent
    /// may still take effect, until the next one leads.
    Kubernetes(String),
}

impl Store {
    /// Whether another gateway may take over.
    pub fn is_shared(&self) -> bool {
        *self != Self::Embedded
    }
}

/// One process, and where it listens.
#[derive(Debug)]
struct Process {
    child: Child,
    consul: SocketAddr,
    etcd: SocketAddr,
    log: PathBuf,
}

impl Process {
    /// Waits until it says where it listens.
    fn listening(mut child: Child, log: PathBuf) -> Self {
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
    /// Lives that are over, of which something may still be on its way.
    lingering: Vec<usize>,
    place: watch::Sender<Option<Place>>,
    life: Life,
}

impl Gateway {
    pub fn start(directory: &Path, store: Store) -> Self {
        let (place, seen) = watch::channel(None);
        let life = Life {
            zero: Instant::now(),
            place: seen,
            times: Arc::default(),
        };
        life.times.lock().began.push(0);
        // A copy: a build in between must not change what is restarted.
        fs::copy(env!("CARGO_BIN_EXE_kubekv"), program(directory)).unwrap();
        let (child, log) = spawn(directory, &store, 0);
        let mut gateway = Self {
            directory: directory.to_owned(),
            process: Process::listening(child, log),
            standby: None,
            spawned: 1,
            lingering: Vec::new(),
            store,
            place,
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

    fn spawn(&mut self) -> (Child, PathBuf) {
        self.spawned += 1;
        spawn(&self.directory, &self.store, self.spawned)
    }

    /// Tells clients where to go once it answers there, and so leads: from then on nothing comes of what earlier lives
    /// were asked.
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
        let now = self.life.now();
        let mut times = self.life.times.lock();
        for life in self.lingering.drain(..) {
            times.ended.insert(life, now);
        }
        let life = times.began.len() - 1;
        drop(times);
        self.place.send_replace(Some(Place {
            life,
            consul: self.process.consul,
            etcd: self.process.etcd,
        }));
        if self.is_shared() && self.standby.is_none() {
            let (child, log) = self.spawn();
            self.standby = Some(Process::listening(child, log));
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
    /// when it leads again: such a life is never over.
    pub fn depose(&mut self) {
        self.signal(Signal::STOP);
        self.life.times.lock().began.push(self.life.now());
        let standby = self.standby.take().unwrap();
        let stopped = std::mem::replace(&mut self.process, standby);
        self.standby = Some(stopped);
        self.lead();
        self.standby.as_ref().unwrap().signal(Signal::CONT);
    }

    /// Waits until the process is over after a signal, and checks what it said.
    pub fn over(&mut self) -> ExitStatus {
        let status = self.process.over();
        let now = self.life.now();
        let mut times = self.life.times.lock();
        let life = times.began.len() - 1;
        if self.store.is_shared() {
            self.lingering.push(life);
        } else {
            times.ended.insert(life, now);
        }
        drop(times);
        status
    }

    /// Starts it again, or lets the other one take over. With `cut_short` what is started is killed so long after, in
    /// the midst of its start, and started once more.
    pub fn again(&mut self, cut_short: Option<Duration>) {
        self.life.times.lock().began.push(self.life.now());
        if let Some(standby) = self.standby.take() {
            self.process = standby;
            self.lead();
            if let Some(after) = cut_short {
                let (child, _) = self.spawn();
                kill_after(child, after);
            }
            return;
        }
        if let Some(after) = cut_short {
            let (child, _) = self.spawn();
            kill_after(child, after);
            let now = self.life.now();
            let mut times = self.life.times.lock();
            let life = times.began.len() - 1;
            times.ended.insert(life, now);
            times.began.push(now);
        }
        let (child, log) = self.spawn();
        self.process = Process::listening(child, log);
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
    let ask = || -> std::io::Result<bool> {
        let mut stream = std::net::TcpStream::connect(at)?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        stream.write_all(b"GET /v2/keys/ HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(answer.starts_with(b"HTTP/1.1 200"))
    };
    ask().unwrap_or_default()
}

fn spawn(directory: &Path, store: &Store, number: usize) -> (Child, PathBuf) {
    let log = directory.join(format!("log-{number}"));
    let store = match store {
        Store::Embedded => format!("embedded:{}", directory.join("store").display()),
        Store::Kubernetes(namespace) => format!("kubernetes:{namespace}"),
    };
    let child = Command::new(program(directory))
        .arg("serve")
        .arg(format!("--store={store}"))
        // Longer than it is stopped at a time.
        .arg("--lead-duration=5")
        .arg("--log-level=info,kubekv::store=debug")
        .args(["--consul=127.0.0.1:0", "--etcd=127.0.0.1:0", "--admin=off"])
        .stdout(Stdio::piped())
        .stderr(fs::File::create(&log).unwrap())
        .spawn()
        .unwrap();
    (child, log)
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
