//! Listeners: the bound ports of a gateway.

use std::io;
use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpSocket};

use super::error::Error;
use super::faces;
use crate::config::Listen;
use crate::model::FaceName;

/// How many connections may wait to be accepted; the kernel's `somaxconn` limits it further. After a restart every daemon
/// of a cluster reconnects at once.
const BACKLOG: u32 = 65_535;

/// Bound listeners; those that are off are missing.
#[derive(Debug, Default)]
pub struct Listeners {
    /// The faces.
    pub faces: Vec<(FaceName, TcpListener)>,
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
        let mut listen = *listen;
        let mut listeners = Self::default();
        for face in faces::all() {
            let name = face.name.as_str();
            if let Some(listener) = bind(name, *(face.address)(&mut listen))? {
                listeners.faces.push((face.name, listener));
            }
        }
        listeners.admin = bind("admin", listen.admin)?;
        listeners.relay = bind("relay", listen.relay)?;
        Ok(listeners)
    }

    /// The ports of faces and relay, for several servers in turn. Connections that no server accepts wait in the kernel for
    /// the next server.
    pub(super) fn share(self) -> io::Result<SharedListeners> {
        let Self {
            faces,
            admin: _served_once,
            relay,
        } = self;
        let faces = faces
            .into_iter()
            .map(|(name, listener)| Ok((name, listener.into_std()?)));
        Ok(SharedListeners {
            faces: faces.collect::<io::Result<_>>()?,
            relay: relay.map(TcpListener::into_std).transpose()?,
        })
    }

    /// The addresses they are bound to; a configured port 0 has become the port that the kernel chose.
    pub fn ports(&self) -> io::Result<Ports> {
        let address = |listener: &Option<TcpListener>| -> io::Result<Option<SocketAddr>> {
            listener.as_ref().map(TcpListener::local_addr).transpose()
        };
        let mut ports = Ports {
            admin: address(&self.admin)?,
            relay: address(&self.relay)?,
            ..Ports::default()
        };
        for (name, listener) in &self.faces {
            *(faces::row(*name).address)(&mut ports) = Some(listener.local_addr()?);
        }
        Ok(ports)
    }
}

/// Bound ports of faces and relay that one server after another listens on.
#[derive(Debug)]
pub(super) struct SharedListeners {
    faces: Vec<(FaceName, std::net::TcpListener)>,
    relay: Option<std::net::TcpListener>,
}

impl SharedListeners {
    /// Listeners for one server each.
    pub(super) fn listeners(&self) -> io::Result<Listeners> {
        let again = |listener: &std::net::TcpListener| TcpListener::from_std(listener.try_clone()?);
        let faces = self.faces.iter();
        let faces = faces.map(|(name, listener)| Ok((*name, again(listener)?)));
        Ok(Listeners {
            faces: faces.collect::<io::Result<_>>()?,
            admin: None,
            relay: self.relay.as_ref().map(again).transpose()?,
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
    // A restarted gateway can bind while connections of its predecessor are in TIME_WAIT.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}
