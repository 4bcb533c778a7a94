//! A gateway in a process of its own.
#![allow(
    dead_code,
    clippy::allow_attributes,
    reason = "each test binary uses its part"
)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::command::{Done, done, kubekv, run};

/// A gateway that is ready, on ports of its own.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    out: BufReader<std::process::ChildStdout>,
    /// What it printed when it was ready.
    pub(crate) printed: String,
    pub(crate) consul: SocketAddr,
    pub(crate) etcd: SocketAddr,
    pub(crate) admin: SocketAddr,
}

impl Running {
    /// Starts one with this store.
    pub(crate) fn start(store: &str) -> Self {
        Self::start_by(kubekv(), &["--store", store])
    }

    /// Starts one by a command, with these arguments besides those for its ports.
    pub(crate) fn start_by(mut command: Command, arguments: &[&str]) -> Self {
        command.arg("serve").args(arguments);
        for face in ["--consul", "--etcd", "--admin"] {
            command.args([face, "127.0.0.1:0"]);
        }
        Self::spawn(command)
    }

    /// Starts one by a command that is complete and has three ports.
    pub(crate) fn spawn(mut command: Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut printed = String::new();
        for _ in 0..3 {
            out.read_line(&mut printed).unwrap();
        }
        if printed.lines().count() < 3 {
            let done = done(child.wait_with_output().unwrap());
            panic!("it did not start: {done:?}");
        }
        let port = |line: usize| {
            let line = printed.lines().nth(line).unwrap();
            line.rsplit('/').next().unwrap().parse().unwrap()
        };
        let (consul, etcd, admin) = (port(0), port(1), port(2));
        Self {
            child,
            out,
            printed,
            consul,
            etcd,
            admin,
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().try_into().unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> Done {
        let mut rest = Vec::new();
        self.out.read_to_end(&mut rest).unwrap();
        let mut err = String::new();
        let mut stderr = self.child.stderr.take().unwrap();
        stderr.read_to_string(&mut err).unwrap();
        Done {
            code: self.child.wait().unwrap().code().unwrap_or(-1),
            out: rest,
            err,
        }
    }

    /// Tells it to end and waits for it.
    pub(crate) fn stop(self) -> Done {
        self.signal(Signal::TERM);
        self.end()
    }

    /// Runs a client command against it.
    pub(crate) fn run(&self, arguments: &[&str]) -> Done {
        let address = self.consul.to_string();
        run(&[arguments, &["--address", &address]].concat())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It is gone already where the test went well.
        let _gone = self.child.kill();
        let _status = self.child.wait();
    }
}

/// Sends a request and leaves the connection open.
pub(crate) fn send(to: SocketAddr, request: &str) -> TcpStream {
    let mut stream = TcpStream::connect(to).unwrap();
    write!(stream, "{request} HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    stream
}

/// Asks for a page on a connection of its own: status line, headers and body as they came.
pub(crate) fn ask(to: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(to).unwrap();
    write!(
        stream,
        "{request} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Waits until a metric has a value; gives up after a minute.
pub(crate) fn wait_for_metric(admin: SocketAddr, line: &str) {
    let mut metrics = String::new();
    for _ in 0..12_000 {
        metrics = ask(admin, "GET /metrics");
        if metrics.lines().any(|found| found == line) {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    panic!("no {line} in {metrics}");
}
