//! Secured connections: the client's TLS, then its protocol, for as long as its certificate is valid.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::arrival::Arrival;
use super::connection::{Connection, Security};
use super::context::ServerContext;
use super::identities::{ClientIdentities, IdentityPermit};
use super::log_limit::{LogLimit, OmittedLines};
use super::metrics::RefusedLabels;
use super::permits::{Silent, TooMany};
use super::protocol::{Protocol, Serving};
use super::stopping::Stopping;
use super::stream::Stream;
use crate::guard::AuditLog;
use crate::tls::{HandshakeFailure, Proof, ServerTls};

/// How long a client that does not speak TLS may take to read its error, and how many of its bytes are read meanwhile:
/// bytes that were not read would break the connection before that.
const LINGER: Duration = Duration::from_millis(500);
const LINGER_BYTES: u64 = 64 << 10;

/// How many refused handshakes of a client are recorded.
static AUDIT_LIMIT: LogLimit = LogLimit::new();

/// What serves connections within TLS.
#[derive(Clone, Debug)]
pub(super) struct SecuredServer {
    pub(super) tls: ServerTls,
    /// Where it is recorded who showed a certificate, and whose handshake was refused.
    pub(super) audit: Option<Arc<AuditLog>>,
    pub(super) identities: ClientIdentities,
}

impl SecuredServer {
    /// Serves a connection within TLS. It counts as silent until it has sent a byte of its protocol: a handshake alone takes
    /// no place from others.
    pub(super) async fn serve(
        self,
        arrival: Arrival,
        silent: Option<Silent>,
        protocol: Arc<dyn Protocol>,
        (context, stopping): (Arc<ServerContext>, Stopping),
    ) {
        let (tls, face, peer) = (self.tls.clone(), context.face, arrival.ends.peer);
        // What the handshake needs is on the heap only until it is done: thousands of connections only wait.
        let secured = Box::pin(self.secure(arrival, silent, protocol, (context, stopping)));
        let Some((serving, proof, _permit)) = secured.await else {
            return;
        };
        let Some(proof) = proof else {
            return serving.await;
        };
        tokio::select! {
            () = serving => {}
            why = proof.ended() => {
                tls.count_closed(why);
                tracing::info!(face, %peer, "connection closed: its client's certificate is not accepted any more: {why}");
            }
        }
    }

    /// What serves a connection after its handshake, what proves who its client is, and its place among those of its identity.
    async fn secure(
        self,
        arrival: Arrival,
        silent: Option<Silent>,
        protocol: Arc<dyn Protocol>,
        (context, stopping): (Arc<ServerContext>, Stopping),
    ) -> Option<(Serving, Option<Proof>, IdentityPermit)> {
        let Self {
            tls,
            audit,
            identities,
        } = self;
        let Arrival { stream, mut ends } = arrival;
        let accepted = tokio::select! {
            accepted = tls.accept(stream, ends.peer.ip()) => accepted,
            () = stopping.wait() => return None,
        };
        let secured = match accepted {
            Ok(secured) => secured,
            Err(failure) => {
                if let Some(audit) = &audit
                    && !matches!(failure, HandshakeFailure::Gone)
                    // Strangers must not fill the disk.
                    && let Some(OmittedLines(left_out)) = AUDIT_LIMIT.permit(ends.peer.ip())
                {
                    let why = format!("TLS handshake: {failure}");
                    audit.record_handshake(context.face, ends.peer, (&why, left_out));
                }
                refuse(failure, &ends, context.face, protocol.as_ref()).await;
                return None;
            }
        };
        let client = secured.proof.as_ref().map(Proof::certificate);
        ends.security = Security::Tls {
            client: client.map(Arc::clone),
        };
        let (face, peer) = (context.face, ends.peer);
        if let Some((audit, client)) = audit.zip(client) {
            audit.record_certificate(face, peer, client);
        }
        let mut stream = Stream::secured(secured.stream);
        let permit = identities.identify(&mut ends);
        let permit = match permit {
            Ok(permit) => permit,
            Err(why) => {
                refuse_one(why, stream, &ends, &context, protocol.as_ref()).await;
                return None;
            }
        };
        if let Some(silent) = silent {
            stream.until_heard(silent);
        }
        let serving = protocol.serve(Arrival { stream, ends }, context, stopping);
        Some((serving, secured.proof, permit))
    }
}

/// Ends a connection whose handshake failed.
async fn refuse(
    failure: HandshakeFailure<Stream>,
    ends: &Connection,
    face: &'static str,
    protocol: &dyn Protocol,
) {
    static LIMIT: LogLimit = LogLimit::new();
    let peer = ends.peer;
    // Clients break off all the time: not worth a warning.
    if matches!(failure, HandshakeFailure::Gone) {
        tracing::debug!(face, %peer, "TLS handshake: {failure}");
    } else if let Some(OmittedLines(left_out)) = LIMIT.permit(peer.ip()) {
        tracing::warn!(face, %peer, left_out, "TLS handshake: {failure}");
    }
    if let HandshakeFailure::NotTls { mut io, http: true } = failure
        && let Some(words) = protocol.plaintext_to_tls()
    {
        send_and_close(&mut io, words).await;
    }
}

/// Ends a connection of an identity that has too many, and says so where its protocol has words for it.
async fn refuse_one(
    why: TooMany,
    mut stream: Stream,
    ends: &Connection,
    context: &ServerContext,
    protocol: &dyn Protocol,
) {
    static LIMIT: LogLimit = LogLimit::new();
    let (face, peer) = (context.face, ends.peer);
    let labels = RefusedLabels {
        face,
        reason: why.label(),
    };
    context.metrics.refused.get_or_create(&labels).inc();
    if let Some(OmittedLines(left_out)) = LIMIT.permit_flow(ends.current_flow()) {
        tracing::warn!(face, %peer, left_out, "connection refused: {why}");
    }
    if let Some(words) = protocol.too_many_connections() {
        send_and_close(&mut stream, words).await;
    }
}

/// Sends an error to a client, and closes the connection.
async fn send_and_close(stream: &mut Stream, words: &[u8]) {
    let send = async {
        stream.write_all(words).await?;
        stream.shutdown().await?;
        let mut rest = stream.take(LINGER_BYTES);
        tokio::io::copy(&mut rest, &mut tokio::io::sink()).await
    };
    // The client may be gone, or read nothing.
    let _sent = tokio::time::timeout(LINGER, send).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::face::server::future_bytes;

    #[test]
    fn a_connection_over_tls_has_no_memory_of_its_handshake() {
        let bytes = future_bytes::of(|(own, arrival, silent, protocol, server)| {
            SecuredServer::serve(own, arrival, silent, protocol, server)
        });
        assert!(bytes <= 1_536, "{bytes}");
    }
}
