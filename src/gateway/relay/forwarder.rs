//! The forwarder: a standby's servers, which relay whole connections to the leader.
//!
//! Without a leader that can be reached, a connection waits unread for the next one. That may be this gateway, which then
//! serves it. A client that has sent a request waits no longer than a real server of its protocol would hold it; then it is
//! answered that there is no leader (`hold`), so that it can try again.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use socket2::SockRef;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::certificate::RelayCertificate;
use super::hold::{self, NoLeaderAnswers};
use super::metrics::{RelayLabel, RelayMetrics};
use super::proxy_header;
use super::splice::{self, RequestActivity};
use crate::config::ConnectionsPerAddress;
use crate::face::server::{
    Arrival, Connection, ConnectionPermits, LogLimit, OmittedLines, TooMany, configure_socket,
};
use crate::gateway::faces;
use crate::model::FaceName;
use crate::store::shared::{Members, Relay};

/// How long a connection to the leader may take.
const CONNECT: Duration = Duration::from_secs(2);

/// The pause before a leader that could not be reached is tried again, unless another gateway leads by then.
const RETRY_PAUSE: Duration = Duration::from_millis(200);

/// How long connections with a request in flight may go on when this gateway ends.
const DRAIN: Duration = Duration::from_secs(5);

/// The pause after a connection could not be accepted.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How many connections to the leader a gateway makes at a time.
pub(in crate::gateway) const CONNECTING: usize = 64;

/// The mode of a standby's servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::gateway) enum StandbyMode {
    /// Relay connections.
    Relay,
    /// Hand over the connections that were not relayed yet, and close the others: this gateway leads.
    HandOver,
    /// Close each connection as soon as no request seems to be in flight: this gateway ends.
    Drain,
}

/// What all relayed connections share.
#[derive(Clone, Debug)]
pub(in crate::gateway) struct Forwarder {
    pub(in crate::gateway) certificate: Arc<RelayCertificate>,
    pub(in crate::gateway) members: Members,
    /// Whether this gateway takes part in relaying; if not, every connection waits until it leads itself.
    pub(in crate::gateway) relays: bool,
    pub(in crate::gateway) no_leader: NoLeaderAnswers,
    pub(in crate::gateway) permits: ConnectionPermits,
    pub(in crate::gateway) per_address: ConnectionsPerAddress,
    /// For connections to the leader that are being made.
    pub(in crate::gateway) connecting: Arc<Semaphore>,
    pub(in crate::gateway) metrics: RelayMetrics,
}

/// A client's connection.
struct Client {
    stream: TcpStream,
    ends: Connection,
    face: FaceName,
}

impl Forwarder {
    /// Relays the connections of a listener until the mode changes. Returns those that nothing was read from.
    pub(in crate::gateway) async fn run(
        self,
        face: FaceName,
        listener: TcpListener,
        mut mode: watch::Receiver<StandbyMode>,
    ) -> Vec<Arrival> {
        let mut connections = JoinSet::new();
        let mut left = Vec::new();
        loop {
            let accepted = tokio::select! {
                _changed = mode.wait_for(|mode| *mode != StandbyMode::Relay) => break,
                Some(ended) = connections.join_next() => {
                    // It may have seen the change to `HandOver` before this loop does.
                    left.extend(ended.ok().flatten());
                    continue;
                }
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => self.admit(&mut connections, stream, peer, face, &mode),
                Err(error) => {
                    tracing::warn!(face = face.as_str(), %error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
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
        mode: &watch::Receiver<StandbyMode>,
    ) {
        let most = (faces::row(face).most_per_client)(&self.per_address);
        let permit = match self.permits.acquire(face.as_str(), peer.ip(), most) {
            Ok(permit) => permit,
            Err(why) => return self.refuse(&stream, peer, face, why),
        };
        // A client that is gone already needs no answer.
        let Ok(local) = configure_socket(&stream) else {
            return;
        };
        let ends = Connection::plaintext(peer, local);
        let client = Client { stream, ends, face };
        let (own, mode) = (self.clone(), mode.clone());
        connections.spawn(async move {
            let left = own.relay(client, mode).await;
            drop(permit);
            left
        });
    }

    fn refuse(&self, stream: &TcpStream, peer: SocketAddr, face: FaceName, why: TooMany) {
        static LIMIT: LogLimit = LogLimit::new();
        let label = RelayLabel::of(face);
        self.metrics.refused.get_or_create(&label).inc();
        if let (TooMany::OfClient { .. }, Some(words)) =
            (why, self.no_leader.too_many_connections(face))
        {
            // The client may be gone, or read nothing.
            let _written = stream.try_write(words);
        }
        if let Some(OmittedLines(left_out)) = LIMIT.permit(peer.ip()) {
            tracing::warn!(face = face.as_str(), %peer, left_out, "connection refused: {why}");
        }
    }

    /// Relays one connection to its end; gives it back if this gateway leads before anything was read from it.
    async fn relay(
        mut self,
        client: Client,
        mut mode: watch::Receiver<StandbyMode>,
    ) -> Option<Client> {
        let reached = tokio::select! {
            changed = mode.wait_for(|mode| *mode != StandbyMode::Relay) => {
                let drains = changed.is_ok_and(|mode| *mode == StandbyMode::Drain);
                return (!drains).then_some(client);
            }
            reached = self.reach(client.face, &client.ends) => Some(reached),
            waited = hold::hold(&client.stream, client.face) => {
                if let Err(error) = waited {
                    tracing::debug!(peer = %client.ends.peer, %error, "the client is gone");
                    return None;
                }
                None
            }
        };
        match reached {
            Some((leader, relay)) => self.splice(client, leader, &relay, mode).await,
            None => self.answer_no_leader(client, mode).await,
        }
        None
    }

    /// Answers a client that nobody leads.
    async fn answer_no_leader(&self, client: Client, mut mode: watch::Receiver<StandbyMode>) {
        let Client { stream, ends, face } = client;
        self.metrics
            .failed
            .get_or_create(&RelayLabel::of(face))
            .inc();
        tracing::debug!(face = face.as_str(), peer = %ends.peer, "no leader for too long; the client is answered that there is none");
        tokio::select! {
            () = self.no_leader.answer(Arrival::direct(stream, ends), face) => {}
            // A client that does not send its whole request must not delay the change.
            _changed = mode.wait_for(|mode| *mode != StandbyMode::Relay) => {}
        }
    }

    /// Connects to the leader, as soon as there is one that can be reached.
    async fn reach(&mut self, face: FaceName, ends: &Connection) -> (TlsStream<TcpStream>, Relay) {
        if !self.relays {
            return std::future::pending().await;
        }
        loop {
            let Some(relay) = self.members.leader() else {
                self.members.leader_changed(None).await;
                continue;
            };
            let tried = tokio::time::timeout(CONNECT, self.connect(&relay, face, ends));
            let error = match tried.await {
                Ok(Ok(stream)) => return (stream, relay),
                Ok(Err(error)) => error.to_string(),
                Err(_) => format!("no connection within {} s", CONNECT.as_secs()),
            };
            tracing::debug!(
                leader = relay.address,
                error,
                "the leader cannot be reached; trying again"
            );
            let another = self.members.leader_changed(Some(&relay));
            let _changed = tokio::time::timeout(RETRY_PAUSE, another).await;
        }
    }

    async fn connect(
        &self,
        relay: &Relay,
        face: FaceName,
        ends: &Connection,
    ) -> io::Result<TlsStream<TcpStream>> {
        // The leader drops the oldest of too many unfinished handshakes: after a take-over thousands of clients come at once.
        let _turn = self.connecting.acquire().await.map_err(io::Error::other)?;
        let config = self.certificate.client(&relay.certificate, face);
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
        mut mode: watch::Receiver<StandbyMode>,
    ) {
        let Client {
            mut stream,
            ends,
            face,
        } = client;
        let _open = self.metrics.open(face);
        let activity = RequestActivity::default();
        let ended = async {
            let changed = mode.wait_for(|mode| *mode != StandbyMode::Relay).await;
            if changed.is_ok_and(|mode| *mode == StandbyMode::Drain) {
                let _idle = tokio::time::timeout(DRAIN, activity.idle()).await;
            }
        };
        tokio::select! {
            ended = splice::run(&mut stream, &mut leader, &activity) => {
                if let Err(error) = ended {
                    // A reset: a regular end would wait behind what the leader does not read, and the leader would not see it.
                    let _set = SockRef::from(leader.get_ref().0).set_linger(Some(Duration::ZERO));
                    tracing::debug!(face = face.as_str(), peer = %ends.peer, %error, "connection broken");
                }
            }
            // A leader that was stopped and resumed may believe that it still leads. Its relayed connections are closed here, so
            // that no answer of it reaches a client.
            () = self.members.leader_changed(Some(relay)) => {}
            () = ended => {}
        }
    }
}
