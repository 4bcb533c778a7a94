//! The relay listener: the leader's port for connections that standbys relay.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::certificate::{self, RelayCertificate};
use super::metrics::{RelayLabel, RelayMetrics};
use super::proxy_header;
use crate::face::server::{Arrival, LogLimit, OmittedLines, Stopping, configure_socket};
use crate::model::FaceName;
use crate::store::shared::Members;
use crate::tls::{HandshakeLimits, Handshakes};

/// How long a TLS handshake may take, with the PROXY header after it.
const HANDSHAKE: Duration = Duration::from_secs(5);

/// How many connections may not have proved yet that they come from a gateway.
const UNFINISHED: HandshakeLimits = HandshakeLimits {
    total: 256,
    of_address: 128,
};

/// How long a connection waits for its gateway's member record, which may have been written just now.
const REGISTRATION: Duration = Duration::from_secs(2);

/// The pause after a connection could not be accepted.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Accepts relayed connections, while this gateway leads.
#[derive(Debug)]
pub(in crate::gateway) struct RelayListener {
    pub(in crate::gateway) certificate: Arc<RelayCertificate>,
    pub(in crate::gateway) members: Members,
    pub(in crate::gateway) faces: HashMap<FaceName, mpsc::Sender<Arrival>>,
    pub(in crate::gateway) metrics: RelayMetrics,
}

impl RelayListener {
    /// Passes connections on to the faces, until the gateway is stopping.
    pub(in crate::gateway) async fn run(self, listener: TcpListener, stopping: Stopping) {
        let tls = match self.certificate.server() {
            Ok(config) => TlsAcceptor::from(Arc::new(config)),
            Err(error) => {
                tracing::error!(%error, "the relay port cannot serve TLS: clients of standbys wait until another gateway leads");
                return stopping.wait().await;
            }
        };
        let own = Arc::new(self);
        let unfinished = Handshakes::new(UNFINISHED);
        let mut handshakes = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                () = stopping.wait() => break,
                Some(_ended) = handshakes.join_next() => continue,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    let (own, tls, unfinished) =
                        (Arc::clone(&own), tls.clone(), unfinished.clone());
                    // Begun here: a handshake whose task has not run yet counts as well.
                    let (handshake, dropped) = unfinished.begin(peer.ip());
                    handshakes.spawn(async move {
                        let arrived = tokio::select! {
                            arrived = own.accept(stream, &tls, &unfinished) => arrived,
                            _dropped = dropped => Err(io::Error::other("too many handshakes are unfinished")),
                        };
                        drop(handshake);
                        own.hand_over(arrived, peer).await;
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a relayed connection; trying again");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        handshakes.shutdown().await;
    }

    /// Passes a connection on to its face.
    async fn hand_over(&self, arrived: io::Result<(FaceName, Arrival)>, peer: SocketAddr) {
        static LIMIT: LogLimit = LogLimit::new();
        match arrived {
            Ok((face, arrival)) => {
                let label = RelayLabel::of(face);
                self.metrics.taken.get_or_create(&label).inc();
                if let Some(sender) = self.faces.get(&face) {
                    // A server that has ended logs why.
                    let _ended = sender.send(arrival).await;
                }
            }
            Err(error) => {
                self.metrics.rejected.inc();
                if let Some(OmittedLines(left_out)) = LIMIT.permit(peer.ip()) {
                    tracing::warn!(%peer, %error, left_out, "a connection to the relay port was rejected");
                }
            }
        }
    }

    async fn accept(
        &self,
        stream: TcpStream,
        tls: &TlsAcceptor,
        unfinished: &Handshakes,
    ) -> io::Result<(FaceName, Arrival)> {
        let accepted = self.try_accept(stream, tls, unfinished);
        let late = || Err(io::ErrorKind::TimedOut.into());
        let accepted = tokio::time::timeout(HANDSHAKE, accepted).await;
        accepted.unwrap_or_else(|_| late())
    }

    async fn try_accept(
        &self,
        stream: TcpStream,
        tls: &TlsAcceptor,
        unfinished: &Handshakes,
    ) -> io::Result<(FaceName, Arrival)> {
        configure_socket(&stream)?;
        let mut stream = tls.accept(stream).await?;
        let (_, session) = stream.get_ref();
        let face = certificate::face(session.alpn_protocol());
        let face = face.filter(|face| self.faces.contains_key(face));
        let face = face.ok_or_else(|| io::Error::other("this gateway does not serve that face"))?;
        let shown = session.peer_certificates().and_then(|shown| shown.first());
        let shown = shown.map(certificate::fingerprint).unwrap_or_default();
        // A client of TLS 1.3 is done before the server has seen its certificate: a gateway that registers just now cannot be
        // asked to try again. So the connection waits here, unless strangers might fill the table by that.
        let patience = if unfinished.are_many() {
            Duration::ZERO
        } else {
            REGISTRATION
        };
        let mut members = self.members.clone();
        if members.member(&shown, patience).await.is_none() {
            return Err(io::Error::other(
                "its certificate belongs to no gateway of this store",
            ));
        }
        let ends = proxy_header::read(&mut stream).await?;
        Ok((
            face,
            Arrival::relayed(stream, |tls| Some(tls.get_ref().0), ends),
        ))
    }
}
