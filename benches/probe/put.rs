//! Writes of small entries, measured: objects of the API server, or keys of etcd.

use std::path::Path;
use std::time::Duration;

use super::pace::{self, Sender};
use super::raw_api_server::RawApiServer;
use super::raw_etcd::{Form, RawEtcd};

/// The length of values, in bytes.
const VALUE_BYTES: usize = 256;

/// The key of each write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum KeyChoice {
    /// A new key.
    Create,
    /// The client's own key, again and again.
    Update,
}

/// The server to write to.
#[derive(Debug)]
pub enum Destination<'a> {
    Raw {
        namespace: &'a str,
        object: &'a Path,
    },
    Etcd {
        endpoint: &'a str,
        form: Form,
    },
}

/// The options of a write measurement.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct PutOptions {
    #[arg(long = "what", default_value = "update")]
    key_choice: KeyChoice,
    #[arg(long, default_value_t = 1)]
    clients: u64,
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// Requests per second, whether or not earlier ones are answered; without it each client waits for its answer.
    #[arg(long)]
    rate: Option<f64>,
}

struct Writer {
    to: Connection,
    key_choice: KeyChoice,
    /// The prefix of this writer's keys.
    prefix: String,
    count: u64,
}

enum Connection {
    Raw(RawApiServer, Option<String>),
    Etcd(Box<RawEtcd>),
}

impl Writer {
    fn name(&self) -> String {
        match self.key_choice {
            KeyChoice::Create => format!("{}-{}", self.prefix, self.count),
            KeyChoice::Update => self.prefix.clone(),
        }
    }
}

impl Sender for Writer {
    async fn next(&mut self) {
        self.count += 1;
        let name = self.name();
        match &mut self.to {
            Connection::Raw(raw, version) => {
                let was = version.take_if(|_| self.key_choice == KeyChoice::Update);
                let key = format!("bench/{name}");
                *version = Some(raw.put(&key, self.count, was.as_deref()).await);
            }
            Connection::Etcd(etcd) => {
                let value = format!("{:0VALUE_BYTES$}", self.count);
                etcd.put(&format!("raw/bench/{name}"), &value).await;
            }
        }
    }
}

pub async fn run(to: Destination<'_>, options: PutOptions) {
    let mut writers = Vec::new();
    let raw = match &to {
        Destination::Etcd { .. } => None,
        Destination::Raw { namespace, object } => {
            let object = std::fs::read_to_string(object).unwrap();
            Some(RawApiServer::connect(namespace, &object).await)
        }
    };
    let run = fastrand::u32(..);
    for number in 0..options.clients {
        let to = match (&to, &raw) {
            (Destination::Raw { .. }, raw) => Connection::Raw(raw.clone().unwrap(), None),
            (Destination::Etcd { endpoint, form }, _) => {
                Connection::Etcd(Box::new(RawEtcd::connect(endpoint, *form).await))
            }
        };
        writers.push(Writer {
            to,
            key_choice: options.key_choice,
            prefix: format!("{run:08x}-{number:02}"),
            count: 0,
        });
    }
    // Opens the connections and creates the keys to update.
    for writer in &mut writers {
        writer.next().await;
    }
    let lasts = Duration::from_secs_f64(options.seconds);
    let measured = match options.rate {
        None => pace::closed(writers, lasts).await,
        Some(rate) => pace::open(writers, rate, lasts).await,
    };
    measured.print();
}
