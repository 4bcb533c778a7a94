//! One of the two servers, during a case.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::case::Request;
use support::http_client::Answer;

/// Time limit for an answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// Time limit for the answer to a poll.
const POLL_PATIENCE: Duration = Duration::from_secs(120);

/// The body of an answer that did not arrive in time; its status is 0.
pub const NO_ANSWER: &str = "no answer";

/// A server, with the connections to it and the indexes and ids learnt from its answers.
#[derive(Debug)]
pub struct Side {
    pub address: SocketAddr,
    connections: Vec<Option<SendRequest<Full<Bytes>>>>,
    /// The prefix of the case.
    pub prefix: String,
    /// The last index answered for each key, the case's prefix replaced by `$`; the empty key has that at the beginning.
    pub indexes: HashMap<String, u64>,
    /// Whether the server uses indexes between those of clients' writes for itself.
    pub gaps: bool,
    /// The ids seen, in order of appearance.
    pub ids: Vec<String>,
    /// The ids of sessions by their names.
    pub sessions: HashMap<String, String>,
}

/// The answers to a poll so far.
#[derive(Debug, Default)]
pub struct Progress {
    /// The answer, the pieces of a stream as one body.
    pub answer: Option<Answer>,
    /// Whether the answer is complete.
    pub ended: bool,
    /// The number of answers without a change.
    pub unchanged: usize,
}

/// A parked request. Dropping it closes its connection.
#[derive(Debug)]
pub struct Parked {
    pub progress: Arc<Mutex<Progress>>,
    task: JoinHandle<()>,
}

impl Parked {
    /// Continues from the answer so far.
    pub fn new<F: Future<Output = ()> + Send + 'static>(
        answer: Option<Answer>,
        work: impl FnOnce(Arc<Mutex<Progress>>) -> F,
    ) -> Self {
        let progress = Arc::new(Mutex::new(Progress {
            answer,
            ..Progress::default()
        }));
        let task = tokio::spawn(work(Arc::clone(&progress)));
        Self { progress, task }
    }
}

impl Drop for Parked {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Side {
    pub fn new(address: SocketAddr) -> Self {
        Self {
            address,
            connections: Vec::new(),
            prefix: String::new(),
            indexes: HashMap::new(),
            gaps: false,
            ids: Vec::new(),
            sessions: HashMap::new(),
        }
    }

    /// A copy with the same indexes and ids, and with connections of its own.
    pub fn for_poll(&self) -> Self {
        Self {
            prefix: self.prefix.clone(),
            indexes: self.indexes.clone(),
            gaps: self.gaps,
            sessions: self.sessions.clone(),
            ..Self::new(self.address)
        }
    }

    /// Forgets indexes and ids, for a case with a prefix of its own.
    pub fn begin(&mut self, prefix: &str, index: u64) {
        prefix.clone_into(&mut self.prefix);
        self.indexes = HashMap::from([(String::new(), index)]);
        self.ids.clear();
        self.sessions.clear();
    }

    /// A text with its marks replaced by this server's prefix, indexes and ids.
    pub fn fill(&self, text: &str) -> String {
        let text = text.replace('$', &self.prefix);
        let text = fill_marks(&text, "@{", |key| {
            let more = key.rsplit_once('+');
            let more = more.and_then(|(key, more)| Some((key, more.parse::<u64>().ok()?)));
            let (key, more) = more.unwrap_or((key, 0));
            // Two indexes later on one server may be one index later on the other.
            let more = if self.gaps { more.min(1) } else { more };
            let key = key.replace(&self.prefix, "$");
            let index = self.indexes.get(&key).or_else(|| self.indexes.get(""));
            (index.unwrap() + more).to_string()
        });
        fill_marks(&text, "#{", |name| {
            let id = self.sessions.get(name);
            id.map_or("11111111-1111-1111-1111-111111111111", |id| id)
                .to_owned()
        })
    }

    /// Whether the request can be sent as HTTP at all.
    pub fn can_send(&self, request: &Request) -> bool {
        self.filled(request).is_some()
    }

    fn filled(&self, request: &Request) -> Option<http::Request<Full<Bytes>>> {
        let mut filled = http::Request::builder()
            .method(request.method)
            .uri(self.fill(&request.target()))
            .header("host", self.address.to_string());
        for (name, value) in &request.headers {
            filled = filled.header(*name, self.fill(value));
        }
        let body = self.fill(&request.content());
        filled.body(Full::from(body)).ok()
    }

    /// Sends a request on its client's connection and reads the answer; status 0 where there is none.
    pub async fn ask(&mut self, request: &Request) -> Answer {
        self.ask_for(request, PATIENCE).await
    }

    /// Sends a request that may block for long.
    pub async fn wait(&mut self, request: &Request) -> Answer {
        self.ask_for(request, POLL_PATIENCE).await
    }

    async fn ask_for(&mut self, request: &Request, patience: Duration) -> Answer {
        let filled = self.filled(request).unwrap();
        if self.connections.len() <= request.client {
            self.connections.resize_with(request.client + 1, || None);
        }
        let mut connection = self.connections[request.client].take();
        if let Some(kept) = &mut connection
            && kept.ready().await.is_err()
        {
            connection = None;
        }
        if connection.is_none() {
            connection = connect(self.address).await;
        }
        let Some(mut connection) = connection else {
            return none("not there");
        };
        let answer = tokio::time::timeout(patience, whole(&mut connection, filled)).await;
        match answer {
            Ok(Ok(answer)) => {
                self.connections[request.client] = Some(connection);
                answer
            }
            Ok(Err(_)) => none("broken off"),
            Err(_) => none(NO_ANSWER),
        }
    }

    /// Sends a request on a connection of its own; returns the head of the answer, and its unread body.
    pub async fn open(&self, request: &Request) -> (Answer, Option<Incoming>) {
        let filled = self.filled(request).unwrap();
        let Some(mut connection) = connect(self.address).await else {
            return (none("not there"), None);
        };
        let sent = tokio::time::timeout(PATIENCE, connection.send_request(filled)).await;
        match sent {
            Ok(Ok(answer)) => {
                let (parts, body) = answer.into_parts();
                let head = Answer {
                    status: parts.status.as_u16(),
                    headers: parts.headers,
                    body: Bytes::new(),
                };
                (head, Some(body))
            }
            Ok(Err(_)) => (none("broken off"), None),
            Err(_) => (none(NO_ANSWER), None),
        }
    }
}

fn fill_marks(text: &str, mark: &str, by: impl Fn(&str) -> String) -> String {
    let mut parts = text.split(mark);
    let mut out = parts.next().unwrap().to_owned();
    for part in parts {
        let (name, rest) = part.split_once('}').unwrap();
        out += &by(name);
        out += rest;
    }
    out
}

/// A connection, if the server accepts it.
async fn connect(to: SocketAddr) -> Option<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(to).await.ok()?;
    stream.set_nodelay(true).ok()?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await.ok()?;
    tokio::spawn(connection);
    Some(sender)
}

async fn whole(
    connection: &mut SendRequest<Full<Bytes>>,
    request: http::Request<Full<Bytes>>,
) -> hyper::Result<Answer> {
    let (parts, body) = connection.send_request(request).await?.into_parts();
    Ok(Answer {
        status: parts.status.as_u16(),
        headers: parts.headers,
        body: body.collect().await?.to_bytes(),
    })
}

fn none(why: &'static str) -> Answer {
    Answer {
        status: 0,
        headers: http::HeaderMap::new(),
        body: Bytes::from_static(why.as_bytes()),
    }
}
