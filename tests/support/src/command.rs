//! The `kubekv` command, run to its end.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::mpsc::RecvTimeoutError;
use std::sync::{OnceLock, mpsc};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// The exit code and output of a command.
#[derive(Debug)]
pub struct Done {
    pub code: i32,
    pub out: Vec<u8>,
    pub err: String,
}

impl Done {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.out).unwrap()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// The binary under test: beside the directory of the test's own executable, where cargo builds both.
pub fn binary() -> &'static str {
    static BINARY: OnceLock<String> = OnceLock::new();
    BINARY.get_or_init(|| {
        let own = std::env::current_exe().unwrap();
        let binary = own.ancestors().nth(2).unwrap().join("kubekv");
        assert!(
            binary.is_file(),
            "{} is missing: run the tests by cargo, which builds it, or build it with `cargo build --bin kubekv`",
            binary.display()
        );
        binary.into_os_string().into_string().unwrap()
    })
}

/// The command, with nothing of this process' environment that it would read.
pub fn kubekv() -> Command {
    by(binary())
}

/// A command that becomes kubekv, with nothing of this process' environment that kubekv would read.
pub fn by(program: &str) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("KUBEKV_") {
            command.env_remove(name);
        }
    }
    command.env_remove("NOTIFY_SOCKET");
    command
}

/// How long a command may take. One that goes on, such as a gateway that should not have started, is killed.
const LIMIT: Duration = Duration::from_secs(120);

/// Runs it with some arguments.
pub fn run(arguments: &[&str]) -> Done {
    run_with(arguments, b"")
}

/// Runs it with some arguments and this on standard input.
pub fn run_with(arguments: &[&str], input: &[u8]) -> Done {
    let mut child = kubekv()
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It may have ended before it read everything: its exit code and output say why.
    let _unread = child.stdin.take().unwrap().write_all(input);
    let (ended, waits) = mpsc::channel::<()>();
    let process = Pid::from_child(&child);
    let killer = std::thread::spawn(move || {
        if waits.recv_timeout(LIMIT) == Err(RecvTimeoutError::Timeout) {
            // Not waited for yet, so the number is still its own.
            let _gone = kill_process(process, Signal::KILL);
        }
    });
    let output = child.wait_with_output().unwrap();
    drop(ended);
    killer.join().unwrap();
    done(output)
}

pub fn done(output: Output) -> Done {
    Done {
        code: output.status.code().expect("the command was killed"),
        out: output.stdout,
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// The URL of a store in a directory.
pub fn embedded(directory: &Path) -> String {
    format!("embedded:{}", directory.display())
}
