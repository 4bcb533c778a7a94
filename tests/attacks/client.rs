//! `StoreClient`: one HTTP request a connection, over TLS or not, from an address of its own.

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use socket2::{Domain, Socket, Type};

/// The longest wait for a connection, and for each piece of an answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// Whoever sends requests to a store.
#[derive(Clone, Debug)]
pub(crate) struct StoreClient {
    pub(crate) to: SocketAddr,
    /// Where its connections come from; any address of the machine by default.
    pub(crate) from: Option<IpAddr>,
    /// The network namespace that it is in; that of the tests by default.
    pub(crate) namespace: Option<&'static str>,
    /// What it trusts and shows, where the server speaks TLS.
    pub(crate) tls: Option<Arc<ClientConfig>>,
    /// Header lines of each request: a token, a password.
    pub(crate) headers: Vec<(String, String)>,
}

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct StoreRequest {
    pub(crate) method: &'static str,
    pub(crate) target: String,
    /// Header lines; `Host` goes before the connection's own.
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

impl StoreRequest {
    pub(crate) fn new(method: &'static str, target: impl Into<String>) -> Self {
        Self {
            method,
            target: target.into(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    fn has(&self, name: &str) -> bool {
        self.headers.iter().any(|(own, _)| *own == name)
    }
}

/// An answer, read whole.
#[derive(Clone, Debug)]
pub(crate) struct StoreAnswer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl StoreAnswer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    pub(crate) fn is_success(&self) -> bool {
        matches!(self.status, 200..300)
    }
}

impl StoreClient {
    pub(crate) fn plain(to: SocketAddr) -> Self {
        Self {
            to,
            from: None,
            namespace: None,
            tls: None,
            headers: Vec::new(),
        }
    }

    /// Sends a request; an error where the server does not take the connection, or breaks it off.
    pub(crate) fn ask(&self, request: &StoreRequest) -> io::Result<StoreAnswer> {
        let stream = self.connect()?;
        let bytes = self.bytes_of(request);
        let mut answer = Vec::new();
        if let Some(tls) = &self.tls {
            let name = ServerName::from(self.to.ip());
            let session = ClientConnection::new(Arc::clone(tls), name).map_err(io::Error::other)?;
            let mut stream = StreamOwned::new(session, stream);
            stream.write_all(&bytes)?;
            read(&mut stream, &mut answer)?;
        } else {
            let mut stream = stream;
            stream.write_all(&bytes)?;
            read(&mut stream, &mut answer)?;
        }
        parse(&answer).ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))
    }

    /// A connection, on which nothing was sent yet.
    pub(crate) fn connect(&self) -> io::Result<TcpStream> {
        match self.namespace {
            None => self.dial(),
            // A thread is in a namespace by itself, and a socket stays in the one that it was made in.
            Some(namespace) => std::thread::scope(|scope| {
                let dialing = scope.spawn(|| {
                    let namespace = File::open(Path::new("/run/netns").join(namespace))?;
                    let kind = Some(LinkNameSpaceType::Network);
                    move_into_link_name_space(namespace.as_fd(), kind)?;
                    self.dial()
                });
                dialing.join().unwrap()
            }),
        }
    }

    fn dial(&self) -> io::Result<TcpStream> {
        let socket = Socket::new(Domain::for_address(self.to), Type::STREAM, None)?;
        if let Some(from) = self.from {
            socket.bind(&SocketAddr::new(from, 0).into())?;
        }
        socket.connect_timeout(&self.to.into(), PATIENCE)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        Ok(socket.into())
    }

    fn bytes_of(&self, request: &StoreRequest) -> Vec<u8> {
        let host = (!request.has("Host")).then(|| format!("Host: {}", self.to));
        let own = self.headers.iter();
        let own = own.map(|(name, value)| format!("{name}: {value}"));
        let given = request.headers.iter();
        let given = given.map(|(name, value)| format!("{name}: {value}"));
        let length = request.body.len();
        let lines = [format!("{} {} HTTP/1.1", request.method, request.target)]
            .into_iter()
            .chain(host)
            .chain(own)
            .chain(given)
            .chain([
                "Connection: close".to_owned(),
                format!("Content-Length: {length}"),
            ]);
        let head = lines.collect::<Vec<_>>().join("\r\n") + "\r\n\r\n";
        [head.as_bytes(), &request.body].concat()
    }
}

/// Reads to the end. A server that closes without TLS' own farewell has still answered.
fn read(stream: &mut impl Read, answer: &mut Vec<u8>) -> io::Result<()> {
    match stream.read_to_end(answer) {
        Err(error) if answer.is_empty() => Err(error),
        Ok(_) | Err(_) => Ok(()),
    }
}

fn parse(answer: &[u8]) -> Option<StoreAnswer> {
    let end = answer.windows(4).position(|part| part == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let body = &answer[end + 4..];
    let chunked = head
        .to_ascii_lowercase()
        .contains("transfer-encoding: chunked");
    Some(StoreAnswer {
        status,
        body: if chunked {
            unchunked(body)
        } else {
            body.to_vec()
        },
    })
}

fn unchunked(mut body: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Some(end) = body.windows(2).position(|part| part == b"\r\n") {
        let length = String::from_utf8_lossy(&body[..end]);
        let length = usize::from_str_radix(length.trim(), 16).unwrap_or(0);
        let from = end + 2;
        if length == 0 || body.len() < from + length + 2 {
            break;
        }
        whole.extend_from_slice(&body[from..from + length]);
        body = &body[from + length + 2..];
    }
    whole
}

#[test]
fn chunks_are_put_together() {
    let answer = parse(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n",
    );
    let answer = answer.unwrap();
    assert_eq!((answer.status, answer.text().as_str()), (200, "abcd"));
}
