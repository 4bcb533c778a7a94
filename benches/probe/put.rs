//! Writes of small entries: through a server, or as objects of the API server or keys of etcd itself.

use std::path::Path;
use std::time::Duration;

use super::Server;
use super::client::Client;
use super::pace::{self, Sender};
use super::protocol::Protocol;
use super::raw_api_server::Raw;
use super::raw_etcd::{Form, RawEtcd};

/// The value's length, in bytes.
const VALUE: usize = 256;

/// What each request writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum What {
    /// A key that was not there.
    Create,
    /// The client's own key, again.
    Update,
}

/// Where to.
#[derive(Debug)]
pub enum To<'a> {
    Server(Server),
    Raw {
        namespace: &'a str,
        object: &'a Path,
    },
    Etcd {
        endpoint: &'a str,
        form: Form,
    },
}

/// How.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct How {
    #[arg(long, default_value = "update")]
    what: What,
    #[arg(long, default_value_t = 1)]
    clients: u64,
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// So many requests a second, whatever is answered; else each client sends when it was answered.
    #[arg(long)]
    rate: Option<f64>,
}

struct Writer {
    to: Destination,
    what: What,
    /// Names of this writer's own.
    prefix: String,
    count: u64,
}

enum Destination {
    Server(Client, Protocol),
    Raw(Raw, Option<String>),
    Etcd(Box<RawEtcd>),
}

impl Writer {
    fn name(&self) -> String {
        match self.what {
            What::Create => format!("{}-{}", self.prefix, self.count),
            What::Update => self.prefix.clone(),
        }
    }
}

impl Sender for Writer {
    async fn next(&mut self) {
        self.count += 1;
        let name = self.name();
        match &mut self.to {
            Destination::Server(client, protocol) => {
                let value = protocol.value(&format!("{:0VALUE$}", self.count));
                let uri = protocol.key(&format!("bench/{name}"));
                let answer = client.send("PUT", &uri, &value).await;
                assert!(answer.status < 300, "{uri}: {}", answer.status);
            }
            Destination::Raw(raw, version) => {
                let was = version.take_if(|_| self.what == What::Update);
                // As long as the names kubekv makes.
                let name = format!("bench.{name}-0123456789abcdef");
                *version = Some(raw.put(&name, self.count, was.as_deref()).await);
            }
            Destination::Etcd(etcd) => {
                let value = format!("{:0VALUE$}", self.count);
                etcd.put(&format!("raw/bench/{name}"), &value).await;
            }
        }
    }
}

pub async fn run(to: To<'_>, how: How) {
    let mut writers = Vec::new();
    let raw = match &to {
        To::Server(_) | To::Etcd { .. } => None,
        To::Raw { namespace, object } => {
            let object = std::fs::read_to_string(object).unwrap();
            Some(Raw::connect(namespace, &object).await)
        }
    };
    let run = fastrand::u32(..);
    for number in 0..how.clients {
        let to = match (&to, &raw) {
            (To::Server(server), _) => {
                Destination::Server(Client::connect(server.address).await, server.protocol)
            }
            (To::Raw { .. }, raw) => Destination::Raw(raw.clone().unwrap(), None),
            (To::Etcd { endpoint, form }, _) => {
                Destination::Etcd(Box::new(RawEtcd::connect(endpoint, *form).await))
            }
        };
        writers.push(Writer {
            to,
            what: how.what,
            prefix: format!("{run:08x}-{number:02}"),
            count: 0,
        });
    }
    // Connections are made, and what is to be updated is there.
    for writer in &mut writers {
        writer.next().await;
    }
    let lasts = Duration::from_secs_f64(how.seconds);
    let taken = match how.rate {
        None => pace::closed(writers, lasts).await,
        Some(rate) => pace::open(writers, rate, lasts).await,
    };
    taken.print();
}
