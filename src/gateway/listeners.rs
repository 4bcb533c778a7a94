//! The ports of a gateway, bound.

use std::io;
use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpSocket};

use super::Error;
use crate::config::Listen;

/// How many connections may wait to be accepted; the kernel takes as many of them as its `somaxconn` says. After a
/// restart every daemon of a cluster comes back at once.
const BACKLOG: u32 = 65_535;

/// Bound listeners; `None` is off.
#[derive(Debug, Default)]
pub struct Listeners {
    /// Consul's HTTP API.
    pub consul: Option<TcpListener>,
    /// etcd's API, version 2.
    pub etcd: Option<TcpListener>,
    /// Health, metrics and version.
    pub admin: Option<TcpListener>,
    /// Connections that other gateways relay.
    pub relay: Option<TcpListener>,
}

/// The addresses a gateway listens on; `None` is off.
pub type Ports = Listen;

impl Listeners {
    /// Binds every address. Must be called within a tokio runtime.
    pub fn bind(listen: &Listen) -> Result<Self, Error> {
        let Listen {
            consul,
            etcd,
            admin,
            relay,
        } = *listen;
        Ok(Self {
            consul: bind("consul", consul)?,
            etcd: bind("etcd", etcd)?,
            admin: bind("admin", admin)?,
            relay: bind("relay", relay)?,
        })
    }

    /// The same ports once more: connections that nobody accepts wait for whoever does next.
    pub(super) fn share(self) -> io::Result<Shared> {
        let Self {
            consul,
            etcd,
            admin: _at_the_desk,
            relay,
        } = self;
        let own = |listener: Option<TcpListener>| listener.map(TcpListener::into_std).transpose();
        Ok(Shared {
            consul: own(consul)?,
            etcd: own(etcd)?,
            relay: own(relay)?,
        })
    }

    /// The addresses they are bound to: where a port was 0, the one that was given.
    pub fn ports(&self) -> io::Result<Ports> {
        let Self {
            consul,
            etcd,
            admin,
            relay,
        } = self;
        let address = |listener: &Option<TcpListener>| -> io::Result<Option<SocketAddr>> {
            listener.as_ref().map(TcpListener::local_addr).transpose()
        };
        Ok(Ports {
            consul: address(consul)?,
            etcd: address(etcd)?,
            admin: address(admin)?,
            relay: address(relay)?,
        })
    }
}

/// The ports of the faces, to be served by one server after another.
#[derive(Debug)]
pub(super) struct Shared {
    consul: Option<std::net::TcpListener>,
    etcd: Option<std::net::TcpListener>,
    relay: Option<std::net::TcpListener>,
}

impl Shared {
    /// Listeners for one server each.
    pub(super) fn listeners(&self) -> io::Result<Listeners> {
        let Self {
            consul,
            etcd,
            relay,
        } = self;
        let again = |listener: &Option<std::net::TcpListener>| {
            let listener = listener
                .as_ref()
                .map(std::net::TcpListener::try_clone)
                .transpose()?;
            listener.map(TcpListener::from_std).transpose()
        };
        Ok(Listeners {
            consul: again(consul)?,
            etcd: again(etcd)?,
            admin: None,
            relay: again(relay)?,
        })
    }
}

fn bind(port: &'static str, address: Option<SocketAddr>) -> Result<Option<TcpListener>, Error> {
    let Some(address) = address else {
        return Ok(None);
    };
    match listen(address) {
        Ok(listener) => Ok(Some(listener)),
        Err(error) => Err(Error::Listen {
            port,
            address,
            error,
        }),
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // A restart does not wait for the connections of the one before to be forgotten.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}
