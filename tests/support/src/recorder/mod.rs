//! `Recorder`: a proxy before a real cluster store that records every request of the hosts, step by step.
//!
//! It forwards bytes as they are, except those of ZooKeeper where its shim is on ([`Protocol::ZooKeeper`]).

pub mod form;
mod http;
mod journal;
pub mod message;
pub mod profile;
mod proxy;
pub mod record;
pub mod shim;
mod tap;
mod zookeeper;

use std::fs::File;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use tokio::sync::{broadcast, oneshot};

use http::HttpTap;
use journal::Journal;
pub use record::Record;
use tap::Tap;
use zookeeper::ZooKeeperTap;

/// The protocol of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Consul's, or etcd's v2.
    Http,
    /// ZooKeeper's, with or without what a stock dockerd needs to work on a real ZooKeeper.
    ZooKeeper { shim: bool },
}

/// A recorder's place, its server and its hosts.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The network namespace (a file such as `/run/netns/x`) it listens and connects in; this process' own if `None`.
    pub namespace: Option<PathBuf>,
    pub protocol: Protocol,
    /// The real server.
    pub server: SocketAddr,
    /// The addresses it listens on; with the host whose requests come there, if that is known by the listener.
    pub listen: Vec<(SocketAddr, Option<String>)>,
    /// The hosts by the addresses they come from, on the other listeners.
    pub hosts: Vec<(IpAddr, String)>,
}

/// A recorder that runs until it is dropped.
#[derive(Debug)]
pub struct Recorder {
    journal: Arc<Journal>,
    /// The addresses it listens on, in the order of the setup.
    pub addresses: Vec<SocketAddr>,
    cuts: broadcast::Sender<String>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Recorder {
    /// Starts one.
    pub fn start(setup: Setup) -> Self {
        let journal = Arc::new(Journal::new());
        let (stop, stopped) = oneshot::channel();
        let (cuts, _) = broadcast::channel(16);
        let (ready, is_ready) = std::sync::mpsc::channel();
        let thread = {
            let (journal, cuts) = (Arc::clone(&journal), cuts.clone());
            // A namespace belongs to a thread: all of the recorder's sockets are made on this one.
            std::thread::spawn(move || {
                if let Some(namespace) = &setup.namespace {
                    let namespace = File::open(namespace).unwrap();
                    let kind = Some(LinkNameSpaceType::Network);
                    move_into_link_name_space(namespace.as_fd(), kind).unwrap();
                }
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .unwrap();
                runtime.block_on(async {
                    ready.send(listen(&setup, &journal, &cuts).await).unwrap();
                    let _dropped = stopped.await;
                });
            })
        };
        Self {
            journal,
            addresses: is_ready.recv().expect("the recorder cannot listen"),
            cuts,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// Sets the step that requests belong to from now on.
    pub fn step(&self, step: &str) {
        self.journal.set_step(step);
    }

    /// Breaks off the connections of HTTP that wait for an answer to a request with this text in its target.
    pub fn cut(&self, target: &str) {
        let _none_open = self.cuts.send(target.to_owned());
    }

    /// All requests so far, in the order in which they were sent.
    pub fn records(&self) -> Vec<Record> {
        self.journal.records()
    }

    /// Seconds since it was started: the clock of [`Record::t`].
    pub fn now(&self) -> f64 {
        self.journal.now()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _failed = thread.join();
        }
    }
}

async fn listen(
    setup: &Setup,
    journal: &Arc<Journal>,
    cuts: &broadcast::Sender<String>,
) -> Vec<SocketAddr> {
    let mut addresses = Vec::new();
    for (address, host) in &setup.listen {
        let listener = tokio::net::TcpListener::bind(address).await.unwrap();
        addresses.push(listener.local_addr().unwrap());
        let (journal, host) = (Arc::clone(journal), host.clone());
        let (hosts, protocol) = (setup.hosts.clone(), setup.protocol);
        let new_tap = move |client: SocketAddr| -> Box<dyn Tap> {
            let known = hosts.iter().find(|(address, _)| *address == client.ip());
            let known = known.map(|(_, host)| host.clone());
            let host = host.clone().or(known);
            let host = host.unwrap_or_else(|| client.ip().to_string());
            let journal = Arc::clone(&journal);
            match protocol {
                Protocol::Http => Box::new(HttpTap::new(journal, host)),
                Protocol::ZooKeeper { shim } => Box::new(ZooKeeperTap::new(journal, host, shim)),
            }
        };
        tokio::spawn(proxy::serve(listener, setup.server, cuts.clone(), new_tap));
    }
    addresses
}
