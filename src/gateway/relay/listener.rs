//! On the gateway that leads: connections that others relay.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::metrics::{Face, Metrics};
use super::{Identity, certificate, proxy_header};
use crate::face::server::{Arrival, Stopping, configure_socket};
use crate::model::FaceName;
use crate::store::shared::Members;

/// How long a handshake may take, with the header after it.
const GREETING: Duration = Duration::from_secs(5);

/// How long a gateway is waited for that has noted itself just now.
const NOTED: Duration = Duration::from_secs(2);

/// How many may be in their handshake at a time; more wait.
const GREETINGS: usize = 256;

/// How long to wait when no connection can be accepted.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// Takes relayed connections, while this gateway leads.
#[derive(Debug)]
pub(in crate::gateway) struct RelayListener {
    pub(in crate::gateway) identity: Arc<Identity>,
    pub(in crate::gateway) roll: Members,
    pub(in crate::gateway) faces: HashMap<FaceName, mpsc::Sender<Arrival>>,
    pub(in crate::gateway) metrics: Metrics,
}

impl RelayListener {
    /// Hands what comes to the faces, until the gateway is stopping.
    pub(in crate::gateway) async fn run(self, listener: TcpListener, stopping: Stopping) {
        let tls = match self.identity.server() {
            Ok(config) => TlsAcceptor::from(Arc::new(config)),
            Err(error) => {
                tracing::error!(%error, "connections of other gateways cannot be taken");
                return stopping.wait().await;
            }
        };
        let own = Arc::new(self);
        let places = Arc::new(Semaphore::new(GREETINGS));
        let mut greetings = JoinSet::new();
        loop {
            let accepted = async {
                let place = Arc::clone(&places).acquire_owned().await;
                (listener.accept().await, place)
            };
            let (accepted, place) = tokio::select! {
                () = stopping.wait() => break,
                Some(_ended) = greetings.join_next() => continue,
                accepted = accepted => accepted,
            };
            match accepted {
                Ok((stream, replica)) => {
                    let (own, tls) = (Arc::clone(&own), tls.clone());
                    greetings.spawn(async move {
                        own.greet(stream, replica, &tls).await;
                        drop(place);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection of another gateway");
                    tokio::time::sleep(ACCEPT_AGAIN).await;
                }
            }
        }
        greetings.shutdown().await;
    }

    async fn greet(&self, stream: TcpStream, replica: SocketAddr, tls: &TlsAcceptor) {
        let greeted = tokio::time::timeout(GREETING, self.take(stream, tls)).await;
        let late = || Err(io::ErrorKind::TimedOut.into());
        if let Err(error) = greeted.unwrap_or_else(|_| late()) {
            self.metrics.rejected.inc();
            tracing::warn!(%replica, %error, "a relayed connection is turned away");
        }
    }

    async fn take(&self, stream: TcpStream, tls: &TlsAcceptor) -> io::Result<()> {
        configure_socket(&stream)?;
        let mut stream = tls.accept(stream).await?;
        let (_, session) = stream.get_ref();
        let face = certificate::face(session.alpn_protocol());
        let sender = face.and_then(|face| Some((face, self.faces.get(&face)?)));
        let (face, sender) = sender.ok_or_else(|| io::Error::other("no such face here"))?;
        let shown = session.peer_certificates().and_then(|shown| shown.first());
        let shown = shown.map(certificate::fingerprint).unwrap_or_default();
        let mut roll = self.roll.clone();
        if roll.member(&shown, NOTED).await.is_none() {
            return Err(io::Error::other("no gateway of this store"));
        }
        let ends = proxy_header::read(&mut stream).await?;
        self.metrics.taken.get_or_create(&Face::of(face)).inc();
        // A server that is gone has its reasons.
        let _gone = sender.send(Arrival::relayed(stream, ends)).await;
        Ok(())
    }
}
