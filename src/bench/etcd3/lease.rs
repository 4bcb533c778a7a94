//! `KeptLease`: a lease that a task of its own renews until it is dropped.

use std::time::Duration;

use etcd_client::{Client, Error};
use tokio::task::AbortHandle;

use super::failure::failure;
use crate::bench::client::Failure;

/// The TTL, in seconds: that of etcd's own library. It ends locks of a client that died.
const TTL: i64 = 60;

/// How often the lease is renewed.
const RENEWAL: Duration = Duration::from_secs(20);

/// A lease that is renewed.
pub(super) struct KeptLease {
    pub(super) id: i64,
    renewing: AbortHandle,
}

impl KeptLease {
    /// Grants a lease and begins to renew it.
    pub(super) async fn grant(client: &Client) -> Result<Self, Error> {
        let id = client.lease_client().grant(TTL, None).await?.id();
        let client = client.clone();
        // One that cannot be renewed expires, and the next lock gets that as an error.
        let renewing = tokio::spawn(async move { renew(&client, id).await });
        Ok(Self {
            id,
            renewing: renewing.abort_handle(),
        })
    }

    /// Ends the lease, and the locks that were taken with it.
    pub(super) async fn revoke(self, client: &Client) -> Result<(), Failure> {
        let revoked = client.lease_client().revoke(self.id).await;
        revoked.map(|_done| ()).map_err(|error| failure(&error))
    }
}

impl Drop for KeptLease {
    fn drop(&mut self) {
        self.renewing.abort();
    }
}

async fn renew(client: &Client, id: i64) -> Result<(), Error> {
    let (mut keeper, mut answers) = client.lease_client().keep_alive(id).await?;
    loop {
        tokio::time::sleep(RENEWAL).await;
        keeper.keep_alive().await?;
        match answers.message().await? {
            Some(answer) if answer.ttl() > 0 => {}
            _ => return Ok(()),
        }
    }
}
