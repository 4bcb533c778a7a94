//! `kubekv bench`: the load generator.

mod attached;
mod choice_arguments;
mod compare;
mod connections;
mod constant;
mod docker;
mod fill;
mod idle;
mod key_arguments;
mod load;
mod merge;
mod output;
mod report;
mod target;
mod unused;
mod watch;

use clap::{Args, Subcommand};
use kubekv::bench::operation::Operation;
use kubekv::bench::watch::WatchKind;

use super::exit::CommandError;

/// The options of `kubekv bench`.
#[derive(Debug, Args)]
#[command(
    after_help = "It loads any server that speaks Consul's HTTP API, etcd's version 2 or 3 or ZooKeeper's protocol. Servers on other \
machines are refused unless --allow-remote is given. With --rate, latencies count from when each operation was due, so \
that a server that stalls cannot hide it; without, each client waits for its answer. A run in which the client was the \
bottleneck says so."
)]
pub(super) struct Bench {
    #[command(subcommand)]
    command: BenchCommand,
}

#[derive(Debug, Subcommand)]
enum BenchCommand {
    /// Read keys
    Get(load::Load),
    /// Read the metadata of keys (ZooKeeper alone)
    Stat(load::Load),
    /// Read all keys with a prefix
    List(load::Load),
    /// Write keys
    Put(load::Load),
    /// Write keys that have not changed since they were read (compare-and-swap)
    Cas(load::Load),
    /// Write keys that did not exist
    Create(load::Load),
    /// Delete keys; each is created before, which is not measured
    Delete(load::Load),
    /// Create ephemeral nodes with a sequence number, and delete each (ZooKeeper alone)
    Ephemeral(load::Load),
    /// Take a lock and give it back
    Lock(load::Load),
    /// A mix of these operations
    Mix(load::Mix),
    /// Let many clients wait for changes, each by one request for all changes, while keys are written
    Watch(watch::Watch),
    /// Let many clients wait for changes by blocking queries, one for each change, while keys are written
    Poll(watch::Watch),
    /// Open connections, or sessions, that do nothing, to see what memory each takes
    Idle(idle::Idle),
    /// Simulate Docker hosts, request for request
    Docker(docker::Docker),
    /// Write keys, each once
    Fill(fill::Fill),
    /// Add results of clients that ran at the same time, or one after another
    Merge(merge::Merge),
    /// Compare the results of two servers, round by round
    Compare(compare::Compare),
    /// Serve constant answers, to find out what the client itself can do
    Constant(constant::Constant),
    /// Start kubekv and the real servers, measure all of them, and write a report
    Report(report::Report),
    /// Become a program that ends with its parent: report starts its children so
    #[command(hide = true)]
    Attached(attached::AttachedCommand),
}

impl Bench {
    pub(super) fn run(self) -> Result<(), CommandError> {
        match self.command {
            BenchCommand::Get(load) => load.run(Operation::Get),
            BenchCommand::Stat(load) => load.run(Operation::Stat),
            BenchCommand::List(load) => load.run(Operation::List),
            BenchCommand::Put(load) => load.run(Operation::Put),
            BenchCommand::Cas(load) => load.run(Operation::Cas),
            BenchCommand::Create(load) => load.run(Operation::Create),
            BenchCommand::Delete(load) => load.run(Operation::Delete),
            BenchCommand::Ephemeral(load) => load.run(Operation::Ephemeral),
            BenchCommand::Lock(load) => load.run(Operation::Lock),
            BenchCommand::Mix(mix) => mix.run(),
            BenchCommand::Watch(watch) => watch.run(WatchKind::Stream),
            BenchCommand::Poll(watch) => watch.run(WatchKind::Poll),
            BenchCommand::Idle(idle) => idle.run(),
            BenchCommand::Docker(docker) => docker.run(),
            BenchCommand::Fill(fill) => fill.run(),
            BenchCommand::Merge(merge) => merge.run(),
            BenchCommand::Compare(compare) => compare.run(),
            BenchCommand::Constant(constant) => constant.run(),
            BenchCommand::Report(report) => report.run(),
            BenchCommand::Attached(attached) => attached.run(),
        }
    }
}
