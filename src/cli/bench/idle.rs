//! Connections, or sessions, that do nothing.

use std::time::Duration;

use clap::Args;
use kubekv::bench::idle::{self, IdleKind, IdleOptions};
use kubekv::bench::measure::ServerProcesses;
use kubekv::bench::report::RunResult;
use kubekv::bench::target::TargetProtocol;

use super::connections;
use super::key_arguments::require_prefix;
use super::load::{positive, seconds};
use super::output::{self, Output};
use super::target::TargetArguments;
use crate::cli::exit::{CommandError, USAGE};

/// The options of idle clients.
#[derive(Debug, Args)]
pub(super) struct Idle {
    #[command(flatten)]
    target: TargetArguments,
    #[command(flatten)]
    number: IdleNumber,
    /// The text that all keys begin with. One stays when the run ends; those that are sessions of etcd v2 end by themselves
    #[arg(long, value_name = "TEXT", default_value = "kubekv-bench/")]
    prefix: String,
    /// How long each has to open, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = positive)]
    timeout: f64,
    /// How long the server rests before its memory is read, without them and with all of them, in seconds each
    #[arg(long, value_name = "SECONDS", default_value = "2", value_parser = seconds)]
    settle: f64,
    /// A process of the server, whose memory and processor time are reported; several are added
    #[arg(long, value_name = "PID")]
    pid: Vec<u32>,
    #[command(flatten)]
    output: Output,
}

/// How many there are, of what.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct IdleNumber {
    /// Open so many connections: each reads a key once, and is kept
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    connections: Option<u32>,
    /// Open so many sessions without a connection of their own: Consul's sessions, keys of etcd v2 with a TTL, leases of etcd v3,
    /// sessions of ZooKeeper whose clients disconnected. Nobody renews them, and they end within minutes
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    sessions: Option<u32>,
}

impl Idle {
    pub(super) fn run(self) -> Result<(), CommandError> {
        require_prefix(&self.prefix)?;
        let target = self.target.resolve()?;
        let (kind, count) = match (self.number.connections, self.number.sessions) {
            (Some(connections), _) => {
                connections::allow(connections)?;
                (IdleKind::Connection, connections)
            }
            (None, sessions) => (IdleKind::Session, sessions.unwrap_or_default()),
        };
        if kind == IdleKind::Session && target.protocol == TargetProtocol::Kubernetes {
            let message = "--sessions: the API server has none";
            return Err(CommandError::new(USAGE, message));
        }
        let options = IdleOptions {
            kind,
            count,
            prefix: self.prefix,
            timeout: Duration::from_secs_f64(self.timeout),
            settle: Duration::from_secs_f64(self.settle),
            server: ServerProcesses(self.pid),
        };
        let summary = output::summary(count, None);
        let measured = idle::measure(&target, &options)?;
        let result = RunResult::of_idle(target.name(), summary, &measured);
        self.output.print(&result)?;
        output::require_answers(&result)
    }
}
