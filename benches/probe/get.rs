//! Measuring linearizable reads: through a server, or directly from etcd version 3.

use std::time::Duration;

use super::client::Client;
use super::pace::{self, Sender};
use super::protocol::Protocol;
use super::raw_etcd::{Form, RawEtcd};
use super::server::Server;

/// The options of a read measurement.
#[derive(Clone, Debug, clap::Args)]
pub struct GetOptions {
    #[arg(long)]
    key: String,
    /// Read all keys that begin with the key.
    #[arg(long)]
    all: bool,
    #[arg(long, default_value_t = 1)]
    clients: u64,
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
}

/// The server to read from.
#[derive(Debug)]
pub enum Source {
    Server(Server),
    Etcd(String),
}

enum Reader {
    Server(Client, String),
    Etcd(Box<RawEtcd>, GetOptions),
}

impl Sender for Reader {
    async fn next(&mut self) {
        match self {
            Self::Server(client, uri) => {
                let answer = client.send("GET", uri, "").await;
                assert_eq!(answer.status, 200, "{uri}");
            }
            Self::Etcd(etcd, options) => {
                let found = etcd.get(&options.key, options.all).await;
                assert!(found > 0, "nothing at {}", options.key);
            }
        }
    }
}

pub async fn run(from: Source, options: GetOptions) {
    let mut readers = Vec::new();
    for _ in 0..options.clients {
        readers.push(match &from {
            Source::Server(server) => {
                let uri = uri(server.protocol, &options);
                Reader::Server(Client::connect(server.address).await, uri)
            }
            Source::Etcd(endpoint) => Reader::Etcd(
                Box::new(RawEtcd::connect(endpoint, Form::Put).await),
                options.clone(),
            ),
        });
    }
    for reader in &mut readers {
        reader.next().await;
    }
    let lasts = Duration::from_secs_f64(options.seconds);
    pace::closed(readers, lasts).await.print();
}

fn uri(protocol: Protocol, options: &GetOptions) -> String {
    let exact = protocol.exact(&protocol.key(&options.key));
    match protocol {
        _ if !options.all => exact,
        Protocol::Consul => format!("{exact}&recurse="),
        Protocol::Etcd => format!("{exact}&recursive=true&sorted=true"),
    }
}
