//! Which server to ask.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::session::{NoSession, Session};
use super::tls::Tls;
use crate::config::SourceAccess;
use crate::transfer::Error;
use crate::transfer::source::http::secret;
use crate::wire::zookeeper::{AuthPacket, Op, Secret};

/// How long to wait for a connection.
const CONNECT: Duration = Duration::from_secs(5);

/// The longest answer to a word that is read, in bytes.
const WORDS: u64 = 4096;

/// A connection, encrypted or not.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A session with the first server that gives one.
pub(super) async fn open(
    servers: &[String],
    access: &SourceAccess,
) -> Result<Session<Box<dyn Stream>>, Error> {
    let tls = Tls::new(&access.access)?;
    let mut why = Error::Unreachable("ZooKeeper: no address".to_owned());
    for server in servers {
        match open_one(server, tls.as_ref()).await {
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

async fn open_one(server: &str, tls: Option<&Tls>) -> Result<Session<Box<dyn Stream>>, Error> {
    let stream = connect(server, tls).await?;
    match Session::open(stream, server).await {
        Ok(session) => Ok(session),
        Err(NoSession::Other(error)) => Err(error),
        Err(NoSession::Closed) => Err(why_closed(server, tls).await),
    }
}

async fn connect(server: &str, tls: Option<&Tls>) -> Result<Box<dyn Stream>, Error> {
    let failed =
        |why: String| Error::Unreachable(format!("cannot reach ZooKeeper at {server}: {why}"));
    let connecting = async {
        let stream = TcpStream::connect(server).await?;
        stream.set_nodelay(true)?;
        Ok::<Box<dyn Stream>, std::io::Error>(match tls {
            Some(tls) => Box::new(tls.encrypt(server, stream).await?),
            None => Box::new(stream),
        })
    };
    match timeout(CONNECT, connecting).await {
        Ok(connected) => connected.map_err(|error| failed(error.to_string())),
        Err(_) => Err(failed("no answer".to_owned())),
    }
}

/// Says who we are. A server takes any digest: what may be read with it shows when it is read.
async fn authenticate(
    session: &mut Session<Box<dyn Stream>>,
    access: &SourceAccess,
) -> Result<(), Error> {
    let Some((user, password)) = &access.access.user else {
        return Ok(());
    };
    let packet = AuthPacket {
        kind: 0,
        scheme: "digest".to_owned(),
        shown: Secret(format!("{user}:{}", secret(password)?).into_bytes()),
    };
    let (answer, _zxid) = session.once::<()>(Op::Auth, &packet).await?;
    answer.map_err(|code| {
        let server = session.server();
        Error::Refused(format!("ZooKeeper at {server} refused the user: {code}"))
    })
}

/// Why a server closed the connection when it was asked for a session: it says so when it is sent a word. A ZooKeeper
/// knows the word `srvr` unless it is told otherwise, also while it serves nobody.
async fn why_closed(server: &str, tls: Option<&Tls>) -> Error {
    let said = word(server, tls).await.unwrap_or_default();
    if said.contains("not currently serving requests") {
        Error::Unreachable(format!(
            "ZooKeeper at {server} is not currently serving requests: it starts, or has no quorum"
        ))
    } else {
        let kind = if tls.is_some() { "encrypted" } else { "plain" };
        Error::Unreachable(format!(
            "what listens at {server} closed the connection: it takes no more (maxClientCnxns), takes no {kind} ones, or \
             is no ZooKeeper"
        ))
    }
}

async fn word(server: &str, tls: Option<&Tls>) -> Result<String, Error> {
    let mut stream = connect(server, tls).await?;
    let mut said = Vec::new();
    let asking = async {
        stream.write_all(b"srvr").await?;
        stream.flush().await?;
        stream.take(WORDS).read_to_end(&mut said).await
    };
    // What was said until it broke off is what there is.
    let _ended = timeout(CONNECT, asking).await;
    Ok(String::from_utf8_lossy(&said).into_owned())
}
