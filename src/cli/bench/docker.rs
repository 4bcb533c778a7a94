//! `kubekv bench docker`.

use std::time::Duration;

use clap::Args;
use kubekv::bench::docker::{
    self, EventRates, FleetError, FleetOptions, FleetRunOptions, RecentSteps,
};
use kubekv::bench::measure::ServerProcesses;
use kubekv::bench::report::{self, RunResult};
use kubekv::bench::target::{LoadTarget, TargetProtocol};

use super::connections;
use super::load::{positive, seconds};
use super::output::{self, Output};
use super::target::TargetArguments;
use crate::cli::exit::{CommandError, IO, UNREACHABLE, USAGE};

/// The options of simulated Docker hosts.
#[derive(Debug, Args)]
#[command(
    after_help = "Each host has three clients of the store, as dockerd 20.10 has, and sends what dockerd sends, request for request: it starts, \
writes its node entry with each heartbeat, watches the other nodes and the networks of its containers, and does what the \
rates below say. On loopback each host has an address of its own, from 127.16.0.0/12. At the end the containers and networks are \
removed."
)]
pub(super) struct Docker {
    #[command(flatten)]
    target: TargetArguments,
    /// The number of hosts
    #[arg(long, value_name = "NUMBER", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    hosts: u64,
    /// The number of hosts with --cluster-advertise, which write and watch the list of nodes; all by default. Each change of the
    /// list, heartbeats included, makes each of them read all of it
    #[arg(long, value_name = "NUMBER")]
    advertising: Option<u64>,
    /// The path of --cluster-store, before docker/nodes and docker/network
    #[arg(long, value_name = "PATH", default_value = "")]
    prefix: String,
    /// The seconds between two heartbeats of a host
    #[arg(long, value_name = "SECONDS", default_value = "20", value_parser = positive)]
    heartbeat: f64,
    /// The seconds without a heartbeat after which a host's node entry expires
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = positive)]
    ttl: f64,
    /// The seconds over which the hosts start; by default one heartbeat
    #[arg(long, value_name = "SECONDS", value_parser = positive)]
    start_within: Option<f64>,
    /// Begin with a fleet at rest: each host has written its node entry three times before any host watches the nodes. Otherwise each
    /// host that starts wakes all that have started
    #[arg(long)]
    at_rest: bool,
    #[command(flatten)]
    events: Events,
    /// How long it is measured, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = positive)]
    duration: f64,
    /// How long things happen before they are measured, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    warm_up: f64,
    /// The threads of the hosts; by default half of the processors
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: Option<u16>,
    /// Leave the containers and networks in the store
    #[arg(long)]
    keep: bool,
    /// A process of the server, whose processor time, memory and writes are reported; several are added
    #[arg(long, value_name = "PID")]
    pid: Vec<u32>,
    /// The seed of all choices
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    output: Output,
}

/// What happens how often.
#[derive(Debug, Args)]
struct Events {
    /// The networks that are created at the start, and stay
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    networks: u32,
    /// Containers started or stopped somewhere, per second
    #[arg(long, value_name = "PER_SECOND", default_value = "1", value_parser = rate)]
    containers: f64,
    /// Networks created or removed somewhere, per second
    #[arg(long, value_name = "PER_SECOND", default_value = "0", value_parser = rate)]
    network_changes: f64,
    /// Lists of the networks (docker network ls) somewhere, per second
    #[arg(long, value_name = "PER_SECOND", default_value = "0", value_parser = rate)]
    lists: f64,
    /// Daemons restarted, per second
    #[arg(long, value_name = "PER_SECOND", default_value = "0", value_parser = rate)]
    restarts: f64,
    /// Hosts that die, per second
    #[arg(long, value_name = "PER_SECOND", default_value = "0", value_parser = rate)]
    deaths: f64,
    /// The seconds after which a host that died starts again
    #[arg(long, value_name = "SECONDS", default_value = "120", value_parser = seconds)]
    revival: f64,
}

impl Docker {
    pub(super) fn run(self) -> Result<(), CommandError> {
        let target = self.target.resolve()?;
        refuse_protocol(&target)?;
        // A host polls the nodes and its networks, and two more connections are kept.
        let hosts = u32::try_from(self.hosts).unwrap_or(u32::MAX);
        connections::allow(hosts.saturating_mul(4))?;
        let half = std::thread::available_parallelism().map_or(1, |all| all.get() / 2);
        let span = Duration::from_secs_f64;
        let events = &self.events;
        let options = FleetRunOptions {
            fleet: FleetOptions {
                hosts: self.hosts,
                advertising: self.advertising.unwrap_or(self.hosts),
                prefix: self.prefix,
                heartbeat: span(self.heartbeat),
                ttl: span(self.ttl),
                start_within: span(self.start_within.unwrap_or(self.heartbeat)),
                at_rest: self.at_rest,
                networks: events.networks,
                rates: EventRates {
                    containers: events.containers,
                    networks: events.network_changes,
                    lists: events.lists,
                    restarts: events.restarts,
                    deaths: events.deaths,
                },
                revival: span(events.revival),
                seed: self.seed,
            },
            threads: self.threads.map_or(half.max(1), usize::from),
            warm_up: span(self.warm_up),
            duration: span(self.duration),
            keep: self.keep,
            server: ServerProcesses(self.pid),
        };
        let rate = events.containers
            + events.network_changes
            + events.lists
            + events.restarts
            + events.deaths;
        let summary = output::summary(hosts, Some(rate));
        let progress = |elapsed: Duration, recent: &RecentSteps| {
            self.output
                .progress_line(&report::fleet_progress_line(elapsed, recent));
        };
        let measured = docker::run(&target, &options, &progress).map_err(|error| {
            let code = match error {
                FleetError::Start(_) => UNREACHABLE,
                FleetError::Runtime(_) => IO,
                FleetError::NoServer(_) => USAGE,
            };
            CommandError::new(code, error.to_string())
        })?;
        let result = RunResult::of_fleet(target.name(), summary, self.hosts, &measured);
        self.output.print(&result)
    }
}

/// Refuses what no dockerd has: etcd's version 3, and credentials for ZooKeeper.
fn refuse_protocol(target: &LoadTarget) -> Result<(), CommandError> {
    let has_credentials = target.is_encrypted() || target.credentials.user.is_some();
    let message = match target.protocol {
        TargetProtocol::Etcd3 => "dockerd does not speak etcd's version 3: give etcd2://...",
        TargetProtocol::ZooKeeper if has_credentials => {
            "dockerd's client of ZooKeeper has neither TLS nor users: leave these options out"
        }
        TargetProtocol::Kubernetes => "dockerd does not speak Kubernetes' API: give etcd2://...",
        TargetProtocol::Consul | TargetProtocol::Etcd2 | TargetProtocol::ZooKeeper => return Ok(()),
    };
    Err(CommandError::new(USAGE, message))
}

/// A rate between 0 and a million.
fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if (0.0..=1e6).contains(&rate) => Ok(rate),
        _ => Err("want a number between 0 and 1000000".to_owned()),
    }
}
