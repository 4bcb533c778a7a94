//! What `benches/compare/run`, `benches/kubernetes/run` and `benches/etcd/run` need beside wrk: clients that park, replay, load, write and
//! see a gateway go, and what the machine itself takes.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "a measurement that cannot go on fails"
)]

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Parser;

mod client;
mod constant_server;
mod figures;
mod get;
mod load;
mod machine_floor;
mod outage;
mod pace;
mod parked;
mod protocol;
mod put;
mod raw_api_server;
mod raw_etcd;
mod replay;
mod stored_bytes;

use protocol::Protocol;
use raw_etcd::Form;

#[derive(Debug, Parser)]
enum Probe {
    /// Answers every request with the same body.
    Constant { address: SocketAddr, bytes: usize },
    /// Parks a poll on each of many keys, then writes to some of them.
    Parked {
        #[command(flatten)]
        server: Server,
        /// The server's process, for its memory.
        #[arg(long)]
        pid: u32,
        #[arg(long, default_value_t = 10_000)]
        polls: usize,
        #[arg(long, default_value_t = 100)]
        writes: usize,
    },
    /// Sends what dockerd sent while a container started, with so many networks present.
    Replay {
        #[command(flatten)]
        server: Server,
        /// A line a request, in order.
        #[arg(long)]
        recording: PathBuf,
        #[arg(long)]
        network: PathBuf,
        #[arg(long, value_delimiter = ',', default_value = "10,100,1000")]
        networks: Vec<usize>,
        #[arg(long, default_value_t = 5)]
        rounds: usize,
        /// Leaves the container running after the last round.
        #[arg(long)]
        running: bool,
    },
    /// Writes small entries; prints requests per second, and p50 and p99 in microseconds.
    Put {
        #[command(flatten)]
        server: Server,
        #[command(flatten)]
        how: put::How,
    },
    /// The same on the API server that KUBECONFIG names.
    PutRaw {
        #[arg(long)]
        namespace: String,
        /// An object as kubekv made it.
        #[arg(long)]
        object: PathBuf,
        #[command(flatten)]
        how: put::How,
    },
    /// The same in an etcd of version 3.
    PutEtcd {
        #[arg(long)]
        endpoint: String,
        /// What each write is.
        #[arg(long = "as", default_value = "put")]
        form: Form,
        #[command(flatten)]
        how: put::How,
    },
    /// Reads; prints the same.
    Get {
        #[command(flatten)]
        server: Server,
        #[command(flatten)]
        how: get::How,
    },
    /// The same of an etcd of version 3.
    GetEtcd {
        #[arg(long)]
        endpoint: String,
        #[command(flatten)]
        how: get::How,
    },
    /// Lists what entries' objects take in an etcd.
    Stored { etcd: SocketAddr, namespace: String },
    /// Ends the gateway that leads while clients write and read.
    Outage(outage::Outage),
    /// Writes so many small entries.
    Load {
        #[command(flatten)]
        server: Server,
        count: usize,
    },
    /// What one fdatasync in a directory and one round trip over loopback take.
    Floor { directory: PathBuf },
}

#[derive(Clone, Copy, Debug, clap::Args)]
struct Server {
    #[arg(long)]
    protocol: Protocol,
    #[arg(long)]
    address: SocketAddr,
}

fn main() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    match Probe::parse() {
        Probe::Constant { address, bytes } => {
            runtime.block_on(constant_server::serve(address, bytes))
        }
        Probe::Parked {
            server,
            pid,
            polls,
            writes,
        } => {
            kubekv::gateway::raise_file_limit();
            runtime.block_on(parked::run(server, pid, polls, writes));
        }
        Probe::Replay {
            server,
            recording,
            network,
            networks,
            rounds,
            running,
        } => {
            let recording = std::fs::read_to_string(recording).unwrap();
            let network = std::fs::read_to_string(network).unwrap();
            runtime.block_on(replay::run(
                server, &recording, &network, &networks, rounds, running,
            ));
        }
        Probe::Put { server, how } => runtime.block_on(put::run(put::To::Server(server), how)),
        Probe::PutRaw {
            namespace,
            object,
            how,
        } => runtime.block_on(put::run(
            put::To::Raw {
                namespace: &namespace,
                object: &object,
            },
            how,
        )),
        Probe::PutEtcd {
            endpoint,
            form,
            how,
        } => runtime.block_on(put::run(
            put::To::Etcd {
                endpoint: &endpoint,
                form,
            },
            how,
        )),
        Probe::Get { server, how } => runtime.block_on(get::run(get::From::Server(server), how)),
        Probe::GetEtcd { endpoint, how } => {
            runtime.block_on(get::run(get::From::Etcd(endpoint), how));
        }
        Probe::Stored { etcd, namespace } => {
            runtime.block_on(stored_bytes::print(etcd, &namespace))
        }
        Probe::Outage(outage) => runtime.block_on(outage::run(outage)),
        Probe::Load { server, count } => runtime.block_on(load::keys(server, "load", count)),
        Probe::Floor { directory } => machine_floor::measure(&directory),
    }
}
