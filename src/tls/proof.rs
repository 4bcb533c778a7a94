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

/// How long the wall clock is not looked at. It can be set, and goes on while a suspended machine's timers stand still: nobody can
/// tell a day before when a certificate will have expired.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

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
                () = tokio::time::sleep(left(self.verified.until)) => {
                    if seconds_now() <= self.verified.until {
                        continue;
                    }
                }
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

/// The time until a second has passed, or until the clock is to be looked at again.
fn left(until: i64) -> Duration {
    let seconds = until.saturating_sub(seconds_now()).saturating_add(1).max(1);
    let left = Duration::from_secs(u64::try_from(seconds).unwrap_or(1));
    left.min(LONGEST_SLEEP)
}

fn seconds_now() -> i64 {
    i64::try_from(now().as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_is_looked_at_once_a_minute_however_long_a_certificate_is_valid() {
        let second = Duration::from_secs(1);
        for until in [i64::MIN, 0, seconds_now() - 1] {
            assert_eq!(left(until), second, "{until}");
        }
        let soon = left(seconds_now() + 10);
        assert!((second * 10..=second * 11).contains(&soon), "{soon:?}");
        for until in [seconds_now() + 24 * 3_600, i64::MAX] {
            assert_eq!(left(until), second * 60, "{until}");
        }
    }
}
