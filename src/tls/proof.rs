//! `Proof`: a client's certificate while its connection is open; it may be revoked, or expire.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use tokio::sync::watch;

use super::authorities::VerifiedClient;
use super::failure::CertificateRefusal;
use super::state::{TlsState, now};
use super::turns::Turns;
use crate::model::ClientCertificate;

/// What a client showed in its handshake.
#[derive(Debug)]
pub struct Proof {
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) verified: VerifiedClient,
    pub(super) changes: watch::Receiver<Arc<TlsState>>,
    pub(super) turns: Turns,
    pub(super) peer: IpAddr,
}

impl Proof {
    /// The certificate.
    pub fn certificate(&self) -> &Arc<ClientCertificate> {
        &self.verified.certificate
    }

    /// Returns when the certificate is not valid any more: past its dates, or by the files as they are since. A handshake that
    /// began before the files changed is checked again, too.
    pub async fn ended(mut self) -> CertificateRefusal {
        loop {
            tokio::select! {
                changed = self.changes.changed() => {
                    if changed.is_err() {
                        // The face is served no more, and this connection ends with it.
                        std::future::pending::<()>().await;
                    }
                }
                () = tokio::time::sleep(left(self.verified.until)) => {}
            }
            // A change of the files has every connection checked at once.
            let _turn = self.turns.take(self.peer).await;
            let state = Arc::clone(&self.changes.borrow_and_update());
            match state.verify(&self.chain) {
                // Another authority may vouch for other names than the one that was believed.
                Ok(Some(again)) if again.certificate.authority == self.certificate().authority => {
                    self.verified.until = again.until;
                }
                Ok(_) => return CertificateRefusal::UnknownAuthority,
                Err(why) => return why,
            }
        }
    }
}

/// The time until a second has passed.
fn left(until: i64) -> Duration {
    let now = i64::try_from(now().as_secs()).unwrap_or(i64::MAX);
    let seconds = until.saturating_sub(now).saturating_add(1).max(1);
    Duration::from_secs(u64::try_from(seconds).unwrap_or(1))
}
