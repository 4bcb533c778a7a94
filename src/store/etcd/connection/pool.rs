//! Connection pool: one connection at a time, to the next member where it fails.
//!
//! A request is sent again only where it surely did nothing.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use etcd_client::{Client, Error};
use parking_lot::Mutex;
use tokio::sync::Mutex as AsyncMutex;
use tokio::time::Instant;
use tokio::time::error::Elapsed;

use super::access::{Access, TlsFiles};
use super::error::{EtcdError, grpc_code};
use super::member::MemberConnection;
use crate::store::StoreError;
use crate::store::shared::Metrics;
use crate::store::shared::metrics::StoreVerb;

/// How often the TLS files are checked for changes.
const TLS_FILES_INTERVAL: Duration = Duration::from_secs(2);

/// A connection that is left when this is dropped, unless it is kept: a caller that gives up on a connection wants
/// another one, as this one may be silent for ever.
pub(crate) struct PooledConnection {
    pub(crate) connection: Arc<MemberConnection>,
    is_kept: bool,
}

impl PooledConnection {
    pub(crate) async fn new(pool: &ConnectionPool) -> Result<Self, EtcdError> {
        Ok(Self {
            connection: pool.get().await?,
            is_kept: false,
        })
    }

    /// Does not leave the connection on drop: it may be as good as before.
    pub(crate) fn keep(&mut self) {
        self.is_kept = true;
    }
}

impl Drop for PooledConnection {
    fn drop(&mut self) {
        // At once: the next caller must not get this connection, and lose it a moment later.
        if !self.is_kept {
            self.connection.leave();
        }
    }
}

/// The members of a cluster, and the connection to one of them.
pub(crate) struct ConnectionPool {
    endpoints: Vec<String>,
    access: Access,
    /// The TLS files as they worked last.
    tls: Mutex<TlsFiles>,
    current: AsyncMutex<Option<Arc<MemberConnection>>>,
    /// Counts the members that were tried: the next one to connect to.
    turn: AtomicUsize,
    metrics: Metrics,
}

impl std::fmt::Debug for ConnectionPool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConnectionPool")
            .field("endpoints", &self.endpoints)
            .finish_non_exhaustive()
    }
}

impl ConnectionPool {
    /// A pool that is not connected yet. Fails where a file of `access` cannot be read.
    pub(crate) fn new(
        endpoints: Vec<String>,
        access: Access,
        metrics: Metrics,
    ) -> Result<Arc<Self>, StoreError> {
        let tls = access.tls_files()?;
        access.credentials()?;
        let pool = Arc::new(Self {
            endpoints,
            tls: Mutex::new(tls),
            current: AsyncMutex::default(),
            turn: AtomicUsize::new(0),
            access,
            metrics,
        });
        if pool.access.is_tls() {
            let weak = Arc::downgrade(&pool);
            tokio::spawn(async move {
                let mut logged = String::new();
                loop {
                    tokio::time::sleep(TLS_FILES_INTERVAL).await;
                    let Some(pool) = weak.upgrade() else { return };
                    pool.reload_tls_files(&mut logged).await;
                }
            });
        }
        Ok(pool)
    }

    /// Uses TLS files that have changed, once they connect.
    async fn reload_tls_files(&self, logged: &mut String) {
        let why = match self.access.tls_files() {
            Ok(tls) if tls == *self.tls.lock() => return,
            Ok(tls) => match self.connect(&tls).await {
                Ok(connection) => {
                    *self.tls.lock() = tls;
                    tracing::info!("reconnected to etcd: the certificates have changed");
                    if let Some(old) = self.current.lock().await.replace(connection) {
                        old.leave();
                    }
                    logged.clear();
                    return;
                }
                Err(error) => error.to_string(),
            },
            Err(error) => error.to_string(),
        };
        if *logged != why {
            tracing::warn!(
                %why,
                "the changed certificates do not connect to etcd: the previous ones stay in use; check the files of \
                 --store-ca, --store-cert and --store-key"
            );
            *logged = why;
        }
    }

    /// Connects to the member whose turn it is.
    async fn connect(&self, tls: &TlsFiles) -> Result<Arc<MemberConnection>, EtcdError> {
        let turn = self.turn.load(Ordering::Relaxed);
        let Some(address) = self.endpoints.get(turn % self.endpoints.len().max(1)) else {
            return Err(EtcdError::NotSent("no endpoint".to_owned()));
        };
        let connection = MemberConnection::open(address, &self.access, tls).await?;
        Ok(Arc::new(connection))
    }

    /// The current connection, or one to the next member that answers.
    async fn get(&self) -> Result<Arc<MemberConnection>, EtcdError> {
        let mut current = self.current.lock().await;
        if let Some(connection) = current.take() {
            if !connection.is_left() {
                *current = Some(Arc::clone(&connection));
                return Ok(connection);
            }
            self.turn.fetch_add(1, Ordering::Relaxed);
        }
        let tls = self.tls.lock().clone();
        let mut last = EtcdError::NotSent("no endpoint".to_owned());
        for _ in &self.endpoints {
            match self.connect(&tls).await {
                Ok(connection) => {
                    *current = Some(Arc::clone(&connection));
                    return Ok(connection);
                }
                Err(error) => last = error,
            }
            self.turn.fetch_add(1, Ordering::Relaxed);
        }
        Err(last)
    }

    /// Counts a request that has ended.
    pub(crate) fn count<T>(
        &self,
        verb: StoreVerb,
        begun: Instant,
        answer: &Result<Result<T, Error>, Elapsed>,
    ) {
        let error = answer
            .as_ref()
            .ok()
            .and_then(|answer| answer.as_ref().err());
        let status = match answer {
            Ok(Ok(_)) => Some(0),
            _ => error.and_then(grpc_code),
        };
        self.metrics.asked(verb, status, begun.elapsed());
        if let Some(reason) = error.and_then(|error| EtcdError::of(error).reason()) {
            self.metrics.refused(reason);
        }
    }

    /// Sends a request; again only where it surely did nothing: over another connection where it was not sent, with a
    /// new auth token where the old one was rejected.
    pub(crate) async fn call<T, F>(
        &self,
        verb: StoreVerb,
        timeout: Duration,
        request: impl Fn(Client) -> F,
    ) -> Result<T, EtcdError>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let mut left = self.endpoints.len() + 1;
        let mut is_renewed = false;
        loop {
            let connection = self.get().await?;
            let tokens = connection.tokens();
            let begun = Instant::now();
            let answer = tokio::time::timeout(timeout, request(connection.client.clone())).await;
            self.count(verb, begun, &answer);
            let error = match answer {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(error)) => EtcdError::of(&error),
                Err(_) => {
                    let why = format!("no answer from etcd within {} s", timeout.as_secs());
                    EtcdError::UnknownOutcome(why)
                }
            };
            if error.is_of_connection() {
                connection.leave();
            }
            if matches!(error, EtcdError::Unauthenticated(_)) && !is_renewed {
                is_renewed = true;
                connection.renew_token(&self.access, tokens).await?;
            } else if matches!(error, EtcdError::NotSent(_)) && left > 1 {
                left -= 1;
            } else {
                return Err(error);
            }
        }
    }
}
