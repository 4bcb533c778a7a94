//! The PROXY header (protocol version 2) of a relayed connection: the client's address, within the TLS stream.
//!
//! Limits and the log use the client's address, not the standby's. The header is believed because only a gateway of the same
//! store gets this far.

use std::io;
use std::net::SocketAddr;

use ppp::v2::{Addresses, Builder, Command, Header, Protocol, Version};
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::face::server::Connection;

/// The signature, version, family and length.
const FIXED: usize = 16;

/// The longest rest that is read: addresses, and what a later version may add.
const LONGEST: usize = 512;

/// The header for a connection.
pub(super) fn write(ends: &Connection) -> io::Result<Vec<u8>> {
    let addresses = match (canonical(ends.peer), canonical(ends.local)) {
        (peer @ SocketAddr::V4(_), local @ SocketAddr::V4(_))
        | (peer @ SocketAddr::V6(_), local @ SocketAddr::V6(_)) => (peer, local),
        _ => {
            return Err(io::Error::other(
                "the ends of a connection are of two families",
            ));
        }
    };
    Builder::with_addresses(Version::Two | Command::Proxy, Protocol::Stream, addresses).build()
}

/// An IPv4 address as one, however the socket shows it.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// Reads the header a connection begins with.
pub(super) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Connection> {
    let bad = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    let mut bytes = vec![0; FIXED];
    stream.read_exact(&mut bytes).await?;
    let [.., high, low] = bytes.as_slice() else {
        return Err(bad("no header"));
    };
    let rest = usize::from(u16::from_be_bytes([*high, *low]));
    if rest > LONGEST {
        return Err(bad("a header that is too long"));
    }
    bytes.resize(FIXED + rest, 0);
    let (_, end) = bytes.split_at_mut(FIXED);
    stream.read_exact(end).await?;
    let header = Header::try_from(bytes.as_slice()).map_err(|error| bad(&error.to_string()))?;
    match header.addresses {
        Addresses::IPv4(ends) => Ok(Connection::plaintext(
            (ends.source_address, ends.source_port).into(),
            (ends.destination_address, ends.destination_port).into(),
        )),
        Addresses::IPv6(ends) => Ok(Connection::plaintext(
            (ends.source_address, ends.source_port).into(),
            (ends.destination_address, ends.destination_port).into(),
        )),
        Addresses::Unix(_) | Addresses::Unspecified => Err(bad("a header without addresses")),
    }
}

/// Fuzz target: any bytes are a header or refused, and what is read of them is written again.
#[cfg(any(test, fuzzing))]
pub(crate) fn proxy_header(bytes: &[u8]) {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    // A slice never waits.
    let read = |mut bytes: &[u8]| match pin!(read(&mut bytes))
        .poll(&mut Context::from_waker(Waker::noop()))
    {
        Poll::Ready(read) => read.ok(),
        Poll::Pending => None,
    };
    if let Some(ends) = read(bytes)
        && let Ok(again) = write(&ends)
    {
        let again = read(&again).map(|again| again.peer);
        assert_eq!(again, Some(canonical(ends.peer)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzz;

    fn through(ends: &Connection) -> Connection {
        let bytes = write(ends).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(read(&mut bytes.as_slice())).unwrap()
    }

    #[test]
    fn header_carries_both_addresses() {
        for (peer, local) in [
            ("10.0.0.1:7", "10.0.0.2:8500"),
            ("[fd00::1]:7", "[fd00::2]:8500"),
        ] {
            let (peer, local) = (peer.parse().unwrap(), local.parse().unwrap());
            let ends = Connection::plaintext(peer, local);
            assert_eq!(through(&ends), ends);
        }
        let mapped = Connection::plaintext(
            "[::ffff:10.0.0.1]:7".parse().unwrap(),
            "10.0.0.2:8500".parse().unwrap(),
        );
        assert_eq!(through(&mapped).peer, "10.0.0.1:7".parse().unwrap());
    }

    #[test]
    fn any_bytes_are_read_or_refused() {
        fuzz::run(&fuzz::seeds("proxy_header"), 50_000, proxy_header);
    }
}
