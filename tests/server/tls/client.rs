//! A client over TLS.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::crypto::ring::default_provider;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::authority::{Authority, Issued};

/// Any byte stream.
pub(crate) trait Bytes: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Bytes for T {}

/// A client that trusts an authority, and may have a certificate.
#[derive(Clone)]
pub(crate) struct Client(Arc<ClientConfig>);

impl Client {
    pub(crate) fn new(trusts: &Authority, shows: Option<&Issued>) -> Self {
        Self::of_version(trusts, shows, &[&rustls::version::TLS13])
    }

    pub(crate) fn of_version(
        trusts: &Authority,
        shows: Option<&Issued>,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(trusts.certificate.clone()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots);
        Self(Arc::new(match shows {
            None => config.with_no_client_auth(),
            Some(shown) => config
                .with_client_auth_cert(vec![shown.certificate.clone()], shown.key())
                .unwrap(),
        }))
    }

    /// The same, which offers these protocols.
    pub(crate) fn offering(&self, protocols: &[&[u8]]) -> Self {
        let mut config = self.0.as_ref().clone();
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        Self(Arc::new(config))
    }

    pub(crate) async fn connect(&self, to: SocketAddr) -> io::Result<TlsStream<TcpStream>> {
        self.over(TcpStream::connect(to).await?).await
    }

    pub(crate) async fn over<IO: Bytes>(&self, io: IO) -> io::Result<TlsStream<IO>> {
        let name = ServerName::try_from("127.0.0.1").unwrap();
        TlsConnector::from(Arc::clone(&self.0))
            .connect(name, io)
            .await
    }

    /// Connects, and asks for a path.
    pub(crate) async fn get(&self, to: SocketAddr, path: &str) -> io::Result<String> {
        get(&mut self.connect(to).await?, path).await
    }

    /// The bytes with which a handshake begins.
    pub(crate) fn hello(&self) -> Vec<u8> {
        let name = ServerName::try_from("127.0.0.1").unwrap();
        let mut session = rustls::ClientConnection::new(Arc::clone(&self.0), name).unwrap();
        let mut bytes = Vec::new();
        while session.wants_write() {
            session.write_tls(&mut bytes).unwrap();
        }
        bytes
    }
}

/// Asks for a path on a connection that stays open; returns the body.
pub(crate) async fn get(stream: &mut impl Bytes, path: &str) -> io::Result<String> {
    ask(stream, &format!("GET {path}"), "").await
}

/// The same for any method, with a body.
pub(crate) async fn ask(stream: &mut impl Bytes, what: &str, body: &str) -> io::Result<String> {
    let length = body.len();
    let head = format!("{what} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {length}");
    let request = format!("{head}\r\n\r\n{body}");
    stream.write_all(request.as_bytes()).await?;
    stream.flush().await?;
    let mut answer = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&answer);
        let length = text.split("\r\n").find_map(|line| {
            line.to_lowercase()
                .strip_prefix("content-length: ")
                .map(str::to_owned)
        });
        if let (Some(length), Some((_, body))) = (length, text.split_once("\r\n\r\n"))
            && body.len() == length.parse::<usize>().unwrap()
        {
            return Ok(body.to_owned());
        }
        if stream.read_buf(&mut answer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// Whether the other end closes a connection on which nothing is sent.
pub(crate) async fn is_closed(stream: &mut impl Bytes) -> bool {
    stream.read(&mut [0]).await.map_or(true, |read| read == 0)
}
