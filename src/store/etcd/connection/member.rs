//! Connection to one member of etcd, with its auth token.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use etcd_client::{Channel, Client, ConnectOptions};
use tokio::sync::{Mutex as AsyncMutex, watch};
use tonic::transport::Endpoint;

use super::access::{Access, TlsFiles};
use super::error::EtcdError;
use crate::store::shared::error_text::one_line;

/// The timeout of the TCP connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// The timeout of connecting as a whole, and of an auth token.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(4);

/// The timeout of a member's status.
const STATUS_TIMEOUT: Duration = Duration::from_secs(1);

/// How often a silent connection is pinged; etcd closes those that ping more often than every 5 s.
const PING_INTERVAL: Duration = Duration::from_secs(10);

/// How long the answer to a ping may take.
const PING_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection to one member.
pub(crate) struct MemberConnection {
    pub(crate) client: Client,
    /// Counts the auth tokens that this connection has had.
    tokens: AtomicU64,
    renewing: AsyncMutex<()>,
    /// Becomes true when the connection is left.
    left: watch::Sender<bool>,
}

impl MemberConnection {
    /// Connects to the member at an address. A member without a leader is left out, as one that cannot be reached.
    pub(super) async fn open(
        address: &str,
        access: &Access,
        tls: &TlsFiles,
    ) -> Result<Self, EtcdError> {
        let failed =
            |why: String| EtcdError::NotSent(format!("cannot reach etcd at {address}: {why}"));
        let no_answer = |_| failed("no answer".to_owned());
        let endpoint = endpoint(address, access, tls).map_err(|error| failed(one_line(&error)))?;
        let channel = tokio::time::timeout(HANDSHAKE_TIMEOUT, endpoint.connect())
            .await
            .map_err(no_answer)?
            .map_err(|error| failed(one_line(&error)))?;
        // A member that is cut off from the others fails, instead of answering with what it has.
        let mut options = ConnectOptions::new().with_require_leader(true);
        let credentials = access.credentials();
        if let Some((user, password)) = credentials.map_err(|error| failed(error.to_string()))? {
            options = options.with_user(user, password);
        }
        let client = Client::from_channel(Channel::Tonic(channel), Some(options));
        let client = tokio::time::timeout(HANDSHAKE_TIMEOUT, client)
            .await
            .map_err(no_answer)?
            .map_err(|error| failed(EtcdError::of(&error).to_string()))?;
        // A stopped process accepts connections as well, and a member without a leader can do nothing.
        match tokio::time::timeout(STATUS_TIMEOUT, client.maintenance_client().status()).await {
            Err(elapsed) => return Err(no_answer(elapsed)),
            Ok(Ok(status)) if status.leader() == 0 => {
                return Err(failed("it has no leader".to_owned()));
            }
            // The user may lack the permission to ask.
            Ok(_) => {}
        }
        Ok(Self {
            client,
            tokens: AtomicU64::new(0),
            renewing: AsyncMutex::default(),
            left: watch::Sender::new(false),
        })
    }

    /// Leaves this connection: the next request goes to the next member. Requests in flight on it may still succeed.
    pub(crate) fn leave(&self) {
        self.left.send_replace(true);
    }

    pub(super) fn is_left(&self) -> bool {
        *self.left.borrow()
    }

    /// Returns when this connection is left.
    pub(crate) async fn left(&self) {
        let mut left = self.left.subscribe();
        // The sender is in `self`, so it is not gone.
        let _left = left.wait_for(|left| *left).await;
    }

    /// How many auth tokens this connection has had.
    pub(super) fn tokens(&self) -> u64 {
        self.tokens.load(Ordering::Acquire)
    }

    /// Asks for a new auth token, unless another request has done so since this count of them.
    pub(super) async fn renew_token(&self, access: &Access, tokens: u64) -> Result<(), EtcdError> {
        let _one_at_a_time = self.renewing.lock().await;
        if self.tokens() != tokens {
            return Ok(());
        }
        let credentials = access.credentials();
        let credentials = credentials.map_err(|error| EtcdError::Rejected(error.to_string()))?;
        if credentials.is_none() {
            return Err(EtcdError::Unauthenticated(
                "etcd requires a user and a password: set --store-user and --store-password-file"
                    .to_owned(),
            ));
        }
        let renewed = tokio::time::timeout(HANDSHAKE_TIMEOUT, async {
            self.client.clone().update_user(credentials).await
        });
        renewed
            .await
            .map_err(|_| EtcdError::Rejected("no new auth token from etcd within 4 s".to_owned()))?
            .map_err(|error| EtcdError::PermissionDenied(EtcdError::of(&error).to_string()))?;
        self.tokens.fetch_add(1, Ordering::AcqRel);
        Ok(())
    }
}

fn endpoint(
    address: &str,
    access: &Access,
    tls: &TlsFiles,
) -> Result<Endpoint, tonic::transport::Error> {
    let scheme = if access.is_tls() { "https" } else { "http" };
    let endpoint = Endpoint::from_shared(format!("{scheme}://{address}"))?
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT);
    if access.is_tls() {
        endpoint.tls_config(tls.config())
    } else {
        Ok(endpoint)
    }
}
