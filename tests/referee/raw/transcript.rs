//! Transcript of a connection: its answers and its end.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::grammar::Case;
use support::normalize::replace_after;

/// Time limit for closing a connection whose client has finished sending.
const PATIENCE: Duration = Duration::from_secs(20);

/// One answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawAnswer {
    pub status: u16,
    /// The whole status line.
    pub line: String,
    /// Names of headers as they are spelled, in order of the alphabet.
    pub names: Vec<String>,
    pub location: String,
    pub body: String,
}

/// The answers on a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transcript {
    pub answers: Vec<RawAnswer>,
    /// Whether it was not closed in time.
    pub hung: bool,
}

/// Sends a case's bytes, shuts down the sending half, and reads until the server closes.
pub async fn exchange(server: SocketAddr, case: &Case) -> Transcript {
    let stream = TcpStream::connect(server).await.unwrap();
    let (mut reader, mut writer) = stream.into_split();
    let send = async {
        // The server may have closed by then.
        let _sent = writer.write_all(&case.bytes).await;
        let _sent = writer.shutdown().await;
        std::future::pending::<()>().await;
    };
    let mut bytes = Vec::new();
    let read = async {
        let _reset = reader.read_to_end(&mut bytes).await;
    };
    let both = async {
        tokio::select! {
            () = send => {}
            () = read => {}
        }
    };
    let hung = tokio::time::timeout(PATIENCE, both).await.is_err();
    let answers = answers(&bytes, &case.methods);
    Transcript { answers, hung }
}

/// Parses the answers; bytes that are no answer become the body of one without a status.
fn answers(bytes: &[u8], methods: &[&'static str]) -> Vec<RawAnswer> {
    let mut all = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let method = methods.get(all.len()).copied().unwrap_or("GET");
        let Some((answer, after)) = answer(rest, method) else {
            all.push(RawAnswer {
                status: 0,
                line: String::new(),
                names: Vec::new(),
                location: String::new(),
                body: String::from_utf8_lossy(rest).into_owned(),
            });
            break;
        };
        rest = after;
        // 100 Continue only requests the body.
        if answer.status != 100 {
            all.push(answer);
        }
    }
    all
}

fn answer<'a>(bytes: &'a [u8], method: &str) -> Option<(RawAnswer, &'a [u8])> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut rest = &bytes[end + 4..];
    let mut lines = head.split("\r\n");
    let line = lines.next()?.to_owned();
    let status = line.split(' ').nth(1)?.parse().ok()?;
    let headers: Vec<(&str, &str)> = lines.filter_map(|line| line.split_once(": ")).collect();
    let find = |wanted: &str| {
        let found = headers
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(wanted));
        found.map(|(_, value)| *value)
    };
    let mut body = Vec::new();
    // The refusal of a malformed head has a body, even for HEAD.
    let refused = find("content-length").is_none() && find("connection") == Some("close");
    if status == 100 || method == "HEAD" && !(status == 400 && refused) {
        // No body.
    } else if find("transfer-encoding").is_some() {
        loop {
            let end = rest.windows(2).position(|two| two == b"\r\n")?;
            let size = usize::from_str_radix(std::str::from_utf8(&rest[..end]).ok()?, 16).ok()?;
            rest = rest.get(end + 2..)?;
            body.extend_from_slice(rest.get(..size)?);
            rest = rest.get(size + 2..)?;
            if size == 0 {
                break;
            }
        }
    } else if let Some(length) = find("content-length") {
        let length: usize = length.parse().ok()?;
        body.extend_from_slice(rest.get(..length)?);
        rest = &rest[length..];
    } else {
        body.extend_from_slice(rest);
        rest = &[];
    }
    let mut names: Vec<String> = headers.iter().map(|(name, _)| (*name).to_owned()).collect();
    names.sort_unstable();
    let answer = RawAnswer {
        status,
        line,
        names,
        location: find("location").unwrap_or_default().to_owned(),
        body: normal(&String::from_utf8_lossy(&body)),
    };
    Some((answer, rest))
}

/// A body without the numbers that each server counts for itself.
pub fn normal(body: &str) -> String {
    let mut body = body.to_owned();
    for mark in [
        "Index\":",
        "Index\": ",
        "\"index\":",
        "Index: ",
        "\"ttl\":",
        "current modify index ",
    ] {
        body = replace_after(&body, mark, |_| "N".to_owned());
    }
    in_order(&body)
}

/// Keys that etcd names after its index.
fn in_order(body: &str) -> String {
    const DIGITS: usize = 20;
    let mut out = String::new();
    let mut rest = body;
    while let Some(at) = rest.find("0000000000") {
        let name = rest.get(at..at + DIGITS);
        if name.is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_digit())) {
            out += &rest[..at];
            out += "IN-ORDER";
            rest = &rest[at + DIGITS..];
        } else {
            out += &rest[..=at];
            rest = &rest[at + 1..];
        }
    }
    out + rest
}
