//! The connection to one member of etcd at a time, and to another where that fails.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use etcd_client::{Channel, Client, ConnectOptions, Error};
use parking_lot::Mutex;
use tokio::sync::{Mutex as AsyncMutex, watch};
use tokio::time::Instant;
use tokio::time::error::Elapsed;
use tonic::transport::Endpoint;

use super::access::{Access, Pem};
use super::error::{Failure, code, plain};
use crate::store::StoreError;
use crate::store::shared::Metrics;
use crate::store::shared::metrics::Verb;

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(2);

/// How long a member may take to say how it is.
const ALIVE: Duration = Duration::from_secs(1);

/// How often a silent connection is tried; etcd closes those that ask more often than every 5 s.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// How long it may then stay silent.
const SILENCE: Duration = Duration::from_secs(5);

/// How often the files are looked at.
const RELOAD: Duration = Duration::from_secs(2);

/// A connection to one member.
pub(crate) struct Link {
    pub(crate) client: Client,
    /// Counts the tokens there were.
    tokens: AtomicU64,
    renewing: AsyncMutex<()>,
    /// Becomes true when another connection is to be used.
    ended: watch::Sender<bool>,
}

impl Link {
    /// Uses this connection no more, and the next member's turn it is. What is under way on it may still end well.
    pub(crate) fn leave(&self) {
        self.ended.send_replace(true);
    }

    fn is_ended(&self) -> bool {
        *self.ended.borrow()
    }

    /// Returns when another connection is to be used.
    pub(crate) async fn ended(&self) {
        let mut ended = self.ended.subscribe();
        // The sender is in `self`, so it is not gone.
        let _ended = ended.wait_for(|ended| *ended).await;
    }
}

/// A connection that is left when this is dropped: whoever lets go of it wants another one, as this one may be silent
/// for ever.
pub(crate) struct PooledConnection {
    pub(crate) link: Arc<Link>,
    kept: bool,
}

impl PooledConnection {
    pub(crate) async fn new(links: &ConnectionPool) -> Result<Self, Failure> {
        Ok(Self {
            link: links.get().await?,
            kept: false,
        })
    }

    /// It may be as good as before.
    pub(crate) fn keep(&mut self) {
        self.kept = true;
    }

    pub(crate) fn leave(&self) {
        self.link.leave();
    }
}

impl Drop for PooledConnection {
    fn drop(&mut self) {
        // At once: whoever asks for a connection next must not get this one, and lose it a moment later.
        if !self.kept {
            self.link.leave();
        }
    }
}

/// Every member we know of.
pub(crate) struct ConnectionPool {
    endpoints: Vec<String>,
    access: Access,
    /// The files as they worked last.
    pem: Mutex<Pem>,
    current: AsyncMutex<Option<Arc<Link>>>,
    /// Which member's turn it is.
    turn: AtomicUsize,
    metrics: Metrics,
}

impl std::fmt::Debug for ConnectionPool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Links")
            .field("endpoints", &self.endpoints)
            .finish_non_exhaustive()
    }
}

impl ConnectionPool {
    /// Nothing is connected yet; files that cannot be read are told at once.
    pub(crate) fn new(
        endpoints: Vec<String>,
        access: Access,
        metrics: Metrics,
    ) -> Result<Arc<Self>, StoreError> {
        let pem = access.pem()?;
        access.credentials()?;
        let links = Arc::new(Self {
            endpoints,
            pem: Mutex::new(pem),
            current: AsyncMutex::default(),
            turn: AtomicUsize::new(0),
            access,
            metrics,
        });
        if links.access.is_tls() {
            let weak = Arc::downgrade(&links);
            tokio::spawn(async move {
                let mut said = String::new();
                loop {
                    tokio::time::sleep(RELOAD).await;
                    let Some(links) = weak.upgrade() else { return };
                    links.reload(&mut said).await;
                }
            });
        }
        Ok(links)
    }

    /// Takes in files that have changed, once a connection can be made with them.
    async fn reload(&self, said: &mut String) {
        let why = match self.access.pem() {
            Ok(pem) if pem == *self.pem.lock() => return,
            Ok(pem) => match self.connect(&pem).await {
                Ok(link) => {
                    *self.pem.lock() = pem;
                    tracing::info!("etcd is connected to anew: the certificates have changed");
                    if let Some(old) = self.current.lock().await.replace(link) {
                        old.leave();
                    }
                    said.clear();
                    return;
                }
                Err(failure) => failure.to_string(),
            },
            Err(error) => error.to_string(),
        };
        if *said != why {
            tracing::warn!(%why, "changed certificates do not work; the ones before are used");
            *said = why;
        }
    }

    async fn connect(&self, pem: &Pem) -> Result<Arc<Link>, Failure> {
        let turn = self.turn.load(Ordering::Relaxed);
        let Some(address) = self.endpoints.get(turn % self.endpoints.len().max(1)) else {
            return Err(Failure::NotSent("no endpoint".to_owned()));
        };
        let failed =
            |why: String| Failure::NotSent(format!("cannot reach etcd at {address}: {why}"));
        let scheme = if self.access.is_tls() {
            "https"
        } else {
            "http"
        };
        let mut endpoint = Endpoint::from_shared(format!("{scheme}://{address}"))
            .map_err(|error| failed(plain(&error)))?
            .connect_timeout(CONNECT)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(KEEP_ALIVE)
            .keep_alive_timeout(SILENCE);
        if self.access.is_tls() {
            endpoint = endpoint
                .tls_config(pem.config())
                .map_err(|error| failed(plain(&error)))?;
        }
        let channel = tokio::time::timeout(CONNECT * 2, endpoint.connect())
            .await
            .map_err(|_| failed("no answer".to_owned()))?
            .map_err(|error| failed(plain(&error)))?;
        // A member that is cut off from the others says so, instead of answering from what it knows.
        let mut options = ConnectOptions::new().with_require_leader(true);
        let credentials = self.access.credentials();
        if let Some((user, password)) = credentials.map_err(|error| failed(error.to_string()))? {
            options = options.with_user(user, password);
        }
        let client = Client::from_channel(Channel::Tonic(channel), Some(options));
        let client = tokio::time::timeout(CONNECT * 2, client)
            .await
            .map_err(|_| failed("no answer".to_owned()))?
            .map_err(|error| failed(Failure::of(&error).to_string()))?;
        // What stands still takes a connection as well, and a member without a leader can do nothing.
        match tokio::time::timeout(ALIVE, client.maintenance_client().status()).await {
            Err(_) => return Err(failed("no answer".to_owned())),
            Ok(Ok(status)) if status.leader() == 0 => {
                return Err(failed("it has no leader".to_owned()));
            }
            // It may be forbidden to ask.
            Ok(_) => {}
        }
        Ok(Arc::new(Link {
            client,
            tokens: AtomicU64::new(0),
            renewing: AsyncMutex::default(),
            ended: watch::Sender::new(false),
        }))
    }

    /// The connection there is, or one to the next member that answers.
    pub(crate) async fn get(&self) -> Result<Arc<Link>, Failure> {
        let mut current = self.current.lock().await;
        if let Some(link) = current.take() {
            if !link.is_ended() {
                *current = Some(Arc::clone(&link));
                return Ok(link);
            }
            self.turn.fetch_add(1, Ordering::Relaxed);
        }
        let pem = self.pem.lock().clone();
        let mut failure = Failure::NotSent("no endpoint".to_owned());
        for _ in &self.endpoints {
            match self.connect(&pem).await {
                Ok(link) => {
                    *current = Some(Arc::clone(&link));
                    return Ok(link);
                }
                Err(error) => failure = error,
            }
            self.turn.fetch_add(1, Ordering::Relaxed);
        }
        Err(failure)
    }

    /// Asks for a new token, unless somebody has since this count of them.
    async fn renew(&self, link: &Link, tokens: u64) -> Result<(), Failure> {
        let _one_at_a_time = link.renewing.lock().await;
        if link.tokens.load(Ordering::Acquire) != tokens {
            return Ok(());
        }
        let credentials = self.access.credentials();
        let credentials = credentials.map_err(|error| Failure::TurnedAway(error.to_string()))?;
        if credentials.is_none() {
            return Err(Failure::Token(
                "etcd wants a user and a password, and none are given".to_owned(),
            ));
        }
        let renewed = tokio::time::timeout(CONNECT * 2, async {
            link.client.clone().update_user(credentials).await
        });
        renewed
            .await
            .map_err(|_| Failure::TurnedAway("no new token within 4 s".to_owned()))?
            .map_err(|error| Failure::Forbidden(Failure::of(&error).to_string()))?;
        link.tokens.fetch_add(1, Ordering::AcqRel);
        Ok(())
    }

    /// Counts a request that has ended.
    pub(crate) fn count<T>(
        &self,
        verb: Verb,
        begun: Instant,
        answer: &Result<Result<T, Error>, Elapsed>,
    ) {
        let error = answer
            .as_ref()
            .ok()
            .and_then(|answer| answer.as_ref().err());
        let status = match answer {
            Ok(Ok(_)) => Some(0),
            _ => error.and_then(code),
        };
        self.metrics.asked(verb, status, begun.elapsed());
        if let Some(reason) = error.and_then(|error| Failure::of(error).reason()) {
            self.metrics.refused(reason);
        }
    }

    /// Makes a request. It is made again only where it did nothing: over another connection where it did not leave, with
    /// a new token where the old one was not taken.
    pub(crate) async fn call<T, F>(
        &self,
        verb: Verb,
        patience: Duration,
        request: impl Fn(Client) -> F,
    ) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let mut left = self.endpoints.len() + 1;
        let mut renewed = false;
        loop {
            let link = self.get().await?;
            let tokens = link.tokens.load(Ordering::Acquire);
            let begun = Instant::now();
            let answer = tokio::time::timeout(patience, request(link.client.clone())).await;
            self.count(verb, begun, &answer);
            let failure = match answer {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(error)) => Failure::of(&error),
                Err(_) => {
                    let why = format!("no answer from etcd within {} s", patience.as_secs());
                    Failure::Unknown(why)
                }
            };
            if failure.is_of_the_connection() {
                link.leave();
            }
            if matches!(failure, Failure::Token(_)) && !renewed {
                renewed = true;
                self.renew(&link, tokens).await?;
            } else if matches!(failure, Failure::NotSent(_)) && left > 1 {
                left -= 1;
            } else {
                return Err(failure);
            }
        }
    }
}
