//! The gateway's process, and what its clients may know of it.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
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

/// A gateway on a directory of its own, one process after the other; killed when dropped.
#[derive(Debug)]
pub struct Gateway {
    directory: PathBuf,
    process: Child,
    place: watch::Sender<Option<Place>>,
    life: Life,
}

impl Gateway {
    pub fn start(directory: &Path) -> Self {
        let (place, seen) = watch::channel(None);
        let life = Life {
            zero: Instant::now(),
            place: seen,
            times: Arc::default(),
        };
        life.times.lock().began.push(0);
        // A copy: a build in between must not change what is restarted.
        fs::copy(env!("CARGO_BIN_EXE_kubekv"), program(directory)).unwrap();
        let mut gateway = Self {
            directory: directory.to_owned(),
            process: spawn(directory),
            place,
            life,
        };
        gateway.listen();
        gateway
    }

    pub fn life(&self) -> Life {
        self.life.clone()
    }

    /// Waits until it says where it listens, which it does once it serves there.
    fn listen(&mut self) {
        let mut faces = BTreeMap::new();
        let mut lines = BufReader::new(self.process.stdout.take().unwrap()).lines();
        while faces.len() < 2 {
            let Some(line) = lines.next() else {
                panic!("the gateway does not start:\n{}", self.log());
            };
            let line = line.unwrap();
            let url = line.split("--cluster-store=").nth(1);
            let url = url.and_then(|url| url.trim().split_once("://"));
            let (scheme, address) = url.expect(&line);
            faces.insert(scheme.to_owned(), address.parse().unwrap());
        }
        let life = self.life.times.lock().began.len() - 1;
        self.place.send_replace(Some(Place {
            life,
            consul: faces["consul"],
            etcd: faces["etcd"],
        }));
    }

    fn log(&self) -> String {
        let log = fs::read(log_file(&self.directory)).unwrap();
        String::from_utf8_lossy(&log).into_owned()
    }

    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.process);
        kill_process(pid, signal).unwrap();
    }

    /// Stops it for a while.
    pub async fn stop_for(&self, pause: Duration) {
        let from = self.life.now();
        self.signal(Signal::STOP);
        tokio::time::sleep(pause).await;
        self.signal(Signal::CONT);
        self.life.times.lock().stopped.push((from, self.life.now()));
    }

    /// Waits until the process is over after a signal, and checks what it said.
    pub fn over(&mut self) -> ExitStatus {
        let status = self.process.wait().unwrap();
        let now = self.life.now();
        let mut times = self.life.times.lock();
        let life = times.began.len() - 1;
        times.ended.insert(life, now);
        drop(times);
        let log = self.log();
        assert!(!log.contains("panicked"), "it panicked:\n{log}");
        status
    }

    /// Starts it again. With `cut_short` it is killed so long after, in the midst of its start, and started once more.
    pub fn again(&mut self, cut_short: Option<Duration>) {
        self.life.times.lock().began.push(self.life.now());
        self.process = spawn(&self.directory);
        if let Some(after) = cut_short {
            std::thread::sleep(after);
            self.signal(Signal::KILL);
            self.over();
            self.again(None);
        } else {
            self.listen();
        }
    }

    /// Panics where it ended by itself.
    pub fn check(&mut self) {
        if let Some(status) = self.process.try_wait().unwrap() {
            panic!("the gateway ended by itself, {status}:\n{}", self.log());
        }
    }

    /// The size of what it keeps, in bytes.
    pub fn size(&self) -> u64 {
        size(&self.directory.join("store"))
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _gone = self.process.kill();
        let _gone = self.process.wait();
    }
}

fn program(directory: &Path) -> PathBuf {
    directory.join("kubekv")
}

fn log_file(directory: &Path) -> PathBuf {
    directory.join("log")
}

fn spawn(directory: &Path) -> Child {
    let store = directory.join("store");
    Command::new(program(directory))
        .arg("serve")
        .arg(format!("--store=embedded:{}", store.display()))
        .args(["--consul=127.0.0.1:0", "--etcd=127.0.0.1:0", "--admin=off"])
        .stdout(Stdio::piped())
        .stderr(fs::File::create(log_file(directory)).unwrap())
        .spawn()
        .unwrap()
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
