//! A session with a ZooKeeper that only asks: requests go out without waiting for the answers to those before, which
//! come in their order.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout};

use crate::transfer::Error;
use crate::wire::zookeeper::{
    Code, ConnectRequest, ConnectResponse, Op, Record, ReplyHeader, RequestHeader, Secret, Writer,
    take, xid,
};

/// How long a session is asked to live without a sign of ours. Servers give 4 to 40 s, as they come.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The longest answer to the first frame, in bytes: it has 37.
const FIRST: usize = 4096;

/// The longest answer that is read, in bytes. ZooKeeper's own clients take 1 MiB less a byte (`jute.maxbuffer`), which
/// the bytes of a node do not exceed unless its servers are told so, but the names of many children do.
const LONGEST: usize = 64 << 20;

/// How many bytes of requests may be unanswered: fewer than what connections buffer, so that neither side waits for the
/// other to read.
const UNDER_WAY: usize = 32 << 10;

/// A session. Nothing is asked of the server when it is dropped: what a session has goes with its timeout, and this one
/// has nothing.
#[derive(Debug)]
pub(super) struct Session<S> {
    stream: S,
    /// HOST:PORT, for errors.
    server: String,
    /// How long it lives without a sign of ours.
    timeout: Duration,
    input: BytesMut,
    output: Vec<u8>,
    /// When something was last sent.
    sent: Instant,
    last_xid: i32,
    /// The numbers of what was asked and not answered, with how long it was.
    asked: VecDeque<(i32, usize)>,
    under_way: usize,
}

/// What was answered.
#[derive(Debug)]
pub(super) struct Reply {
    /// The latest change the server had taken in.
    pub(super) zxid: i64,
    /// The answer, or why there is none.
    answer: Result<Bytes, Code>,
}

/// Why there is no session.
#[derive(Debug)]
pub(super) enum NoSession {
    /// The server closed the connection without a word.
    Closed,
    /// Anything else.
    Other(Error),
}

impl From<Error> for NoSession {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

impl Reply {
    /// The answer as a record; what the server refuses is by its code.
    pub(super) fn read<T: Record>(&self, server: &str) -> Result<Result<T, Code>, Error> {
        match &self.answer {
            Ok(bytes) => {
                let read = T::parse(bytes).map_err(|why| strange(server, &why.to_string()));
                read.map(Ok)
            }
            Err(code) => Ok(Err(*code)),
        }
    }
}

/// It does not answer as a ZooKeeper does.
fn strange(server: &str, why: &str) -> Error {
    Error::Refused(format!(
        "this is not what ZooKeeper answers ({server}): {why}"
    ))
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    /// Begins one on a connection.
    pub(super) async fn open(stream: S, server: &str) -> Result<Self, NoSession> {
        let mut session = Self {
            stream,
            server: server.to_owned(),
            timeout: TIMEOUT,
            input: BytesMut::new(),
            output: Vec::new(),
            sent: Instant::now(),
            last_xid: 0,
            asked: VecDeque::new(),
            under_way: 0,
        };
        let request = ConnectRequest {
            version: 0,
            last_zxid: 0,
            timeout_ms: i32::try_from(TIMEOUT.as_millis()).unwrap_or(i32::MAX),
            session: 0,
            password: Secret(vec![0; 16]),
            // A server that is cut off from the others has what was.
            read_only: false,
        };
        session.write(|to| request.write(to))?;
        let sent = session.flush().await;
        sent.map_err(|_| NoSession::Closed)?;
        let response = session.first().await?;
        match u64::try_from(response.timeout_ms) {
            Ok(ms) if ms > 0 && response.session != 0 => {
                session.timeout = Duration::from_millis(ms);
            }
            _ => return Err(session.lost("it gives no session").into()),
        }
        if response.read_only {
            let why = "it is cut off from the others, and only reads";
            return Err(session.lost(why).into());
        }
        Ok(session)
    }

    /// The answer to the first frame.
    async fn first(&mut self) -> Result<ConnectResponse, NoSession> {
        let server = self.server.clone();
        let silent = self.silent();
        let answer = async {
            loop {
                let taken = take(&mut self.input, FIRST);
                let taken = taken.map_err(|bad| strange(&server, &bad.to_string()))?;
                if let Some(frame) = taken {
                    let read = ConnectResponse::parse(&frame);
                    return read.map_err(|why| strange(&server, &why.to_string()).into());
                }
                match self.stream.read_buf(&mut self.input).await {
                    Ok(0) | Err(_) if self.input.is_empty() => return Err(NoSession::Closed),
                    Ok(0) => return Err(strange(&server, "it ends too early").into()),
                    Ok(_) => {}
                    Err(error) => return Err(self.lost(&error.to_string()).into()),
                }
            }
        };
        let answered = timeout(TIMEOUT / 3, answer).await;
        answered.unwrap_or(Err(silent.into()))
    }

    /// HOST:PORT.
    pub(super) fn server(&self) -> &str {
        &self.server
    }

    /// Whether more may be asked before something is answered.
    pub(super) fn has_room(&self) -> bool {
        self.under_way < UNDER_WAY
    }

    /// Asks for something; it is sent when an answer is waited for.
    pub(super) fn ask(&mut self, op: Op, request: &impl Record) -> Result<(), Error> {
        let number = if op == Op::Auth {
            xid::AUTH
        } else {
            self.last_xid = self.last_xid.checked_add(1).unwrap_or(1);
            self.last_xid
        };
        let before = self.output.len();
        self.header(number, op, request)?;
        let length = self.output.len().saturating_sub(before);
        self.asked.push_back((number, length));
        self.under_way += length;
        Ok(())
    }

    fn header(&mut self, xid: i32, op: Op, request: &impl Record) -> Result<(), Error> {
        let op = op.number();
        self.write(|to| {
            RequestHeader { xid, op }.write(to);
            request.write(to);
        })
    }

    fn write(&mut self, record: impl FnOnce(&mut Writer)) -> Result<(), Error> {
        let mut to = Writer::default();
        record(&mut to);
        let frame = to.frame().map_err(|why| Error::Input(why.to_string()))?;
        self.output.extend(frame);
        Ok(())
    }

    /// Sends what was asked for.
    async fn flush(&mut self) -> Result<(), Error> {
        if self.output.is_empty() {
            return Ok(());
        }
        let (output, patience) = (std::mem::take(&mut self.output), self.patience());
        let sending = async {
            self.stream.write_all(&output).await?;
            self.stream.flush().await
        };
        match timeout(patience, sending).await {
            Ok(Ok(())) => {
                self.sent = Instant::now();
                Ok(())
            }
            Ok(Err(error)) => Err(self.lost(&error.to_string())),
            Err(_) => Err(self.silent()),
        }
    }

    /// How long the server may be silent although something was asked of it: as ZooKeeper's own clients have it.
    fn patience(&self) -> Duration {
        self.timeout * 2 / 3
    }

    /// The answer to the first of what was asked and not answered. Meanwhile the server is told that we are there.
    pub(super) async fn reply(&mut self) -> Result<Reply, Error> {
        self.flush().await?;
        let mut heard = Instant::now();
        loop {
            let taken = take(&mut self.input, LONGEST).map_err(|bad| self.too_long(bad.0))?;
            if let Some(frame) = taken {
                if let Some(reply) = self.answered(&frame)? {
                    return Ok(reply);
                }
                continue;
            }
            let (ping, silent) = (self.sent + self.timeout / 3, heard + self.patience());
            tokio::select! {
                biased;
                read = self.stream.read_buf(&mut self.input) => match read {
                    Ok(0) => return Err(self.lost("it closed the connection")),
                    Ok(_) => heard = Instant::now(),
                    Err(error) => return Err(self.lost(&error.to_string())),
                },
                () = tokio::time::sleep_until(silent) => return Err(self.silent()),
                () = tokio::time::sleep_until(ping) => {
                    self.header(xid::PING, Op::Ping, &())?;
                    self.flush().await?;
                }
            }
        }
    }

    /// Takes in a frame; nothing where it answers nothing that was asked.
    fn answered(&mut self, frame: &Bytes) -> Result<Option<Reply>, Error> {
        let Some((head, rest)) = frame.split_at_checked(16) else {
            return Err(strange(&self.server, "it ends too early"));
        };
        let head = ReplyHeader::parse(head);
        let head = head.map_err(|why| strange(&self.server, &why.to_string()))?;
        if matches!(head.xid, xid::PING | xid::EVENT) {
            return Ok(None);
        }
        match self.asked.pop_front() {
            Some((asked, length)) if asked == head.xid => self.under_way -= length,
            _ => return Err(strange(&self.server, "an answer to nothing that was asked")),
        }
        let zxid = head.zxid;
        let answer = match Code::of(head.error) {
            None => Ok(frame.slice_ref(rest)),
            Some(Code::SessionExpired | Code::SessionMoved | Code::ConnectionLoss) => {
                return Err(self.lost("it has ended the session"));
            }
            Some(code) => Err(code),
        };
        Ok(Some(Reply { zxid, answer }))
    }

    /// Asks for one thing and waits for the answer; nothing else may be under way.
    pub(super) async fn once<T: Record>(
        &mut self,
        op: Op,
        request: &impl Record,
    ) -> Result<(Result<T, Code>, i64), Error> {
        self.ask(op, request)?;
        let reply = self.reply().await?;
        Ok((reply.read(&self.server)?, reply.zxid))
    }

    /// Ends it.
    pub(super) async fn close(mut self) -> Result<(), Error> {
        let (_ended, _zxid) = self.once::<()>(Op::CloseSession, &()).await?;
        Ok(())
    }

    fn lost(&self, why: &str) -> Error {
        Error::Unreachable(format!(
            "lost the session with ZooKeeper at {}: {why}; run this again",
            self.server
        ))
    }

    fn silent(&self) -> Error {
        self.lost("it does not answer")
    }

    fn too_long(&self, length: i32) -> Error {
        let server = &self.server;
        let (mib, asked) = (LONGEST >> 20, self.asked.len());
        match length {
            0.. if asked > 0 => Error::Refused(format!(
                "ZooKeeper at {server} has an answer of {length} bytes, and {mib} MiB is the most that is read: \
                 a node with millions of children is to be thinned out first"
            )),
            _ => strange(server, &format!("a frame of {length} bytes")),
        }
    }
}
