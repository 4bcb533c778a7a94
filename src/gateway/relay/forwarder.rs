//! On a standby: whole connections, relayed to the gateway that leads.
//!
//! Where nobody leads, or the leader cannot be reached, a connection waits, unread, for a leader: this gateway perhaps,
//! which then serves it. A client that has asked something waits no longer than a real server of its protocol would
//! hold its request; then it is told that there is no leader (`no_leader`), so that it can try again.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::metrics::{Face, Metrics};
use super::no_leader::{self, NoLeader};
use super::splice::{self, Pulse};
use super::{Identity, proxy_header};
use crate::face::server::{Arrival, Connection, configure_socket};
use crate::model::FaceName;
use crate::store::shared::{Members, Relay};

/// How long a connection to the leader may take.
const CONNECT: Duration = Duration::from_secs(2);

/// How long until a leader that could not be reached is tried again, unless another one leads by then.
const AGAIN: Duration = Duration::from_millis(200);

/// How long connections in the midst of a request may go on when this gateway ends.
const DRAIN: Duration = Duration::from_secs(5);

/// How long to wait when no connection can be accepted.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// What a standby's servers are to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::gateway) enum Order {
    /// Relay.
    Relay,
    /// Hand over what was not relayed yet, and close the rest: this gateway leads.
    HandOver,
    /// End, as soon as no request seems to be on its way: this gateway ends.
    Drain,
}

/// What relayed connections have in common.
#[derive(Clone, Debug)]
pub(in crate::gateway) struct Forwarder {
    pub(in crate::gateway) identity: Arc<Identity>,
    pub(in crate::gateway) roll: Members,
    /// Whether this gateway takes part in relaying; else every connection waits until it leads itself.
    pub(in crate::gateway) relays: bool,
    pub(in crate::gateway) no_leader: NoLeader,
    pub(in crate::gateway) places: Arc<Semaphore>,
    pub(in crate::gateway) metrics: Metrics,
}

/// One connection.
struct Client {
    stream: TcpStream,
    ends: Connection,
    face: FaceName,
}

impl Forwarder {
    /// Relays what comes in on a listener, until it is told otherwise. Returns the connections that nobody has read
    /// from.
    pub(in crate::gateway) async fn run(
        self,
        face: FaceName,
        listener: TcpListener,
        mut order: watch::Receiver<Order>,
    ) -> Vec<Arrival> {
        let mut connections = JoinSet::new();
        let mut left = Vec::new();
        loop {
            let accepted = tokio::select! {
                _told = order.wait_for(|order| *order != Order::Relay) => break,
                Some(ended) = connections.join_next() => {
                    // It may have been told to hand over before this loop was.
                    left.extend(ended.ok().flatten());
                    continue;
                }
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => self.admit(&mut connections, stream, peer, face, &order),
                Err(error) => {
                    tracing::warn!(face = face.as_str(), %error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_AGAIN).await;
                }
            }
        }
        drop(listener);
        while let Some(ended) = connections.join_next().await {
            left.extend(ended.ok().flatten());
        }
        let unread = |Client { stream, ends, .. }| Arrival::direct(stream, ends);
        left.into_iter().map(unread).collect()
    }

    fn admit(
        &self,
        connections: &mut JoinSet<Option<Client>>,
        stream: TcpStream,
        peer: SocketAddr,
        face: FaceName,
        order: &watch::Receiver<Order>,
    ) {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            self.metrics.refused.get_or_create(&Face::of(face)).inc();
            tracing::warn!(face = face.as_str(), %peer, "connection refused: too many are open");
            return;
        };
        // One that is gone already needs no answer.
        let Ok(local) = configure_socket(&stream) else {
            return;
        };
        let ends = Connection { peer, local };
        let client = Client { stream, ends, face };
        let (own, order) = (self.clone(), order.clone());
        connections.spawn(async move {
            let left = own.relay(client, order).await;
            drop(place);
            left
        });
    }

    /// Relays one connection to its end; gives it back where this gateway leads before anything was read from it.
    async fn relay(mut self, client: Client, mut order: watch::Receiver<Order>) -> Option<Client> {
        let reached = tokio::select! {
            told = order.wait_for(|order| *order != Order::Relay) => {
                let drains = told.is_ok_and(|order| *order == Order::Drain);
                return (!drains).then_some(client);
            }
            reached = self.reach(client.face, client.ends) => Some(reached),
            waited = no_leader::waited(&client.stream, client.face) => {
                if let Err(error) = waited {
                    tracing::debug!(peer = %client.ends.peer, %error, "the client is gone");
                    return None;
                }
                None
            }
        };
        match reached {
            Some((leader, relay)) => self.splice(client, leader, &relay, order).await,
            None => self.refuse(client, order).await,
        }
        None
    }

    /// Tells a client that nobody leads.
    async fn refuse(&self, client: Client, mut order: watch::Receiver<Order>) {
        let Client { stream, ends, face } = client;
        self.metrics.failed.get_or_create(&Face::of(face)).inc();
        tracing::debug!(face = face.as_str(), peer = %ends.peer, "no leader for too long: the client is told");
        tokio::select! {
            () = self.no_leader.answer(Arrival::direct(stream, ends), face) => {}
            // A client that does not send its request to the end holds nobody up.
            _told = order.wait_for(|order| *order != Order::Relay) => {}
        }
    }

    /// Connects to whoever leads, as soon as somebody does who can be reached.
    async fn reach(&mut self, face: FaceName, ends: Connection) -> (TlsStream<TcpStream>, Relay) {
        if !self.relays {
            return std::future::pending().await;
        }
        loop {
            let Some(relay) = self.roll.leader() else {
                self.roll.leader_changed(None).await;
                continue;
            };
            let tried = tokio::time::timeout(CONNECT, self.connect(&relay, face, ends));
            let error = match tried.await {
                Ok(Ok(stream)) => return (stream, relay),
                Ok(Err(error)) => error.to_string(),
                Err(_) => format!("nothing within {} s", CONNECT.as_secs()),
            };
            tracing::debug!(
                leader = relay.address,
                error,
                "the leader cannot be reached"
            );
            let another = self.roll.leader_changed(Some(&relay));
            let _changed = tokio::time::timeout(AGAIN, another).await;
        }
    }

    async fn connect(
        &self,
        relay: &Relay,
        face: FaceName,
        ends: Connection,
    ) -> io::Result<TlsStream<TcpStream>> {
        let config = self.identity.client(&relay.certificate, face);
        let config = config.map_err(io::Error::other)?;
        let stream = TcpStream::connect(&relay.address).await?;
        configure_socket(&stream)?;
        let name = ServerName::try_from("kubekv").map_err(io::Error::other)?;
        let connector = TlsConnector::from(Arc::new(config));
        let mut stream = connector.connect(name, stream).await?;
        stream.write_all(&proxy_header::write(ends)?).await?;
        stream.flush().await?;
        Ok(stream)
    }

    async fn splice(
        &mut self,
        client: Client,
        mut leader: TlsStream<TcpStream>,
        relay: &Relay,
        mut order: watch::Receiver<Order>,
    ) {
        let Client {
            mut stream,
            ends,
            face,
        } = client;
        let _open = self.metrics.open(face);
        let pulse = Pulse::default();
        let told = async {
            let drains = order.wait_for(|order| *order != Order::Relay).await;
            if drains.is_ok_and(|order| *order == Order::Drain) {
                let _quiet = tokio::time::timeout(DRAIN, pulse.quiet()).await;
            }
        };
        tokio::select! {
            ended = splice::run(&mut stream, &mut leader, &pulse) => {
                if let Err(error) = ended {
                    tracing::debug!(face = face.as_str(), peer = %ends.peer, %error, "connection broken");
                }
            }
            // It may have been stopped, and think that it leads: nothing comes through it any more (docs/holes.md, 25-27).
            () = self.roll.leader_changed(Some(relay)) => {}
            () = told => {}
        }
    }
}
