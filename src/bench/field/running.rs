//! Running deployments: processes that answer.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tokio::time::Instant;

use super::bounded::run_bounded;
use super::error::FieldError;
use super::launcher::Launcher;
use super::ports::FieldPorts;
use super::process::FieldProcess;
use super::program::{FieldProgram, FoundProgram, Programs};
use super::repeated_command::RepeatedCommand;
use super::standby::GatewayPair;
use crate::bench::measure::ServerProcesses;

/// How long a server has to answer its first request.
const PATIENCE: Duration = Duration::from_secs(90);

/// The same of one that is started again: it may have a million entries to read.
pub(super) const LONG_PATIENCE: Duration = Duration::from_secs(600);

/// How long a request that asks whether it answers may take.
const REQUEST: Duration = Duration::from_secs(10);

/// The time between two such requests.
const PAUSE: Duration = Duration::from_millis(50);

/// The prefix of the key that they write.
const READY: &str = "ready/";

/// The key that they write, which exists in every deployment that answers.
pub(super) const READY_KEY: &str = "ready/00000000";

/// Where and how a deployment is started.
#[derive(Debug)]
pub struct FieldPlace<'a> {
    /// What starts its processes.
    pub launcher: &'a Launcher,
    /// Where programs are.
    pub programs: &'a Programs,
    /// Its own directory, which exists and is empty.
    pub directory: PathBuf,
    /// Free ports.
    pub ports: &'a mut FieldPorts,
}

/// A deployment that answers. Its processes end with it.
#[derive(Debug)]
pub struct RunningDeployment {
    /// The URL for `kubekv bench`.
    pub target: String,
    /// The versions of its programs.
    pub version: String,
    /// The command lines and configurations of its programs, DIR being its directory.
    pub commands: Vec<String>,
    /// Its processes, the one that clients ask first: they end in this order.
    pub processes: Vec<FieldProcess>,
    /// HOST:PORT of an etcd v3 whose metrics count what it is asked.
    pub metrics: Option<String>,
    /// How clients reach it, besides the target: arguments of `kubekv bench`.
    pub access: Vec<String>,
    /// The command of the process that clients ask, to start it again.
    pub(super) command: RepeatedCommand,
    /// The two gateways of a shared store, if it is one.
    pub(super) pair: Option<GatewayPair>,
}

impl FieldPlace<'_> {
    /// A program and its version.
    pub(super) fn find(&self, program: FieldProgram) -> Result<FoundProgram, FieldError> {
        self.programs.find(program, self.launcher, &self.directory)
    }

    /// A free port.
    pub(super) fn port(&mut self) -> Result<u16, FieldError> {
        self.ports.take()
    }

    /// A free address.
    pub(super) fn address(&mut self) -> Result<String, FieldError> {
        Ok(format!("127.0.0.1:{}", self.port()?))
    }

    /// A text without the path of this directory.
    pub(super) fn shown(&self, text: &str) -> String {
        text.replace(&self.directory.display().to_string(), "DIR")
    }

    /// Starts a process that is to serve a target, and waits until it answers there. `access` is how clients reach it.
    pub(super) fn run(
        &self,
        name: &str,
        command: Command,
        version: String,
        target: String,
        access: Vec<String>,
    ) -> Result<RunningDeployment, FieldError> {
        // The launcher's own arguments come first: bench attached PARENT --.
        let words: Vec<_> = command.get_args().skip(4).collect();
        let words: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
        let shown = self.shown(&words.join(" "));
        let repeated = RepeatedCommand::of(&command);
        let mut process = FieldProcess::start(name, command, &self.directory)?;
        let question = Question {
            launcher: self.launcher,
            target: &target,
            access: &access,
            scratch: &self.directory,
        };
        question.until_answered(&mut process, PATIENCE)?;
        Ok(RunningDeployment {
            target,
            version,
            commands: vec![shown],
            processes: vec![process],
            metrics: None,
            access,
            command: repeated,
            pair: None,
        })
    }
}

/// A write that a server is asked until it answers.
struct Question<'a> {
    launcher: &'a Launcher,
    target: &'a str,
    access: &'a [String],
    scratch: &'a Path,
}

impl Question<'_> {
    fn until_answered(
        &self,
        process: &mut FieldProcess,
        patience: Duration,
    ) -> Result<(), FieldError> {
        process.until_yes(patience, PAUSE, || {
            let mut command = self.launcher.command(self.launcher.kubekv());
            command.args(["bench", "fill", self.target]);
            // It is asked again from here, more often than a fill would.
            command.args(["--keys", "1", "--prefix", READY, "--retries", "0"]);
            command.args(self.access);
            match run_bounded("kubekv bench fill", command, REQUEST, self.scratch) {
                Ok(output) if output.status.success() => Ok(Ok(())),
                Ok(output) => Ok(Err(output.err)),
                Err(error @ FieldError::TooLong { .. }) => Ok(Err(error.to_string())),
                Err(error) => Err(error),
            }
        })
    }
}

impl RunningDeployment {
    /// Adds the servers that this one keeps its entries in.
    pub(super) fn stands_on(&mut self, store: Self) {
        self.version = format!("{}, {}", self.version, store.version);
        self.commands.extend(store.commands);
        self.processes.extend(store.processes);
        self.metrics = store.metrics;
    }

    /// Ends the process that clients ask, and starts it again on what it has stored; how long it took until a write was answered. The
    /// servers behind it go on.
    pub fn restart(&mut self, launcher: &Launcher, scratch: &Path) -> Result<Duration, FieldError> {
        if self.processes.is_empty() {
            return Ok(Duration::ZERO);
        }
        let ended = self.processes.remove(0);
        let (name, directory) = (ended.name().to_owned(), ended.directory());
        drop(ended);
        let began = Instant::now();
        let started = FieldProcess::start(&name, self.command.command(), &directory)?;
        self.processes.insert(0, started);
        let question = Question {
            launcher,
            target: &self.target,
            access: &self.access,
            scratch,
        };
        if let Some(process) = self.processes.first_mut() {
            question.until_answered(process, LONG_PATIENCE)?;
        }
        Ok(began.elapsed())
    }

    /// The processes whose use of the machine is that of the deployment.
    pub fn server(&self) -> ServerProcesses {
        ServerProcesses(self.processes.iter().map(FieldProcess::pid).collect())
    }

    /// Fails if one of its processes has ended.
    pub fn require_alive(&mut self) -> Result<(), FieldError> {
        self.processes
            .iter_mut()
            .try_for_each(FieldProcess::require_alive)
    }
}

/// An empty directory for a deployment.
pub fn fresh_directory(path: PathBuf) -> Result<PathBuf, FieldError> {
    let failed = |error| FieldError::io(path.display(), error);
    if path.exists() {
        fs::remove_dir_all(&path).map_err(failed)?;
    }
    fs::create_dir_all(&path).map_err(failed)?;
    Ok(path)
}
