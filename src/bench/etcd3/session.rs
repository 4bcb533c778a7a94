//! Leases that nobody renews: what version 3 has for sessions.

use super::Etcd3Client;
use crate::bench::client::{Failure, IDLE_TTL, Outcome};

impl Etcd3Client {
    /// Grants a lease that nobody renews.
    pub async fn open_session(&mut self) -> Result<Outcome, Failure> {
        let mut leases = self.connection().await?.client.lease_client();
        let granted = leases.grant(i64::from(IDLE_TTL), None).await;
        self.checked(granted).map(|_lease| Outcome::default())
    }
}
