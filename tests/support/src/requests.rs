//! HTTP requests over connections of their own, each written in one piece, and their answers unchanged.
//!
//! A gateway that rejects a connection may close it before the request is written. No sender fails on that: the test
//! finds out when it reads.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// The longest wait for an answer; parked polls take as long.
const PATIENCE: Duration = Duration::from_secs(120);

/// Connects, with a timeout: reading an answer that never arrives fails the test.
pub fn connect(to: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(to).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Sends bytes as they are and leaves the connection open.
pub fn send_bytes(to: SocketAddr, bytes: &[u8]) -> TcpStream {
    let mut stream = connect(to);
    let _refused = stream.write_all(bytes);
    stream
}

/// Sends a request without a body and leaves the connection open.
pub fn send(to: SocketAddr, line: &str) -> TcpStream {
    send_bytes(to, format!("{line} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes())
}

/// Sends a request with a body, of this content type if one is given; the gateway closes the connection after its answer.
pub fn send_body(to: SocketAddr, line: &str, kind: &str, body: impl AsRef<[u8]>) -> TcpStream {
    let body = body.as_ref();
    let kind = if kind.is_empty() {
        String::new()
    } else {
        format!("Content-Type: {kind}\r\n")
    };
    let head = format!(
        "{line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{kind}Content-Length: {}\r\n\r\n",
        body.len()
    );
    send_bytes(to, &[head.as_bytes(), body].concat())
}

/// Reads an answer until the connection ends: status line, headers and body.
pub fn answer(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer).into_owned();
    read.unwrap_or_else(|error| panic!("the connection was refused or broke: {error}: {answer:?}"));
    answer
}

/// The part of an answer that arrived before the connection ended or was reset.
pub fn answer_or_reset(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    let _reset = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

/// Reads until a text came; the connection stays open.
pub fn read_until(stream: &mut TcpStream, wanted: &str) -> String {
    let mut answer = Vec::new();
    let mut part = [0; 4096];
    while !String::from_utf8_lossy(&answer).contains(wanted) {
        let read = stream.read(&mut part).unwrap();
        assert!(read > 0, "{}", String::from_utf8_lossy(&answer));
        answer.extend_from_slice(&part[..read]);
    }
    String::from_utf8_lossy(&answer).into_owned()
}

/// Sends a request without a body and reads the answer.
pub fn ask(to: SocketAddr, line: &str) -> String {
    let request = format!("{line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    answer(send_bytes(to, request.as_bytes()))
}

/// Sends a request with a body and reads the answer.
pub fn ask_body(to: SocketAddr, line: &str, kind: &str, body: impl AsRef<[u8]>) -> String {
    answer(send_body(to, line, kind, body))
}
