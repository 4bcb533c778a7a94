//! Connections of a host, kept as Go's HTTP transport keeps them.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::{Instant, timeout};

use crate::bench::client::Failure;
use crate::bench::docker::observer::{StepObserver, StoreRequest};
use crate::bench::http::{HttpConnection, HttpRequest, HttpResponse};
use crate::bench::target::LoadTarget;

/// How many unused connections are kept.
const MOST_IDLE: usize = 2;

/// The connections of one host to the servers. A request takes the connection that was used last, or opens another one.
pub struct HttpConnections {
    target: Arc<LoadTarget>,
    /// The host's number, which chooses its source address and its first server.
    host: u64,
    /// How often the host went on to the next server.
    moved: Mutex<u64>,
    idle: Mutex<Vec<HttpConnection>>,
    observer: Arc<dyn StepObserver>,
}

impl fmt::Debug for HttpConnections {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("HttpConnections")
            .field("host", &self.host)
            .finish_non_exhaustive()
    }
}

impl HttpConnections {
    /// The connections of a host, none of them open.
    pub fn new(target: Arc<LoadTarget>, host: u64, observer: Arc<dyn StepObserver>) -> Self {
        Self {
            target,
            host,
            moved: Mutex::new(0),
            idle: Mutex::new(Vec::new()),
            observer,
        }
    }

    /// Who observes requests.
    pub fn observer(&self) -> &Arc<dyn StepObserver> {
        &self.observer
    }

    /// Consul's token.
    pub fn token(&self) -> Option<&str> {
        self.target.credentials.token.as_deref()
    }

    /// Sends a request. With a limit it ends as a timeout when no response came within it.
    pub async fn send(
        &self,
        kind: StoreRequest,
        request: &HttpRequest<'_>,
        limit: Option<Duration>,
    ) -> Result<HttpResponse, Failure> {
        let began = Instant::now();
        let sending = self.exchange(request);
        let result = match limit {
            Some(limit) => match timeout(limit, sending).await {
                Ok(result) => result,
                Err(_) => Err(Failure::Timeout),
            },
            None => sending.await,
        };
        let failure = result.as_ref().err();
        self.observer.request(kind, began.elapsed(), failure);
        result
    }

    /// Closes the connections that are not in use.
    pub fn close(&self) {
        self.idle.lock().clear();
    }

    async fn exchange(&self, request: &HttpRequest<'_>) -> Result<HttpResponse, Failure> {
        loop {
            let kept = self.take_idle();
            let reused = kept.is_some();
            let mut connection = match kept {
                Some(connection) => connection,
                None => self.open().await?,
            };
            match connection.send(request).await {
                Ok(response) => {
                    self.keep(connection);
                    return Ok(response);
                }
                // The server may have closed the connection while it was unused. Go repeats what changes nothing.
                Err(Failure::Connection(_)) if reused && request.method == "GET" => {}
                Err(failure) => {
                    *self.moved.lock() += 1;
                    return Err(failure);
                }
            }
        }
    }

    /// The connection that was used last, of those that the server has not closed since.
    fn take_idle(&self) -> Option<HttpConnection> {
        let mut idle = self.idle.lock();
        while let Some(mut connection) = idle.pop() {
            if !connection.has_ended() {
                return Some(connection);
            }
        }
        None
    }

    async fn open(&self) -> Result<HttpConnection, Failure> {
        let count = u64::try_from(self.target.servers.len()).unwrap_or(1);
        let turn = self.host.wrapping_add(*self.moved.lock());
        let turn = turn.checked_rem(count).unwrap_or(0);
        let turn = usize::try_from(turn).unwrap_or(0);
        let server = self.target.servers.get(turn);
        let server = server.ok_or_else(|| Failure::Connection("no server".to_owned()))?;
        let opened = HttpConnection::open(&self.target, server, self.host).await;
        if opened.is_err() {
            *self.moved.lock() += 1;
        }
        opened
    }

    fn keep(&self, connection: HttpConnection) {
        let mut idle = self.idle.lock();
        if idle.len() < MOST_IDLE && !connection.is_closed() {
            idle.push(connection);
        }
    }
}
