//! The relay listener: the leader's port for connections that standbys relay.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::certificate::{self, RelayCertificate};
use super::metrics::{RelayLabel, RelayMetrics};
use super::proxy_header;
use crate::face::server::{Arrival, Stopping, configure_socket};
use crate::model::FaceName;
use crate::store::shared::Members;

/// How long a TLS handshake may take, with the PROXY header after it.
const HANDSHAKE: Duration = Duration::from_secs(5);

/// How long a connection waits for its gateway's member record, which may have been written just now.
const REGISTRATION: Duration = Duration::from_secs(2);

/// Handshakes at a time; more wait.
const HANDSHAKES: usize = 256;

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
        let permits = Arc::new(Semaphore::new(HANDSHAKES));
        let mut handshakes = JoinSet::new();
        loop {
            let accepted = async {
                let permit = Arc::clone(&permits).acquire_owned().await;
                (listener.accept().await, permit)
            };
            let (accepted, permit) = tokio::select! {
                () = stopping.wait() => break,
                Some(_ended) = handshakes.join_next() => continue,
                accepted = accepted => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    let (own, tls) = (Arc::clone(&own), tls.clone());
                    handshakes.spawn(async move {
                        own.accept(stream, peer, &tls).await;
                        drop(permit);
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

    async fn accept(&self, stream: TcpStream, peer: SocketAddr, tls: &TlsAcceptor) {
        let shaken = tokio::time::timeout(HANDSHAKE, self.try_accept(stream, tls)).await;
        let late = || Err(io::ErrorKind::TimedOut.into());
        if let Err(error) = shaken.unwrap_or_else(|_| late()) {
            self.metrics.rejected.inc();
            tracing::warn!(%peer, %error, "a connection to the relay port was rejected");
        }
    }

    async fn try_accept(&self, stream: TcpStream, tls: &TlsAcceptor) -> io::Result<()> {
        configure_socket(&stream)?;
        let mut stream = tls.accept(stream).await?;
        let (_, session) = stream.get_ref();
        let face = certificate::face(session.alpn_protocol());
        let sender = face.and_then(|face| Some((face, self.faces.get(&face)?)));
        let (face, sender) =
            sender.ok_or_else(|| io::Error::other("this gateway does not serve that face"))?;
        let shown = session.peer_certificates().and_then(|shown| shown.first());
        let shown = shown.map(certificate::fingerprint).unwrap_or_default();
        let mut members = self.members.clone();
        if members.member(&shown, REGISTRATION).await.is_none() {
            return Err(io::Error::other(
                "its certificate belongs to no gateway of this store",
            ));
        }
        let ends = proxy_header::read(&mut stream).await?;
        self.metrics
            .taken
            .get_or_create(&RelayLabel::of(face))
            .inc();
        // A server that has ended logs why.
        let _ended = sender.send(Arrival::relayed(stream, ends)).await;
        Ok(())
    }
}
