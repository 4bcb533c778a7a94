//! Constant answers of Consul's and etcd v2's APIs.

use std::io;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The most headers of a request.
const MOST_HEADERS: usize = 32;

/// The answers, made once.
#[derive(Debug)]
pub(super) struct HttpAnswers {
    consul_read: Vec<u8>,
    consul_write: Vec<u8>,
    consul_session: Vec<u8>,
    etcd: Vec<u8>,
}

impl HttpAnswers {
    /// Answers with an entry of as many bytes, or with success.
    pub(super) fn new(value_bytes: usize) -> Self {
        let value = vec![b'x'; value_bytes];
        let base64 = STANDARD.encode(&value);
        let text = String::from_utf8_lossy(&value);
        let index =
            "X-Consul-Index: 1\r\nX-Consul-Knownleader: true\r\nX-Consul-Lastcontact: 0\r\n";
        let etcd = "X-Etcd-Index: 1\r\nX-Raft-Index: 1\r\nX-Raft-Term: 1\r\n";
        Self {
            consul_read: answer(
                index,
                &format!(
                    r#"[{{"LockIndex":0,"Key":"k","Flags":0,"Value":"{base64}","CreateIndex":1,"ModifyIndex":1}}]"#
                ),
            ),
            consul_write: answer("", "true\n"),
            consul_session: answer("", r#"{"ID":"00000000-0000-0000-0000-000000000000"}"#),
            etcd: answer(
                etcd,
                &format!(
                    r#"{{"action":"get","node":{{"key":"/k","value":"{text}","modifiedIndex":1,"createdIndex":1}}}}"#
                ),
            ),
        }
    }

    /// Answers the requests of one connection until either side ends it.
    pub(super) async fn connection(&self, mut stream: TcpStream) -> io::Result<()> {
        let mut input = BytesMut::with_capacity(4096);
        loop {
            let (length, answer) = loop {
                if let Some(found) = self.answer(&input)? {
                    break found;
                }
                if stream.read_buf(&mut input).await? == 0 {
                    return Ok(());
                }
            };
            while input.len() < length {
                if stream.read_buf(&mut input).await? == 0 {
                    return Ok(());
                }
            }
            input.advance(length);
            stream.write_all(answer).await?;
        }
    }

    /// The length of the first request, and its answer; `None` while its head is incomplete.
    fn answer(&self, input: &[u8]) -> io::Result<Option<(usize, &[u8])>> {
        let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
        let mut request = httparse::Request::new(&mut headers);
        let parsed = request.parse(input).map_err(io::Error::other)?;
        let httparse::Status::Complete(head) = parsed else {
            return Ok(None);
        };
        let body = request
            .headers
            .iter()
            .find(|header| header.name.eq_ignore_ascii_case("content-length"))
            .and_then(|header| std::str::from_utf8(header.value).ok()?.parse().ok())
            .unwrap_or(0_usize);
        let path = request.path.unwrap_or_default();
        let answer = if path.starts_with("/v2/") {
            &self.etcd
        } else if path.starts_with("/v1/session/") {
            &self.consul_session
        } else if request.method == Some("GET") {
            &self.consul_read
        } else {
            &self.consul_write
        };
        Ok(Some((head.saturating_add(body), answer)))
    }
}

fn answer(headers: &str, body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{headers}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}
