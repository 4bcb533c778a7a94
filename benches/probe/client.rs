//! An HTTP client: one connection, one request at a time.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderMap, Request, header};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// The error of a lost connection.
pub type Broken = Box<dyn std::error::Error + Send + Sync>;

pub struct Client(SendRequest<Full<Bytes>>);

pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Client {
    pub async fn connect(to: SocketAddr) -> Self {
        Self::try_connect(to).await.unwrap()
    }

    pub async fn try_connect(to: SocketAddr) -> Result<Self, Broken> {
        let stream = TcpStream::connect(to).await?;
        stream.set_nodelay(true)?;
        let (client, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Self(client))
    }

    pub async fn send(&mut self, method: &str, uri: &str, body: &str) -> Answer {
        self.try_send(method, uri, body).await.unwrap()
    }

    pub async fn try_send(
        &mut self,
        method: &str,
        uri: &str,
        body: &str,
    ) -> Result<Answer, Broken> {
        self.0.ready().await?;
        let mut request = Request::builder()
            .method(method)
            .uri(uri)
            .header(header::HOST, "probe");
        // As Go does, with every request of its own accord.
        if method == "GET" {
            request = request.header(header::ACCEPT_ENCODING, "gzip");
        }
        if uri.starts_with("/v2/") && !body.is_empty() {
            request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        }
        let request = request.body(Full::from(body.to_owned())).unwrap();
        let answer = self.0.send_request(request).await?;
        let (head, body) = answer.into_parts();
        Ok(Answer {
            status: head.status.as_u16(),
            headers: head.headers,
            body: body.collect().await?.to_bytes(),
        })
    }
}
