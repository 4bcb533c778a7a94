//! Runs the command to its end.
#![allow(
    dead_code,
    clippy::allow_attributes,
    reason = "each test binary uses its part"
)]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// What a command that ended left behind.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: i32,
    pub(crate) out: Vec<u8>,
    pub(crate) err: String,
}

impl Done {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.out).unwrap()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// The command, with nothing of this process' environment that it would read.
pub(crate) fn kubekv() -> Command {
    by(env!("CARGO_BIN_EXE_kubekv"))
}

/// A command that becomes kubekv, with nothing of this process' environment that kubekv would read.
pub(crate) fn by(program: &str) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("KUBEKV_") {
            command.env_remove(name);
        }
    }
    command.env_remove("NOTIFY_SOCKET");
    command
}

/// Runs it with some arguments.
pub(crate) fn run(arguments: &[&str]) -> Done {
    done(kubekv().args(arguments).output().unwrap())
}

/// Runs it with some arguments and this on standard input.
pub(crate) fn run_with(arguments: &[&str], input: &[u8]) -> Done {
    let mut child = kubekv()
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It may have ended before it read all: its exit code and words tell.
    let _unread = child.stdin.take().unwrap().write_all(input);
    done(child.wait_with_output().unwrap())
}

pub(crate) fn done(output: Output) -> Done {
    Done {
        code: output.status.code().expect("the command was killed"),
        out: output.stdout,
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// The URL of a store in a directory.
pub(crate) fn embedded(directory: &Path) -> String {
    format!("embedded:{}", directory.display())
}
