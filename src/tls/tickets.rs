//! Session tickets: a client that reconnects soon skips the expensive half of a handshake.

use std::sync::Arc;

use rustls::Error;
use rustls::crypto::GetRandomFailed;
use rustls::crypto::ring::Ticketer;
use rustls::server::ProducesTickets;
use rustls::ticketer::TicketRotator;

/// After how long new tickets get a new key, in seconds; those of the key before are accepted as long again.
const LIFETIME: u32 = 3_600;

/// Tickets with keys of their own, which nothing outside this process knows: they end with a restart, and with every change of
/// the files, because a ticket carries the certificate that its client showed.
pub(super) fn tickets() -> Result<Arc<dyn ProducesTickets>, Error> {
    Ok(Arc::new(TicketRotator::new(LIFETIME, new_key)?))
}

fn new_key() -> Result<Box<dyn ProducesTickets>, GetRandomFailed> {
    let key = Ticketer::new().map_err(|_| GetRandomFailed)?;
    Ok(Box::new(TicketKey(key)))
}

/// One key.
#[derive(Debug)]
struct TicketKey(Arc<dyn ProducesTickets>);

impl ProducesTickets for TicketKey {
    fn enabled(&self) -> bool {
        self.0.enabled()
    }

    fn lifetime(&self) -> u32 {
        LIFETIME
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        self.0.encrypt(plain)
    }

    fn decrypt(&self, cipher: &[u8]) -> Option<Vec<u8>> {
        self.0.decrypt(cipher)
    }
}
