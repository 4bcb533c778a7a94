//! Probe: the clients and measurements that `benches/compare/run`, `benches/kubernetes/run` and `benches/etcd/run` need
//! besides `kubekv bench`: writes of kubekv's own objects and transactions, a replay of recorded requests, and the limits of
//! the machine itself.

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
mod machine_floor;
mod pace;
mod protocol;
mod put;
mod raw_api_server;
mod raw_etcd;
mod replay;
mod server;
mod stored_bytes;

use put::{Destination, PutOptions};
use raw_etcd::Form;
use server::Server;

#[derive(Debug, Parser)]
enum Probe {
    /// Answers every request with the same body.
    Constant { address: SocketAddr, bytes: usize },
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
    /// Writes small entries to the API server of KUBECONFIG; prints requests per second, and p50 and p99 in microseconds.
    PutRaw {
        #[arg(long)]
        namespace: String,
        /// A file with an object that kubekv created.
        #[arg(long)]
        object: PathBuf,
        #[command(flatten)]
        options: PutOptions,
    },
    /// Writes small entries to an etcd of version 3; prints the same.
    PutEtcd {
        #[arg(long)]
        endpoint: String,
        /// The form of each write.
        #[arg(long = "as", default_value = "put")]
        form: Form,
        #[command(flatten)]
        options: PutOptions,
    },
    /// Lists the sizes of entries' objects in the etcd of a cluster.
    Stored { etcd: SocketAddr, namespace: String },
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
        Probe::Replay {
            server,
            recording,
            network,
            networks,
            rounds,
            running,
        } => replay::run(server, &recording, &network, &networks, rounds, running).await,
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
        Probe::Stored { etcd, namespace } => stored_bytes::print(etcd, &namespace).await,
        Probe::Floor { directory } => machine_floor::measure(&directory),
    }
}
