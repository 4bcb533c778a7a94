//! Credentials of the gateway at the API server, read again as soon as the API server rejects them.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use kube::{Client, Config};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::error::ApiError;

/// The shortest time between two reads of rejected credentials.
const PAUSE: Duration = Duration::from_secs(1);

/// A client with the credentials that were read last.
///
/// The library reads a token's file again every minute, and certificates never. If the API server rejects either, both
/// are read again at once.
pub(crate) struct ApiCredentials {
    config: Config,
    client: ArcSwap<Client>,
    /// When the credentials were read last.
    last_read: Mutex<Instant>,
}

impl ApiCredentials {
    pub(crate) fn new(config: Config) -> Result<Self, kube::Error> {
        let client = Client::try_from(config.clone())?;
        Ok(Self {
            config,
            client: ArcSwap::from_pointee(client),
            last_read: Mutex::new(Instant::now()),
        })
    }

    /// With this client, whose credentials nobody rejects.
    #[cfg(test)]
    pub(crate) fn of_client(client: Client) -> Self {
        let url = http::Uri::from_static("http://127.0.0.1");
        Self {
            config: Config::new(url),
            client: ArcSwap::from_pointee(client),
            last_read: Mutex::new(Instant::now()),
        }
    }

    /// Sends a request; if its credentials are rejected, sends it again with newer ones.
    pub(super) async fn authenticated<T, F>(
        &self,
        send: impl Fn(Arc<Client>) -> F,
    ) -> Result<T, ApiError>
    where
        F: Future<Output = Result<T, ApiError>>,
    {
        let client = self.client();
        let result = send(Arc::clone(&client)).await;
        if result
            .as_ref()
            .is_err_and(|error| error.status() == Some(401))
            && let Some(client) = self.newer_than(&client).await
        {
            return send(client).await;
        }
        result
    }

    fn client(&self) -> Arc<Client> {
        self.client.load_full()
    }

    /// A client whose credentials were read after those of the rejected one; `None` if the last read was too recent, or
    /// failed.
    async fn newer_than(&self, rejected: &Arc<Client>) -> Option<Arc<Client>> {
        let mut last_read = self.last_read.lock().await;
        let client = self.client();
        if !Arc::ptr_eq(&client, rejected) {
            return Some(client);
        }
        if last_read.elapsed() < PAUSE {
            return None;
        }
        *last_read = Instant::now();
        match self.read_again().await {
            Ok(client) => {
                let client = Arc::new(client);
                self.client.store(Arc::clone(&client));
                Some(client)
            }
            Err(error) => {
                tracing::debug!(error, "the credentials cannot be read again");
                None
            }
        }
    }

    /// New credentials for the same cluster: the kubeconfig may name another one by now, which has other entries.
    async fn read_again(&self) -> Result<Client, String> {
        let now = Config::infer().await.map_err(|error| error.to_string())?;
        let mut config = self.config.clone();
        config.auth_info = now.auth_info;
        Client::try_from(config).map_err(|error| error.to_string())
    }
}
