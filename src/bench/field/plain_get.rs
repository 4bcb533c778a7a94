//! A GET of a page that a server of the field shows about itself.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// How long it has to answer.
const LIMIT: Duration = Duration::from_secs(5);

/// The most bytes of its answer.
const MOST: u64 = 16 << 20;

/// The answer of the server at HOST:PORT, with its head.
pub(super) fn plain_get(address: &str, path: &str) -> std::io::Result<String> {
    let parsed = address.parse().map_err(std::io::Error::other)?;
    let mut stream = TcpStream::connect_timeout(&parsed, LIMIT)?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.set_write_timeout(Some(LIMIT))?;
    let request = format!("GET {path} HTTP/1.0\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.take(MOST).read_to_string(&mut answer)?;
    Ok(answer)
}
