//! Connecting to the first server that gives a session.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::session::{NoSession, ZooKeeperSession};
use crate::config::SourceAccess;
use crate::remote::{ClientTls, read_password};
use crate::transfer::Error;
use crate::wire::zookeeper::{AuthPacket, OpCode, Secret};

/// How long to wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The most bytes read of the answer to a four-letter word.
const MOST_ANSWER_BYTES: u64 = 4096;

/// A connection, encrypted or not.
pub(super) trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for T {}

/// Opens a session with the first server that gives one.
pub(super) async fn connect(
    servers: &[String],
    access: &SourceAccess,
) -> Result<ZooKeeperSession<Box<dyn ByteStream>>, Error> {
    let tls = ClientTls::new(&access.access)?;
    let mut why = Error::Unreachable("ZooKeeper: no address".to_owned());
    for server in servers {
        match open_session(server, tls.as_ref()).await {
            Ok(mut session) => {
                authenticate(&mut session, access).await?;
                return Ok(session);
            }
            Err(error @ Error::Unreachable(_)) => why = error,
            Err(error) => return Err(error),
        }
    }
    Err(why)
}

async fn open_session(
    server: &str,
    tls: Option<&ClientTls>,
) -> Result<ZooKeeperSession<Box<dyn ByteStream>>, Error> {
    let stream = open_stream(server, tls).await?;
    match ZooKeeperSession::open(stream, server).await {
        Ok(session) => Ok(session),
        Err(NoSession::Other(error)) => Err(error),
        Err(NoSession::Closed) => Err(why_closed(server, tls).await),
    }
}

async fn open_stream(server: &str, tls: Option<&ClientTls>) -> Result<Box<dyn ByteStream>, Error> {
    let failed =
        |why: String| Error::Unreachable(format!("cannot reach ZooKeeper at {server}: {why}"));
    let connecting = async {
        let stream = TcpStream::connect(server).await?;
        stream.set_nodelay(true)?;
        Ok::<Box<dyn ByteStream>, std::io::Error>(match tls {
            Some(tls) => Box::new(tls.encrypt(server, stream).await?),
            None => Box::new(stream),
        })
    };
    match timeout(CONNECT_TIMEOUT, connecting).await {
        Ok(connected) => connected.map_err(|error| failed(error.to_string())),
        Err(_) => Err(failed("no answer".to_owned())),
    }
}

/// Authenticates. A server accepts any digest: whether it permits reading shows when nodes are read.
async fn authenticate(
    session: &mut ZooKeeperSession<Box<dyn ByteStream>>,
    access: &SourceAccess,
) -> Result<(), Error> {
    let Some((user, password)) = &access.access.user else {
        return Ok(());
    };
    let packet = AuthPacket {
        kind: 0,
        scheme: "digest".to_owned(),
        credentials: Some(Secret(
            format!("{user}:{}", read_password(password)?).into_bytes(),
        )),
    };
    let (answer, _zxid) = session.request::<()>(OpCode::Auth, &packet).await?;
    answer.map_err(|code| {
        let server = session.server();
        Error::Refused(format!("ZooKeeper at {server} refused the user: {code}"))
    })
}

/// Why a server closed the connection instead of giving a session, by its answer to the four-letter word `srvr`.
/// ZooKeeper answers it unless configured otherwise, also while it serves no requests.
async fn why_closed(server: &str, tls: Option<&ClientTls>) -> Error {
    let answer = four_letter_word(server, tls).await.unwrap_or_default();
    if answer.contains("not currently serving requests") {
        Error::Unreachable(format!(
            "ZooKeeper at {server} is not currently serving requests: it is starting, or has no quorum"
        ))
    } else {
        let kind = if tls.is_some() { "encrypted" } else { "plain" };
        Error::Unreachable(format!(
            "what listens at {server} closed the connection: it accepts no more connections (maxClientCnxns), accepts no \
             {kind} ones, or is not a ZooKeeper"
        ))
    }
}

async fn four_letter_word(server: &str, tls: Option<&ClientTls>) -> Result<String, Error> {
    let mut stream = open_stream(server, tls).await?;
    let mut answer = Vec::new();
    let exchange = async {
        stream.write_all(b"srvr").await?;
        stream.flush().await?;
        stream
            .take(MOST_ANSWER_BYTES)
            .read_to_end(&mut answer)
            .await
    };
    // An answer that was cut off counts as far as it came.
    let _ended = timeout(CONNECT_TIMEOUT, exchange).await;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
