//! `ServerTls`: TLS of one face, from the first byte of a connection to what its client proved.

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use rustls::HandshakeKind;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use tokio_rustls::server::TlsStream;
use tokio_rustls::{Accept, TlsAcceptor};

use super::error::TlsError;
use super::failure::{CertificateRefusal, HandshakeFailure};
use super::files::CertificateFiles;
use super::first_bytes::FirstBytes;
use super::handshakes::{HandshakeLimits, Handshakes};
use super::metrics::{TlsFaceLabel, TlsMetrics, TlsOutcomeLabels};
use super::proof::Proof;
use super::state::TlsState;
use super::turns::Turns;

/// How long a client may let a handshake wait, in all. The time in which the handshake waits for its turn does not count.
const PATIENCE: Duration = Duration::from_secs(10);

/// How many handshakes may have begun and not ended: each takes some 20 KB.
const UNFINISHED: HandshakeLimits = HandshakeLimits {
    total: 1_024,
    of_address: 256,
};

/// What the TLS of all faces shares: bounds and metrics.
#[derive(Clone, Debug)]
pub struct HandshakeBounds {
    pub(super) handshakes: Handshakes,
    pub(super) turns: Turns,
    pub(super) metrics: TlsMetrics,
}

impl HandshakeBounds {
    /// For a runtime with this many workers.
    pub fn new(workers: usize, metrics: TlsMetrics) -> Self {
        Self {
            handshakes: Handshakes::new(UNFINISHED),
            turns: Turns::new((workers / 2).max(1)),
            metrics,
        }
    }
}

/// TLS of one face. A clone shares it.
#[derive(Clone, Debug)]
pub struct ServerTls(pub(super) Arc<FaceTls>);

/// The parts of it.
#[derive(Debug)]
pub(super) struct FaceTls {
    pub(super) face: &'static str,
    pub(super) files: CertificateFiles,
    pub(super) protocols: &'static [&'static [u8]],
    pub(super) state: watch::Sender<Arc<TlsState>>,
    pub(super) bounds: HandshakeBounds,
}

/// A connection after its handshake.
#[derive(Debug)]
pub struct Secured<IO> {
    /// What the client sends and gets.
    pub stream: TlsStream<FirstBytes<IO>>,
    /// The client's certificate, where it showed one.
    pub proof: Option<Proof>,
}

impl ServerTls {
    /// Reads the files of a face. `protocols` are the names that a client may ask for in the handshake (ALPN), in the order
    /// of preference.
    pub fn load(
        face: &'static str,
        files: CertificateFiles,
        protocols: &'static [&'static [u8]],
        bounds: HandshakeBounds,
    ) -> Result<Self, TlsError> {
        let state = TlsState::new(&files, &files.read()?, protocols)?;
        let own = Self(Arc::new(FaceTls {
            face,
            files,
            protocols,
            state: watch::Sender::new(Arc::new(state)),
            bounds,
        }));
        own.show_dates();
        Ok(own)
    }

    /// Those of these host names and addresses that the certificate does not carry: clients that connect to them refuse it.
    pub fn missing_names<'a>(&self, hosts: &'a [String]) -> Vec<&'a str> {
        let state = self.0.state.borrow();
        let missing = hosts.iter().filter(|host| !state.pair.covers(host));
        missing.map(String::as_str).collect()
    }

    /// Makes the handshake with a client. It is bounded in time, in number and in what it computes.
    pub async fn accept<IO>(
        &self,
        io: IO,
        peer: IpAddr,
    ) -> Result<Secured<IO>, HandshakeFailure<IO>>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        let ended = self.handshake(io, peer).await;
        let outcome = match &ended {
            Err(failure) => failure.label(),
            Ok(secured) => match secured.stream.get_ref().1.handshake_kind() {
                Some(HandshakeKind::Resumed) => "resumed",
                Some(HandshakeKind::Full | HandshakeKind::FullWithHelloRetryRequest) | None => {
                    "full"
                }
            },
        };
        self.count(&self.0.bounds.metrics.handshakes, outcome);
        ended
    }

    /// Counts a connection that is closed because its client's certificate is not valid any more.
    pub fn count_closed(&self, why: CertificateRefusal) {
        self.count(&self.0.bounds.metrics.closed, why.label());
    }

    async fn handshake<IO>(&self, io: IO, peer: IpAddr) -> Result<Secured<IO>, HandshakeFailure<IO>>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        let began = Instant::now();
        let first = match timeout(PATIENCE, FirstBytes::read(io)).await {
            Ok(Ok(first)) => first,
            Ok(Err(_)) => return Err(HandshakeFailure::Gone),
            Err(_) => return Err(HandshakeFailure::Late),
        };
        if !first.are_tls() {
            let http = first.are_http();
            let io = first.into_inner();
            return Err(HandshakeFailure::NotTls { io, http });
        }
        let left = PATIENCE.saturating_sub(began.elapsed());
        let bounds = &self.0.bounds;
        let (unfinished, dropped) = bounds.handshakes.begin(peer);
        let mut changes = self.0.state.subscribe();
        let state = Arc::clone(&changes.borrow_and_update());
        let accept = TlsAcceptor::from(Arc::clone(&state.config)).accept(first);
        let stream = tokio::select! {
            stream = compute(accept, &bounds.turns, peer, left) => stream?,
            _dropped = dropped => return Err(HandshakeFailure::TooMany),
        };
        drop(unfinished);
        let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
        // Also where a ticket spared the client its certificate: it is the one of the ticket, and may have expired since.
        let verified = state.verify(chain)?;
        let proof = verified.map(|verified| Proof {
            chain: chain.to_vec(),
            verified,
            changes,
            turns: bounds.turns.clone(),
            peer,
        });
        Ok(Secured { stream, proof })
    }

    /// Counts one of a family.
    pub(super) fn count(&self, family: &Family<TlsOutcomeLabels, Counter>, outcome: &'static str) {
        let face = self.0.face;
        let labels = TlsOutcomeLabels { face, outcome };
        family.get_or_create(&labels).inc();
    }

    /// Shows in the metrics until when what is in use is valid.
    pub(super) fn show_dates(&self) {
        let state = Arc::clone(&self.0.state.borrow());
        let label = TlsFaceLabel { face: self.0.face };
        let metrics = &self.0.bounds.metrics;
        let expiry = metrics.certificate_expiry.get_or_create(&label);
        expiry.set(state.pair.not_after);
        if let Some(due) = state.authorities.as_ref().and_then(|all| all.lists_due) {
            metrics.lists_due.get_or_create(&label).set(due);
        } else {
            metrics.lists_due.remove(&label);
        }
    }
}

/// Makes a handshake step by step: each step in its turn, and all waits for the client together within `left`.
async fn compute<IO>(
    mut accept: Accept<FirstBytes<IO>>,
    turns: &Turns,
    peer: IpAddr,
    mut left: Duration,
) -> Result<TlsStream<FirstBytes<IO>>, HandshakeFailure<IO>>
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        let turn = turns.take(peer).await;
        let step = std::future::poll_fn(|cx| Poll::Ready(Pin::new(&mut accept).poll(cx))).await;
        drop(turn);
        match step {
            Poll::Ready(Ok(stream)) => return Ok(stream),
            Poll::Ready(Err(error)) => return Err(HandshakeFailure::of(error)),
            Poll::Pending => {}
        }
        let began = Instant::now();
        if timeout(left, woken()).await.is_err() {
            return Err(HandshakeFailure::Late);
        }
        left = left.saturating_sub(began.elapsed());
    }
}

/// Ready when the task runs again: whatever was polled before it and was not ready may be so now.
async fn woken() {
    let mut first = true;
    std::future::poll_fn(move |_cx| {
        if std::mem::take(&mut first) {
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    })
    .await;
}
