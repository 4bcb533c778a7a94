//! `ConnectionFigures`: what four-letter words report of a connection.

use std::fmt::{self, Write};
use std::net::SocketAddr;

/// Figures of a connection.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ConnectionFigures {
    /// Where it comes from.
    pub(crate) peer: SocketAddr,
    /// Requests that are not answered yet.
    pub(crate) queued: usize,
    /// Requests received.
    pub(crate) received: u64,
    /// Replies and events sent.
    pub(crate) sent: u64,
    /// What it has with its session; a connection without one is the one that asks.
    pub(crate) session: Option<SessionFigures>,
}

/// Figures of a connection that has a session.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SessionFigures {
    /// The session.
    pub(crate) id: i64,
    /// The last operation, in four letters: `PING`, `SETD`, `NA`.
    pub(crate) last_operation: &'static str,
    /// When the connection was made, in milliseconds since 1970.
    pub(crate) established_ms: i64,
    /// The session's timeout, in milliseconds.
    pub(crate) timeout_ms: i32,
    /// The last request that was answered; below 0 it is not shown, as those of pings are not.
    pub(crate) last_xid: i32,
    /// The zxid of the last answer.
    pub(crate) last_zxid: i64,
    /// When the last answer was sent, in milliseconds of any clock.
    pub(crate) last_response_ms: i64,
    /// Latencies in milliseconds: the last, the least, the average, the greatest.
    pub(crate) latency_ms: [u64; 4],
}

impl ConnectionFigures {
    /// The line of `stat`.
    pub(super) fn write_brief(&self, to: &mut impl Write) -> fmt::Result {
        self.write_start(to)?;
        writeln!(to, ")")
    }

    /// The line of `cons`.
    pub(super) fn write_full(&self, to: &mut impl Write) -> fmt::Result {
        self.write_start(to)?;
        if let Some(session) = &self.session {
            session.write(to)?;
        }
        writeln!(to, ")")
    }

    fn write_start(&self, to: &mut impl Write) -> fmt::Result {
        let (queued, received, sent) = (self.queued, self.received, self.sent);
        // The number in brackets is what the server waits for on the socket: to read, while it has a session.
        let interest = u8::from(self.session.is_some());
        write!(to, " /{}", java_address(self.peer))?;
        write!(
            to,
            "[{interest}](queued={queued},recved={received},sent={sent}"
        )
    }
}

impl SessionFigures {
    fn write(&self, to: &mut impl Write) -> fmt::Result {
        write!(to, ",sid=0x{:x},lop={}", self.id, self.last_operation)?;
        write!(to, ",est={},to={}", self.established_ms, self.timeout_ms)?;
        if self.last_xid >= 0 {
            write!(to, ",lcxid=0x{:x}", self.last_xid)?;
        }
        write!(
            to,
            ",lzxid=0x{:x},lresp={}",
            self.last_zxid, self.last_response_ms
        )?;
        let [last, least, mean, greatest] = self.latency_ms;
        write!(
            to,
            ",llat={last},minlat={least},avglat={mean},maxlat={greatest}"
        )
    }
}

/// `10.0.0.1:80`; Java prints the numbers of IPv6 in full and without brackets, tools read what is after the last colon.
fn java_address(peer: SocketAddr) -> String {
    match peer {
        SocketAddr::V4(peer) => peer.to_string(),
        SocketAddr::V6(peer) => {
            let numbers = peer.ip().segments().map(|number| format!("{number:x}"));
            format!("{}:{}", numbers.join(":"), peer.port())
        }
    }
}
