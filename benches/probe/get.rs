//! Linearizable reads: through a server, or of etcd's version 3 itself.

use std::time::Duration;

use super::Server;
use super::client::Client;
use super::pace::{self, Sender};
use super::protocol::Protocol;
use super::raw_etcd::{Form, RawEtcd};

/// How.
#[derive(Clone, Debug, clap::Args)]
pub struct How {
    #[arg(long)]
    key: String,
    /// All that begin with the key.
    #[arg(long)]
    all: bool,
    #[arg(long, default_value_t = 1)]
    clients: u64,
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
}

/// Where from.
#[derive(Debug)]
pub enum From {
    Server(Server),
    Etcd(String),
}

enum Reader {
    Server(Client, String),
    Etcd(Box<RawEtcd>, How),
}

impl Sender for Reader {
    async fn next(&mut self) {
        match self {
            Self::Server(client, uri) => {
                let answer = client.send("GET", uri, "").await;
                assert_eq!(answer.status, 200, "{uri}");
            }
            Self::Etcd(etcd, how) => {
                let found = etcd.get(&how.key, how.all).await;
                assert!(found > 0, "nothing at {}", how.key);
            }
        }
    }
}

pub async fn run(from: From, how: How) {
    let mut readers = Vec::new();
    for _ in 0..how.clients {
        readers.push(match &from {
            From::Server(server) => {
                let uri = uri(server.protocol, &how);
                Reader::Server(Client::connect(server.address).await, uri)
            }
            From::Etcd(endpoint) => Reader::Etcd(
                Box::new(RawEtcd::connect(endpoint, Form::Put).await),
                how.clone(),
            ),
        });
    }
    for reader in &mut readers {
        reader.next().await;
    }
    let lasts = Duration::from_secs_f64(how.seconds);
    pace::closed(readers, lasts).await.print();
}

fn uri(protocol: Protocol, how: &How) -> String {
    let exact = protocol.exact(&protocol.key(&how.key));
    match protocol {
        _ if !how.all => exact,
        Protocol::Consul => format!("{exact}&recurse="),
        Protocol::Etcd => format!("{exact}&recursive=true&sorted=true"),
    }
}
