//! A gateway in a process of its own.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::command::{Done, kubekv, run};

/// The longest wait for an answer or an exit; parked polls take as long.
const PATIENCE: Duration = Duration::from_secs(120);

/// A gateway that is ready, on ports of its own.
#[derive(Debug)]
pub struct Running {
    child: Child,
    out: BufReader<std::process::ChildStdout>,
    /// Its log, read all the time: a full pipe must not block it.
    err: Option<JoinHandle<String>>,
    /// Its output when it was ready.
    pub printed: String,
    pub consul: SocketAddr,
    pub etcd: SocketAddr,
    pub admin: SocketAddr,
    zookeeper: Option<SocketAddr>,
}

/// Whether the ports were printed, or the process has said something else.
fn is_complete(printed: &str) -> bool {
    printed.ends_with('\n') && printed.lines().any(|line| line.starts_with("admin"))
}

impl Running {
    /// Starts one with this store.
    pub fn start(store: &str) -> Self {
        Self::start_by(kubekv(), &["--store", store])
    }

    /// Starts one by a command, with these arguments besides those for its ports.
    pub fn start_by(mut command: Command, arguments: &[&str]) -> Self {
        command.arg("serve").args(arguments);
        for face in ["--consul", "--etcd", "--admin"] {
            command.args([face, "127.0.0.1:0"]);
        }
        Self::spawn(command)
    }

    /// Starts one by a complete command with three ports.
    pub fn spawn(command: Command) -> Self {
        Self::spawn_logging_to(command, Stdio::piped())
    }

    /// The same, with standard error of its own.
    pub fn spawn_logging_to(mut command: Command, log: Stdio) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let err = child.stderr.take().map(|mut stderr| {
            std::thread::spawn(move || {
                let mut err = Vec::new();
                stderr.read_to_end(&mut err).unwrap();
                String::from_utf8(err).unwrap()
            })
        });
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut printed = String::new();
        // The line of the admin port is the last.
        while !is_complete(&printed) && out.read_line(&mut printed).unwrap() > 0 {}
        if !is_complete(&printed) {
            let status = child.wait().unwrap();
            let err = err.map(|err| err.join().unwrap());
            panic!("it did not start: {status}, {printed:?}, {err:?}");
        }
        let port = |name: &str| {
            let line = printed.lines().find(|line| line.starts_with(name))?;
            let (_scheme, rest) = line.split_once("://").unwrap();
            let address = rest.split_whitespace().next().unwrap();
            Some(address.parse().unwrap())
        };
        let [consul, etcd, admin] = ["consul", "etcd", "admin"].map(|name| port(name).unwrap());
        let zookeeper = port("zookeeper");
        Self {
            child,
            out,
            err,
            printed,
            consul,
            etcd,
            admin,
            zookeeper,
        }
    }

    /// Its port for clients of ZooKeeper, where it was started with one.
    pub fn zookeeper(&self) -> SocketAddr {
        self.zookeeper.expect("started without --zookeeper")
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().try_into().unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Waits for its end.
    pub fn end(mut self) -> Done {
        let status = self.status();
        let mut out = Vec::new();
        self.out.read_to_end(&mut out).unwrap();
        let err = self.err.take();
        Done {
            code: status.code().unwrap_or(-1),
            out,
            err: err.map_or_else(String::new, |err| err.join().unwrap()),
        }
    }

    fn status(&mut self) -> ExitStatus {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(began.elapsed() < PATIENCE, "it does not end");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Stops it by SIGTERM and waits for its end.
    pub fn stop(self) -> Done {
        self.signal(Signal::TERM);
        self.end()
    }

    /// Runs a client command against it.
    pub fn run(&self, arguments: &[&str]) -> Done {
        let address = self.consul.to_string();
        run(&[arguments, &["--address", &address]].concat())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended already where the test succeeded.
        let _gone = self.child.kill();
        let _status = self.child.wait();
    }
}
