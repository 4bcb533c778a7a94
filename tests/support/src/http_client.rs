//! A plain HTTP client: one request on a connection of its own, or bytes as they are.

use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// An answer, read whole.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: http::HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The body as text, unpacked if need be.
    pub fn unpacked(&self) -> String {
        if self.header("content-encoding") == "gzip" && !self.body.is_empty() {
            return String::from_utf8_lossy(&unpack(&self.body)).into_owned();
        }
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {:?}", self.body))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }
}

/// Fields of answers of Consul's protocol.
impl Answer {
    /// The index a client would go on from.
    pub fn index(&self) -> u64 {
        self.header("x-consul-index").parse().unwrap()
    }

    /// One field of the one entry or session in it.
    pub fn field(&self, name: &str) -> serde_json::Value {
        let all = self.json();
        assert_eq!(all.as_array().unwrap().len(), 1, "{all}");
        all[0][name].clone()
    }

    /// The keys of the entries in it.
    pub fn keys(&self) -> Vec<String> {
        let all = self.json();
        let keys = all.as_array().unwrap().iter();
        keys.map(|entry| entry["Key"].as_str().unwrap().to_owned())
            .collect()
    }
}

/// Unpacks gzip.
pub fn unpack(packed: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    let read = std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(packed), &mut plain);
    read.unwrap_or_else(|error| panic!("{error}: {packed:?}"));
    plain
}

/// Sends one request on a connection of its own and reads the answer.
pub async fn request(
    to: SocketAddr,
    method: &str,
    uri: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Answer {
    try_request(to, method, uri, headers, body).await.unwrap()
}

/// The same; an error where the other side breaks off.
pub async fn try_request(
    to: SocketAddr,
    method: &str,
    uri: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> hyper::Result<Answer> {
    let stream = TcpStream::connect(to).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    let mut request = http::Request::builder()
        .method(method)
        .uri(uri)
        .header("host", to.to_string());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request
        .body(Full::new(Bytes::copy_from_slice(body)))
        .unwrap();
    let answer = sender.send_request(request).await?;
    let (parts, body) = answer.into_parts();
    Ok(Answer {
        status: parts.status.as_u16(),
        headers: parts.headers,
        body: body.collect().await?.to_bytes(),
    })
}

/// Sends bytes as they are and reads until the other side closes.
pub async fn raw(to: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(to).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    answer
}
