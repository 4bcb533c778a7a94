//! A pipelined session with a ZooKeeper, which only reads: requests are sent without waiting for the replies to earlier ones,
//! which arrive in the order of the requests.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout};

use crate::transfer::Error;
use crate::wire::zookeeper::{
    ErrorCode, JuteRecord, JuteWriter, OpCode, ReplyHeader, RequestHeader, take_frame, xid,
};

mod errors;
mod handshake;

use self::errors::{lost, silent, too_long, unexpected};
pub(super) use handshake::NoSession;

/// The longest reply that is read, in bytes. ZooKeeper's own clients read up to 1 MiB less a byte (`jute.maxbuffer`). The
/// data of a node does not exceed that unless its servers are configured so, but the names of many children do.
const MOST_REPLY_BYTES: usize = 64 << 20;

/// The most bytes of unanswered requests: fewer than connections buffer, so that client and server never both wait for
/// the other to read.
const MOST_UNANSWERED_BYTES: usize = 32 << 10;

/// A session. Dropping it sends nothing: the server ends it after its timeout, and it owns no nodes.
#[derive(Debug)]
pub(super) struct ZooKeeperSession<S> {
    stream: S,
    /// HOST:PORT, for errors.
    server: String,
    /// The session timeout.
    timeout: Duration,
    input: BytesMut,
    output: Vec<u8>,
    /// When something was last sent.
    sent: Instant,
    last_xid: i32,
    /// The xid and length of each unanswered request.
    unanswered: VecDeque<(i32, usize)>,
    unanswered_bytes: usize,
}

/// The reply to a request.
#[derive(Debug)]
pub(super) struct SessionReply {
    /// The last zxid that the server had applied.
    pub(super) zxid: i64,
    /// The reply's record, or the error.
    answer: Result<Bytes, ErrorCode>,
}

impl SessionReply {
    /// The reply's record, or the error code of the server.
    pub(super) fn read<T: JuteRecord>(&self, server: &str) -> Result<Result<T, ErrorCode>, Error> {
        match &self.answer {
            Ok(bytes) => {
                let read = T::parse(bytes).map_err(|why| unexpected(server, &why.to_string()));
                read.map(Ok)
            }
            Err(code) => Ok(Err(*code)),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> ZooKeeperSession<S> {
    /// HOST:PORT.
    pub(super) fn server(&self) -> &str {
        &self.server
    }

    /// Whether another request may be sent before a reply arrives.
    pub(super) fn can_send(&self) -> bool {
        self.unanswered_bytes < MOST_UNANSWERED_BYTES
    }

    /// Queues a request; it is sent by the next [`Self::reply`].
    pub(super) fn send(&mut self, op: OpCode, request: &impl JuteRecord) -> Result<(), Error> {
        let number = if op == OpCode::Auth {
            xid::AUTH
        } else {
            self.last_xid = self.last_xid.checked_add(1).unwrap_or(1);
            self.last_xid
        };
        let before = self.output.len();
        self.write_request(number, op, request)?;
        let length = self.output.len().saturating_sub(before);
        self.unanswered.push_back((number, length));
        self.unanswered_bytes += length;
        Ok(())
    }

    fn write_request(
        &mut self,
        xid: i32,
        op: OpCode,
        request: &impl JuteRecord,
    ) -> Result<(), Error> {
        let op = op.number();
        self.write(|to| {
            RequestHeader { xid, op }.write(to);
            request.write(to);
        })
    }

    fn write(&mut self, record: impl FnOnce(&mut JuteWriter)) -> Result<(), Error> {
        let mut to = JuteWriter::default();
        record(&mut to);
        let frame = to.frame().map_err(|why| Error::Input(why.to_string()))?;
        self.output.extend(frame);
        Ok(())
    }

    /// Sends the queued requests.
    async fn flush(&mut self) -> Result<(), Error> {
        if self.output.is_empty() {
            return Ok(());
        }
        let (output, patience) = (std::mem::take(&mut self.output), self.reply_timeout());
        let sending = async {
            self.stream.write_all(&output).await?;
            self.stream.flush().await
        };
        match timeout(patience, sending).await {
            Ok(Ok(())) => {
                self.sent = Instant::now();
                Ok(())
            }
            Ok(Err(error)) => Err(lost(&self.server, &error.to_string())),
            Err(_) => Err(silent(&self.server)),
        }
    }

    /// How long the server may be silent while requests are unanswered: as in ZooKeeper's own clients.
    fn reply_timeout(&self) -> Duration {
        self.timeout * 2 / 3
    }

    /// Waits for the reply to the oldest unanswered request. Pings keep the session alive meanwhile.
    pub(super) async fn reply(&mut self) -> Result<SessionReply, Error> {
        self.flush().await?;
        let mut heard = Instant::now();
        loop {
            let taken = take_frame(&mut self.input, MOST_REPLY_BYTES)
                .map_err(|bad| self.bad_length(bad.0))?;
            if let Some(frame) = taken {
                if let Some(reply) = self.decode_reply(&frame)? {
                    return Ok(reply);
                }
                continue;
            }
            let (ping, deadline) = (self.sent + self.timeout / 3, heard + self.reply_timeout());
            tokio::select! {
                biased;
                read = self.stream.read_buf(&mut self.input) => match read {
                    Ok(0) => return Err(lost(&self.server, "it closed the connection")),
                    Ok(_) => heard = Instant::now(),
                    Err(error) => return Err(lost(&self.server, &error.to_string())),
                },
                () = tokio::time::sleep_until(deadline) => return Err(silent(&self.server)),
                () = tokio::time::sleep_until(ping) => {
                    self.write_request(xid::PING, OpCode::Ping, &())?;
                    self.flush().await?;
                }
            }
        }
    }

    /// Decodes a frame; `None` for a ping or an event.
    fn decode_reply(&mut self, frame: &Bytes) -> Result<Option<SessionReply>, Error> {
        let Some((head, rest)) = frame.split_at_checked(16) else {
            return Err(unexpected(&self.server, "it ends too early"));
        };
        let head = ReplyHeader::parse(head);
        let head = head.map_err(|why| unexpected(&self.server, &why.to_string()))?;
        if matches!(head.xid, xid::PING | xid::EVENT) {
            return Ok(None);
        }
        match self.unanswered.pop_front() {
            Some((xid, length)) if xid == head.xid => self.unanswered_bytes -= length,
            _ => return Err(unexpected(&self.server, "a reply to no request")),
        }
        let zxid = head.zxid;
        let answer = match ErrorCode::of(head.error) {
            None => Ok(frame.slice_ref(rest)),
            Some(
                ErrorCode::SessionExpired | ErrorCode::SessionMoved | ErrorCode::ConnectionLoss,
            ) => {
                return Err(lost(&self.server, "it has ended the session"));
            }
            Some(code) => Err(code),
        };
        Ok(Some(SessionReply { zxid, answer }))
    }

    /// Sends a request and waits for its reply; no other request may be unanswered.
    pub(super) async fn request<T: JuteRecord>(
        &mut self,
        op: OpCode,
        record: &impl JuteRecord,
    ) -> Result<(Result<T, ErrorCode>, i64), Error> {
        self.send(op, record)?;
        let reply = self.reply().await?;
        Ok((reply.read(&self.server)?, reply.zxid))
    }

    /// Ends the session.
    pub(super) async fn close(mut self) -> Result<(), Error> {
        let (_ended, _zxid) = self.request::<()>(OpCode::CloseSession, &()).await?;
        Ok(())
    }

    /// A frame has a negative length, or one that is too long.
    fn bad_length(&self, length: i32) -> Error {
        if length >= 0 && !self.unanswered.is_empty() {
            too_long(&self.server, length, MOST_REPLY_BYTES)
        } else {
            unexpected(&self.server, &format!("a frame of {length} bytes"))
        }
    }
}
