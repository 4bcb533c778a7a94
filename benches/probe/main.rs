//! Probe: the clients and measurements that `benches/compare/run`, `benches/kubernetes/run` and `benches/etcd/run` need
//! besides wrk: blocking polls, a replay of dockerd, bulk writes, reads and writes at a pace, outages of a gateway, and the
//! limits of the machine itself.

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
mod server;
mod stored_bytes;

use get::{GetOptions, Source};
use put::{Destination, PutOptions};
use raw_etcd::Form;
use server::Server;

#[derive(Debug, Parser)]
enum Probe {
    /// Answers every request with the same body.
    Constant { address: SocketAddr, bytes: usize },
    /// Keeps a blocking poll on each of many keys, then writes to some of them.
    Parked {
        #[command(flatten)]
        server: Server,
        /// The server's process id, to measure its memory.
        #[arg(long)]
        pid: u32,
        #[arg(long, default_value_t = 10_000)]
        polls: usize,
        #[arg(long, default_value_t = 100)]
        writes: usize,
    },
    /// Sends the requests that dockerd sent while a container started, with different numbers of networks present.
    Replay {
        #[command(flatten)]
        server: Server,
        /// The recorded requests, one per line, in order.
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
        options: PutOptions,
    },
    /// Like put, directly to the API server of KUBECONFIG.
    PutRaw {
        #[arg(long)]
        namespace: String,
        /// A file with an object that kubekv created.
        #[arg(long)]
        object: PathBuf,
        #[command(flatten)]
        options: PutOptions,
    },
    /// Like put, directly to an etcd of version 3.
    PutEtcd {
        #[arg(long)]
        endpoint: String,
        /// The form of each write.
        #[arg(long = "as", default_value = "put")]
        form: Form,
        #[command(flatten)]
        options: PutOptions,
    },
    /// Reads; prints requests per second, and p50 and p99 in microseconds.
    Get {
        #[command(flatten)]
        server: Server,
        #[command(flatten)]
        options: GetOptions,
    },
    /// Like get, directly from an etcd of version 3.
    GetEtcd {
        #[arg(long)]
        endpoint: String,
        #[command(flatten)]
        options: GetOptions,
    },
    /// Lists the sizes of entries' objects in the etcd of a cluster.
    Stored { etcd: SocketAddr, namespace: String },
    /// Stops the leader while clients write and read.
    Outage(outage::Outage),
    /// Writes a number of small entries.
    Load {
        #[command(flatten)]
        server: Server,
        count: usize,
    },
    /// Measures one fdatasync in a directory and one round trip over loopback.
    Floor { directory: PathBuf },
}

fn main() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(run(Probe::parse()));
}

async fn run(probe: Probe) {
    match probe {
        Probe::Constant { address, bytes } => constant_server::serve(address, bytes).await,
        Probe::Parked {
            server,
            pid,
            polls,
            writes,
        } => {
            kubekv::gateway::raise_file_limit();
            parked::run(server, pid, polls, writes).await;
        }
        Probe::Replay {
            server,
            recording,
            network,
            networks,
            rounds,
            running,
        } => replay::run(server, &recording, &network, &networks, rounds, running).await,
        Probe::Put { server, options } => put::run(Destination::Server(server), options).await,
        Probe::PutRaw {
            namespace,
            object,
            options,
        } => {
            let (namespace, object) = (&namespace, &object);
            put::run(Destination::Raw { namespace, object }, options).await;
        }
        Probe::PutEtcd {
            endpoint,
            form,
            options,
        } => {
            let endpoint = &endpoint;
            put::run(Destination::Etcd { endpoint, form }, options).await;
        }
        Probe::Get { server, options } => get::run(Source::Server(server), options).await,
        Probe::GetEtcd { endpoint, options } => get::run(Source::Etcd(endpoint), options).await,
        Probe::Stored { etcd, namespace } => stored_bytes::print(etcd, &namespace).await,
        Probe::Outage(outage) => outage::run(outage).await,
        Probe::Load { server, count } => load::keys(server, "load", count).await,
        Probe::Floor { directory } => machine_floor::measure(&directory),
    }
}
