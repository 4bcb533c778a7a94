//! How the API server is reached, and as whom.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use kube::{Client, Config};
use tokio::sync::Mutex;
use tokio::time::Instant;

/// How long between two times that tokens and certificates are read anew because they are not believed.
const PAUSE: Duration = Duration::from_secs(1);

/// A client with the credentials that were read last.
///
/// The library reads a token's file again every minute and certificates never: where the API server does not believe them any
/// more, all is read at once.
pub(crate) struct Access {
    config: Config,
    client: ArcSwap<Client>,
    /// When credentials were read last.
    read: Mutex<Instant>,
}

impl Access {
    pub(crate) fn new(config: Config) -> Result<Self, kube::Error> {
        let client = Client::try_from(config.clone())?;
        Ok(Self {
            config,
            client: ArcSwap::from_pointee(client),
            read: Mutex::new(Instant::now()),
        })
    }

    pub(crate) fn client(&self) -> Arc<Client> {
        self.client.load_full()
    }

    /// A client with credentials that were read after those of this one; `None` where there was no time to.
    pub(crate) async fn after(&self, refused: &Arc<Client>) -> Option<Arc<Client>> {
        let mut read = self.read.lock().await;
        let client = self.client();
        if !Arc::ptr_eq(&client, refused) {
            return Some(client);
        }
        if read.elapsed() < PAUSE {
            return None;
        }
        *read = Instant::now();
        match self.anew().await {
            Ok(client) => {
                let client = Arc::new(client);
                self.client.store(Arc::clone(&client));
                Some(client)
            }
            Err(error) => {
                tracing::debug!(error, "the credentials cannot be read");
                None
            }
        }
    }

    /// As the same cluster is reached now: another one that the kubeconfig may name since has other entries.
    async fn anew(&self) -> Result<Client, String> {
        let now = Config::infer().await.map_err(|error| error.to_string())?;
        let mut config = self.config.clone();
        config.auth_info = now.auth_info;
        Client::try_from(config).map_err(|error| error.to_string())
    }
}
