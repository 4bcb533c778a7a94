//! Options of the program.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, ValueEnum};

/// The program's commands.
#[derive(Debug, Parser)]
pub(crate) enum HostileCommand {
    /// Runs attacks on servers, and prints the table.
    Run(Box<RunOptions>),
    /// Attacks one server; `run` starts it as a process of its own.
    #[command(hide = true)]
    Strike(StrikeOptions),
    /// Prints the names of the attacks.
    List,
    /// Prints the table as Markdown.
    Markdown(MarkdownOptions),
}

/// A server that is attacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ServerKind {
    /// kubekv.
    Kubekv,
    /// The real Consul or etcd.
    Real,
    /// `kubekv bench constant`.
    Constant,
}

/// The options of `run`.
#[derive(Clone, Debug, Args)]
pub(crate) struct RunOptions {
    /// The kubekv that is attacked
    #[arg(long)]
    pub(crate) kubekv: PathBuf,
    /// The kubekv whose bench is the bystander [default: the one that is attacked]
    #[arg(long)]
    pub(crate) bench: Option<PathBuf>,
    /// Its store; each attack gets an embedded one of its own by default. "{}" stands for a number that differs each time
    #[arg(long)]
    pub(crate) store: Option<String>,
    /// Further options of `kubekv serve`, for example --serve=--max-connections --serve=5000
    #[arg(long, allow_hyphen_values = true)]
    pub(crate) serve: Vec<String>,
    /// The program consul
    #[arg(long)]
    pub(crate) consul: Option<PathBuf>,
    /// The program etcd, 3.4
    #[arg(long)]
    pub(crate) etcd: Option<PathBuf>,
    /// The servers
    #[arg(long, value_delimiter = ',', default_value = "constant,kubekv,real")]
    pub(crate) servers: Vec<ServerKind>,
    /// These attacks only
    #[arg(long, value_delimiter = ',')]
    pub(crate) only: Vec<String>,
    /// The seconds of an attack, and as many without one before it
    #[arg(long, default_value_t = 5.0)]
    pub(crate) seconds: f64,
    /// How often each is repeated
    #[arg(long, default_value_t = 1)]
    pub(crate) rounds: usize,
    /// The addresses of the attackers, from 127.66.0.1 on, a table each
    #[arg(long, value_delimiter = ',', default_value = "1")]
    pub(crate) addresses: Vec<usize>,
    /// The identities of the attackers, a certificate each: kubekv alone, which gets a policy by which each name is a client. 0:
    /// clients are told apart by their addresses
    #[arg(long, default_value_t = 0)]
    pub(crate) identities: usize,
    /// The seconds after an attack until the memory is looked at
    #[arg(long, default_value_t = 10.0)]
    pub(crate) recovery: f64,
    /// The first of 40 ports for servers
    #[arg(long, default_value_t = 21_500)]
    pub(crate) port: u16,
    /// Where servers keep their data, on a real disk
    #[arg(long)]
    pub(crate) work: PathBuf,
    /// Writes all rows to this file as JSON, after each row
    #[arg(long)]
    pub(crate) json: Option<PathBuf>,
}

/// The options of `strike`.
#[derive(Clone, Debug, Args)]
pub(crate) struct StrikeOptions {
    #[arg(long)]
    pub(crate) attack: String,
    #[arg(long)]
    pub(crate) target: SocketAddr,
    #[arg(long)]
    pub(crate) addresses: usize,
    /// The directory of the certificates, where the attackers have some
    #[arg(long)]
    pub(crate) certificates: Option<PathBuf>,
    #[arg(long, default_value_t = 0)]
    pub(crate) identities: usize,
    #[arg(long)]
    pub(crate) seconds: f64,
}

/// The options of `markdown`.
#[derive(Clone, Debug, Args)]
pub(crate) struct MarkdownOptions {
    /// Files that `run --json` wrote, of the same number of addresses
    #[arg(required = true)]
    pub(crate) rows: Vec<PathBuf>,
    /// The same of an earlier kubekv
    #[arg(long)]
    pub(crate) before: Vec<PathBuf>,
}
